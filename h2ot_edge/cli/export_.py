"""`h2ot export`: checkpoint in, verified ONNX out."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from h2ot_edge._bars import named_progress
from h2ot_edge._names import require
from h2ot_edge.card import ModelCard
from h2ot_edge.cli.budget import Budgeted, add_budget, budgeted, check_budget
from h2ot_edge.cli.output import listed, precision_rows, tokens_in_words, write_json, write_rows
from h2ot_edge.cli.precision import add_precision, precision_of_arguments
from h2ot_edge.errors import UsageError

if TYPE_CHECKING:
    from h2ot_edge.engines.precision import PrecisionOptions
    from h2ot_edge.export import ExportOptions, TokenPlan
    from h2ot_edge.export.tokens.plan import Mode

__all__ = ["SUMMARY", "add_arguments", "add_options", "options_of_arguments", "run"]

SUMMARY = "export a (pruned) backbone to static, verified ONNX"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add_options(parser)
    add_precision(parser)
    add_budget(parser)
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o", "--output", type=Path, metavar="FILE.onnx", help="where to (default: a telling name)"
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `options_of_arguments` reads."""
    _add_network(parser.add_argument_group("network"))
    _add_weights(parser.add_argument_group("weights"))
    _add_all_tokens(parser.add_argument_group("tokens"))
    _add_graph(parser.add_argument_group("graph"))


def _add_network(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--backbone",
        required=True,
        metavar="NAME",
        help="motionbert, mixste, mhformer or motionagformer",
    )
    group.add_argument(
        "--variant",
        metavar="NAME",
        help="motionbert: s (default), lite, full; mixste, mhformer: base; motionagformer: hot "
        "(default: HoT's b with 4 heads and 4 neighbours), xs, s, b, l",
    )
    group.add_argument(
        "--frames", type=int, metavar="N", help="window (default: as the variant was published)"
    )


def _add_weights(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="published weights (.bin, .pth, .pt, .tr); without them, those that ship, or random "
        "ones if none fit",
    )
    group.add_argument(
        "--random-weights", action="store_true", help="random ones even if some that fit ship"
    )
    group.add_argument("--seed", type=int, metavar="N", help="of random weights (default: 0)")


def _add_all_tokens(group: argparse._ArgumentGroup) -> None:
    add_tokens(group)
    group.add_argument(
        "--mode", choices=("seq2seq", "seq2frame"), help="all frames, or the centre frame"
    )


def add_tokens(group: argparse._ArgumentGroup) -> None:
    """Add what says which frames stay and how the others come back; see `plan_of_arguments`."""
    group.add_argument(
        "--preset",
        metavar="NAME",
        help="none: unpruned; hot: the published single step (default, unless the variant has "
        "another); h2ot: in several steps, without weights of its own",
    )
    group.add_argument(
        "--prune", metavar="NAME", help="tpc, tpa, tpmo, tps or none, instead of a preset"
    )
    group.add_argument(
        "--keep", metavar="BLOCK:K[,BLOCK:K...]", help="frames kept from each block on"
    )
    group.add_argument("--recover", metavar="NAME", help="tra, tri, nearest or none")


def _add_graph(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--batch", default="1", metavar="N|dynamic", help="windows a call takes")
    group.add_argument(
        "--opset", type=int, metavar="N", help="16 to 20 (default: 17; 19 with --precision int8)"
    )
    group.add_argument("--with-kept", action="store_true", help="also give the kept frames")
    group.add_argument("--flip-tta", action="store_true", help="average with the mirror image")


def run(args: argparse.Namespace) -> int:
    """Resolve, export, report."""
    from h2ot_edge.export import export_model  # brings torch

    check_budget(args)
    options = options_of_arguments(args)
    lower = precision_of_arguments(args)
    if lower is not None:
        lower.check_opset(options.opset)
    if args.output is not None:
        _check_output(args.output)
    shown = not (args.json or args.quiet)
    budget = None
    if args.budget_ms is not None:
        budget = budgeted(args, options, shown=shown)
        options = budget.options
    path = args.output or Path(options.file_name(args.precision))
    _check_output(path)
    with tempfile.TemporaryDirectory() as folder:
        exported = path if lower is None else Path(folder) / "fp32.onnx"
        with _progress(shown=shown) as progress:
            card = export_model(options, exported, progress)
        if lower is not None:
            card = _lowered(exported, path, lower, shown=shown)
    _report(path, card, budget, as_json=args.json)
    return 0


def _check_output(path: Path) -> None:
    if path.suffix != ".onnx":
        raise UsageError(f"--output {path}: expected a name that ends in .onnx")
    if path.is_dir():
        raise UsageError(f"--output {path}: expected the name of a file, this is a folder")


def _report(path: Path, card: ModelCard, budget: Budgeted | None, *, as_json: bool) -> None:
    if as_json:
        chosen = {} if budget is None else {"budget": budget.to_dict()}
        found = {"output": str(path), "bytes": path.stat().st_size, "card": card.to_dict()}
        write_json({**found, **chosen})
    else:
        write_rows([*_rows(path, card), *([] if budget is None else budget.rows())])


def _lowered(exported: Path, path: Path, options: "PrecisionOptions", *, shown: bool) -> ModelCard:
    from h2ot_edge.engines.precision import lower_precision

    with named_progress("window", shown=shown) as progress:
        return lower_precision(exported, path, options, progress)


def options_of_arguments(args: argparse.Namespace) -> "ExportOptions":
    """What the arguments of `add_options` ask for; brings torch.

    Raises:
        UsageError: if they cannot be carried out together.
    """
    from h2ot_edge.export import ExportOptions

    variant, plan = plan_of_arguments(args, mode=args.mode)
    options = ExportOptions(
        backbone=args.backbone,
        variant=variant,
        plan=plan,
        checkpoint=args.checkpoint,
        random=args.random_weights,
        batch=_batch(args.batch),
        opset=_opset(args),
        with_kept=args.with_kept,
        flip_tta=args.flip_tta,
        seed=args.seed or 0,
    )
    if args.seed is not None and (options.checkpoint or options.shipped):
        raise UsageError(
            f"--seed {args.seed}: no weights are random here; leave it out, or add --random-weights"
        )
    return options


def plan_of_arguments(
    args: argparse.Namespace, *, mode: "Mode | None" = None
) -> tuple[str, "TokenPlan"]:
    """The variant and the plan of `--backbone`, `--variant`, `--frames` and `add_tokens`.

    Raises:
        UsageError: if they cannot be carried out together.
    """
    from h2ot_edge._names import look_up
    from h2ot_edge.export import BACKBONES, choose_plan, parse_schedule

    family = look_up("backbone", args.backbone, BACKBONES)
    variant = args.variant or family.default_variant
    size = look_up(f"variant of {args.backbone}", variant, family.variants)
    plan = choose_plan(
        family.for_variant(variant),
        args.frames if args.frames is not None else size.frames,
        preset=args.preset,
        prune=args.prune,
        schedule=parse_schedule(args.keep) if args.keep is not None else None,
        recover=args.recover,
        mode=mode,
    )
    return variant, plan


def _opset(args: argparse.Namespace) -> int:
    """The one asked for; else the first that the precision can have."""
    if args.opset is not None:
        return int(args.opset)
    return 19 if getattr(args, "precision", "fp32") == "int8" else 17


def _batch(text: str) -> int | None:
    if text == "dynamic":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--batch {text}: expected a positive number or 'dynamic'")
    return int(text)


@contextmanager
def _progress(*, shown: bool) -> Iterator[Callable[[str], None]]:
    """A bar over the stages, on a terminal only."""
    from h2ot_edge.export.pipeline import STAGES

    if not (shown and sys.stderr.isatty()):
        yield lambda stage: None
        return
    tqdm = require("tqdm", "export")
    with tqdm.tqdm(total=len(STAGES), leave=False, bar_format="{desc} |{bar}| {elapsed}") as bar:

        def update(stage: str) -> None:
            bar.update(STAGES.index(stage) - bar.n)
            bar.set_description(stage)

        yield update


def _rows(path: Path, card: ModelCard) -> Iterator[tuple[str, str]]:
    parity, flops = card.parity, card.flops
    yield "model", f"{path} ({path.stat().st_size / 1e6:.1f} MB, opset {card.opset})"
    yield "network", f"{card.backbone} {card.variant}, {card.parameters / 1e6:.2f} M parameters"
    yield "tokens", tokens_in_words(card)
    published, graph = flops["published"], flops["graph"]
    yield (
        "GFLOPs",
        f"{graph['total'] / 1e9:.2f} a window (as published: {published['total'] / 1e9:.2f}, "
        f"Linear and Conv only {published['linear'] / 1e9:.2f})",
    )
    yield (
        "parity",
        f"largest difference from PyTorch {parity['largest']:.1e} of rms {parity['rms']:.2g} on "
        f"{parity['windows']} windows, {parity['kept_differ']} kept frames differ",
    )
    if parity["given_choices_largest"] is not None:
        yield (
            "",
            f"{parity['neighbours_flipped']} neighbours chosen differently; given the same "
            f"choices, largest difference {parity['given_choices_largest']:.1e}",
        )
    yield "weights", listed(card.weights)
    if card.precision_name != "fp32":
        yield from precision_rows(card)
