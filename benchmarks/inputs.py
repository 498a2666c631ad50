"""What models are fed while they are measured."""

import numpy as np

from h2ot_edge.card import ModelCard
from h2ot_edge.clips import Clip
from h2ot_edge.cuda import Cuda
from h2ot_edge.cuda.arrays import DeviceArray
from h2ot_edge.cuda.memory import own_stream
from h2ot_edge.keypoints import prepare_keypoints
from h2ot_edge.spec import FloatArray

__all__ = ["copied_to_device", "windows_of"]


def windows_of(card: ModelCard, clip: Clip, count: int) -> FloatArray:
    """Inputs (n, f, 17, C) of a model, from `count` places all over a clip.

    Raises:
        InputError: the clip's keypoints are not as `Engine.infer` takes them.
    """
    (frames,), _ = prepare_keypoints(clip.keypoints, card, clip.image_size)
    starts = np.linspace(0, len(frames) - 1, count, dtype=int)
    # A window may be longer than what is left of the clip.
    cut = [np.take(frames, range(s, s + card.frames), axis=0, mode="wrap") for s in starts]
    return np.stack(cut)


def copied_to_device(cuda: Cuda, array: FloatArray) -> DeviceArray:
    """A copy of a host array on a GPU, ready for use.

    Raises:
        DeviceError: CUDA failed, or the GPU has no memory left.
    """
    made = DeviceArray.allocate(cuda, array.shape, array.dtype)
    with own_stream(cuda) as stream:
        cuda.copy_to_device(made.ptr, array, stream)
    return made
