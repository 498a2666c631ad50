r"""From a training's result to what ships: weights, ONNX file, and an entry in the index of models.

    python -m h2ot_edge.export.release motionbert-s --summary "the default" \
        --backbone motionbert --variant s --checkpoint weights.pt \
        --accuracy accuracy.json --training training.json

Run in a checkout: it writes into the package. The same weights, documents and libraries give the
same bytes. Releasing a name again replaces it.
"""

import argparse
import hashlib
import json
import logging
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from h2ot_edge import zoo
from h2ot_edge._files import write_whole
from h2ot_edge.cli.export_ import add_options, options_of_arguments
from h2ot_edge.cli.output import write_rows
from h2ot_edge.errors import H2OTError, UsageError
from h2ot_edge.export.checkpoints import load_checkpoint
from h2ot_edge.export.options import ExportOptions
from h2ot_edge.export.origin import Origin, npz_of_weights
from h2ot_edge.export.pipeline import export_network
from h2ot_edge.export.shipped import plan_of_card

__all__ = ["main", "release"]

Document = Mapping[str, Any]


def release(
    name: str,
    options: ExportOptions,
    *,
    summary: str,
    accuracy: Document | None = None,
    training: Document | None = None,
    ready: bool = True,
) -> zoo.ZooModel:
    """Write a model into the package.

    Args:
        name: under which it will be asked for: small letters, digits and hyphens.
        options: how it is exported; `checkpoint` is the training's result.
        summary: what it is for, in a line.
        accuracy: for its card.
        training: for its card.
        ready: whether the ONNX file ships, or is exported on first use.

    Raises:
        UsageError: a wrong name, no checkpoint, or another model has the same network and plan.
        CheckpointError, ExportError, ParityError: as for `export_model`; then nothing is written.
    """
    _check(name, options)
    network = options.build().eval()
    assert options.checkpoint is not None
    load_checkpoint(options.checkpoint, network, options)
    # What ships is half as large, and float16 builds of it have the very same weights.
    network.half().float()
    weights = npz_of_weights(network)
    origin = Origin(
        weights={
            "source": "shipped",
            "name": name,
            "sha256": hashlib.sha256(weights).hexdigest(),
        },
        licence=options.family.licence,
        accuracy=accuracy or {},
        training=training or {},
    )
    # Elsewhere first: what fails must leave the package as it was.
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "model.onnx"
        card = export_network(network, options, origin, exported)
        entry = {
            "summary": summary,
            "weights": f"{name}.npz",
            "ready": ready,
            "card": card.to_dict(),
        }
        _write(name, entry, weights, exported.read_bytes() if ready else None)
    return zoo.models()[name]


def _check(name: str, options: ExportOptions) -> None:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise UsageError(
            f"{name}: expected a name of small letters, digits and hyphens, such as motionbert-s"
        )
    if options.checkpoint is None:
        raise UsageError("a release needs trained weights; give --checkpoint FILE")
    asked = (options.backbone, options.variant, options.plan)
    for other, model in zoo.models().items():
        card = model.card
        if other != name and (card.backbone, card.variant, plan_of_card(card)) == asked:
            raise UsageError(
                f"{name}: {other} already is {options.backbone} {options.variant} with this window "
                "and pruning; release it under that name, or remove it from the index"
            )


def _write(name: str, entry: Document, weights: bytes, exported: bytes | None) -> None:
    """The index last: until then the model is the old one, or none."""
    path = zoo.MODELS / "index.json"
    index = {**json.loads(path.read_text(encoding="utf-8")), name: entry}
    text = json.dumps(index, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    onnx = zoo.MODELS / f"{name}.onnx"
    write_whole(zoo.WEIGHTS / str(entry["weights"]), weights)
    if exported is None:
        onnx.unlink(missing_ok=True)
    else:
        write_whole(onnx, exported)
    write_whole(path, text.encode())


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, release, report; the exit status."""
    logging.basicConfig(format="release: %(levelname)s: %(message)s", level=logging.INFO)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", metavar="NAME", help="how the model will be asked for")
    parser.add_argument("--summary", required=True, metavar="TEXT", help="what it is for")
    parser.add_argument("--accuracy", type=Path, metavar="FILE.json", help="for the card")
    parser.add_argument("--training", type=Path, metavar="FILE.json", help="for the card")
    parser.add_argument("--weights-only", action="store_true", help="export on first use instead")
    add_options(parser)
    args = parser.parse_args(argv)
    try:
        model = _released(args)
    except H2OTError as error:
        sys.stderr.write(f"release: error: {error}\n")
        return error.exit_status
    write_rows(_rows(model))
    return 0


def _released(args: argparse.Namespace) -> zoo.ZooModel:
    return release(
        args.name,
        options_of_arguments(args),
        summary=args.summary,
        accuracy=_read(args.accuracy),
        training=_read(args.training),
        ready=not args.weights_only,
    )


def _read(path: Path | None) -> Document:
    """The JSON object in a file; empty without one."""
    if path is None:
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(document, dict):
        raise UsageError(f"{path}: expected a JSON object, got a {type(document).__name__}")
    return document


def _rows(model: zoo.ZooModel) -> list[tuple[str, str]]:
    parity = model.card.parity
    return [
        ("model", f"{model.name} ({model.path if model.ready else 'exported on first use'})"),
        ("weights", f"{model.weights} ({model.weights.stat().st_size / 1e6:.1f} MB)"),
        ("sha256", model.card.weights["sha256"]),
        ("parity", f"largest difference {parity['largest']:.1e} of rms {parity['rms']:.2g}"),
    ]


if __name__ == "__main__":
    sys.exit(main())
