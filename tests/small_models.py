"""Small models as they ship: weights, ONNX files and an index, made by the release command."""

from pathlib import Path

import pytest
import torch
from small_networks import FAMILY

from h2ot_edge import zoo
from h2ot_edge.export import BACKBONES, ExportOptions, choose_plan
from h2ot_edge.export.layers import published_init
from h2ot_edge.export.release import release

ACCURACY = {"data": "ten walks", "noise": "none", "mpjpe_mm": 43.21}
TRAINING = {"data": "nothing", "seed": 0}

READY, UNREADY = "small-base", "small-base-dense"
NAMES = [READY, UNREADY]


def options(preset: str | None = None, **changes) -> ExportOptions:
    """Of the small network, with or without pruning."""
    plan = choose_plan(FAMILY, 9, preset=preset)
    return ExportOptions(**{"backbone": "small", "variant": "base", "plan": plan, **changes})


def trained(path: Path, preset: str | None = None, seed: int = 5) -> Path:
    """A state dict as a training leaves it; that it was never trained does not matter here."""
    network = FAMILY.build("base", options(preset).plan)
    published_init(network, torch.Generator().manual_seed(seed))
    torch.save(network.state_dict(), path)
    return path


def use(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Take the models in a folder instead of those that ship."""
    patch.setitem(BACKBONES, "small", FAMILY)
    patch.setattr(zoo, "MODELS", folder / "models")
    patch.setattr(zoo, "WEIGHTS", folder / "weights")


def release_all(folder: Path) -> None:
    """A model that is ready, and its unpruned twin that is weights only."""
    (folder / "models").mkdir()
    (folder / "models" / "index.json").write_text("{}")
    with pytest.MonkeyPatch.context() as patch:
        use(folder, patch)
        for name, preset in ((READY, "hot"), (UNREADY, "none")):
            weights = trained(folder / "training.pt", preset)
            release(
                name,
                options(preset, checkpoint=weights),
                summary=f"small, preset {preset}",
                accuracy=ACCURACY,
                training=TRAINING,
                ready=name == READY,
            )
            weights.unlink()
