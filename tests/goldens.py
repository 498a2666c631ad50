"""The project's golden outputs, and the weights anyone can fill in again by name.

The goldens are outputs of the authors' published networks, made by others; they lie beside the
repository and are not part of it. Tests that need them carry `shared`.
"""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

GOLDENS = Path(__file__).parents[2] / "shared" / "goldens"

needs_goldens = [
    pytest.mark.shared,
    pytest.mark.skipif(not GOLDENS.is_dir(), reason="the shared goldens are not on this machine"),
]
"""For `pytestmark`."""


def numbers_for(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """The weights of the tensor called `name`, float32."""
    state = np.random.RandomState((zlib.crc32(name.encode()) + seed) % 2**32)
    z = state.standard_normal(shape)
    if name.endswith("running_var"):
        z = 1 + 0.1 * abs(z)
    elif name.endswith(("running_mean", "bias")):
        z = 0.05 * z
    elif len(shape) == 1:
        z = 1 + 0.05 * z
    elif len(shape) >= 3 and shape[0] == 1:
        z = 0.5 * z
    else:
        z = z / np.sqrt(np.prod(shape[1:]))
    return z.astype(np.float32)


@torch.no_grad()
def fill_by_name(network: torch.nn.Module, seed: int) -> None:
    """Fill every floating-point tensor of the state dict with the numbers of its name."""
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(torch.from_numpy(numbers_for(name, tuple(tensor.shape), seed)))


def state_dict_shapes(model: str) -> dict[str, list[int]]:
    """Names and shapes of a published model's tensors."""
    return json.loads((GOLDENS / "state_dicts.json").read_text())[model]


def golden(model: str) -> dict[str, np.ndarray]:
    """Arrays of a golden file: seed, keypoints, output, selected."""
    with np.load(GOLDENS / f"{model}.npz") as file:
        return dict(file)
