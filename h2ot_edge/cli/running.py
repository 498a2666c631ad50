"""What commands that run models have in common: options, loading."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from h2ot_edge.backends import BACKENDS
from h2ot_edge.engine import Engine
from h2ot_edge.engine_file import is_engine
from h2ot_edge.errors import UsageError
from h2ot_edge.zoo import resolve

__all__ = ["add_running", "load_engine", "named_models"]

_logger = logging.getLogger(__name__)


def add_running(parser: argparse.ArgumentParser, *, clips: bool = True) -> None:
    """Add the options that `load_engine` takes; `clips`: and how they are cut into windows."""
    group = parser.add_argument_group("running")
    group.add_argument(
        "-d", "--device", default="auto",
        help="cpu, cuda or cuda:N; auto: cpu with onnxruntime, cuda:0 with TensorRT",
    )  # fmt: skip
    group.add_argument("--backend", default="auto", help=f"auto, {', '.join(BACKENDS)}")
    group.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all)")
    if not clips:
        parser.set_defaults(overlap=None)
        return
    group.add_argument(
        "--overlap",
        type=int,
        metavar="FRAMES",
        help="that neighbouring windows share (default: a ninth of a window)",
    )


def named_models(given: Sequence[str]) -> dict[str, Path]:
    """Files of models, by the names that results have.

    Raises:
        UsageError: two have one name, or as `zoo.resolve`.
    """
    models: dict[str, Path] = {}
    for model in given:
        name = Path(model).stem if is_engine(model) else Path(model).name.removesuffix(".onnx")
        if name in models:
            raise UsageError(
                f"{model}: another model is called {name!r} as well; results are told apart by "
                "the names of the files, so rename one"
            )
        models[name] = resolve(model)
    return models


def load_engine(path: str | Path, args: argparse.Namespace) -> Engine:
    """Load a model as `Engine.load` does, and warn if it was never trained."""
    engine = Engine.load(
        path,
        backend=args.backend,
        device=args.device,
        threads=args.threads,
        overlap=args.overlap,
    )
    if engine.card.weights.get("source") == "random":
        _logger.warning("the weights of this model are random, so its poses mean nothing")
    return engine
