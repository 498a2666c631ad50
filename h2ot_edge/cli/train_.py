"""`h2ot train`: motion capture in, weights out."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from h2ot_edge._names import require
from h2ot_edge.cli.export_ import add_tokens, plan_of_arguments
from h2ot_edge.cli.output import in_words, write_json, write_rows
from h2ot_edge.errors import UsageError

if TYPE_CHECKING:
    from h2ot_edge.export.training import Recipe

__all__ = ["SUMMARY", "add_arguments", "run"]

T = TypeVar("T", int, float)

SUMMARY = "train a (pruned) backbone on motion capture filmed by virtual cameras"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    _add_network(parser.add_argument_group("network"))
    _add_data(parser.add_argument_group("data"))
    _add_recipe(parser.add_argument_group("recipe"))
    group = parser.add_argument_group("run")
    group.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the run; one "
        "that was interrupted goes on",
    )  # fmt: skip
    group.add_argument("--device", default="cpu", metavar="cpu|cuda[:N]", help="where to train")
    group.add_argument("--compile", action="store_true", help="run the network by torch.compile")
    group.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all cores)")


def _add_network(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--backbone", default="motionbert", metavar="NAME", help="which network")
    group.add_argument("--variant", default="s", metavar="NAME", help="which size of it")
    group.add_argument("--frames", type=int, metavar="N", help="window (default: the variant's)")
    add_tokens(group)
    group.add_argument(
        "--begin", type=Path, metavar="FILE.pt", help="weights to begin from, of any pruning"
    )


def _add_data(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--data", type=Path, nargs="+", required=True, metavar="FILE",
        help="motion capture: .npz of this project or of VideoPose3D, or a folder of BVH files",
    )  # fmt: skip
    group.add_argument(
        "--metres-per-unit", type=float, metavar="X", help="size of the unit of BVH files"
    )
    group.add_argument(
        "--validation-subjects", default="", metavar="A,B,...",
        help="people who are only tested on (default: the last of every eight)",
    )  # fmt: skip
    group.add_argument(
        "--noise", choices=("noisy", "clean"), default="noisy", help="of the simulated detector"
    )


def _add_recipe(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--steps", default="4500,1500,600", metavar="P,S,F",
        help="batches of single poses, of every ninth frame, of the whole network",
    )  # fmt: skip
    group.add_argument(
        "--windows", default="1024,48,16", metavar="P,S,F", help="windows in a batch of each"
    )
    group.add_argument(
        "--rates", default="1e-3,8e-4,2e-4", metavar="P,S,F", help="highest learning rate of each"
    )
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of everything random")
    group.add_argument(
        "--bfloat16", action="store_true",
        help="products in bfloat16 on a CPU that has them (always so on CUDA)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Train, and report where the weights are and how good they are."""
    require("torch", "train")
    from h2ot_edge.export.training import train

    recipe = _recipe(args)
    with _progress(recipe.steps, shown=not (args.json or args.quiet)) as progress:
        result = train(
            recipe,
            args.data,
            args.output,
            validation_subjects=tuple(filter(None, args.validation_subjects.split(","))),
            metres_per_unit=args.metres_per_unit,
            clean=args.noise == "clean",
            begin=args.begin,
            device=args.device,
            compiled=args.compile,
            threads=args.threads,
            progress=progress,
        )
    if args.json:
        write_json(result)
    else:
        write_rows((name, in_words(value)) for name, value in result.items())
    return 0


def _recipe(args: argparse.Namespace) -> "Recipe":
    from h2ot_edge.export.training import Recipe, make_stages

    variant, plan = plan_of_arguments(args)
    stages = make_stages(
        plan,
        _three("--steps", args.steps, int),
        windows=_three("--windows", args.windows, int),
        rates=_three("--rates", args.rates, float),
    )
    return Recipe(
        backbone=args.backbone,
        variant=variant,
        stages=stages,
        seed=args.seed,
        bfloat16=args.bfloat16,
    )


def _three(option: str, text: str, kind: Callable[[str], T]) -> tuple[T, T, T]:
    """One number per stage."""
    try:
        first, second, third = (kind(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(
            f"{option} {text}: expected three numbers, one for each stage, such as 4500,1500,600"
        ) from error
    return first, second, third


@contextmanager
def _progress(steps: int, *, shown: bool) -> Iterator[Callable[[int, float], None]]:
    """A bar over the steps of all stages, on a terminal only."""
    if not (shown and sys.stderr.isatty()):
        yield lambda done, error_mm: None
        return
    tqdm = require("tqdm", "train")
    with tqdm.tqdm(total=steps, unit="step") as bar:

        def update(done: int, error_mm: float) -> None:
            bar.update(done - bar.n)
            bar.set_postfix_str(f"{error_mm:.1f} mm")

        yield update
