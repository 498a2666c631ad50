"""Windows that are on a GPU already, and poses that stay there."""

from collections.abc import Sequence
from typing import Any

from h2ot_edge._checks import check_windows
from h2ot_edge.backends import Backend
from h2ot_edge.card import ModelCard
from h2ot_edge.cuda.arrays import DeviceArray
from h2ot_edge.errors import InputError

_OWN_STREAM = 2
"""A thread's own default stream, as the array interfaces call it."""


def run_on_device(backend: Backend, card: ModelCard, windows: Any) -> dict[str, DeviceArray]:
    """Run a model on windows of its GPU; see `Engine.run_windows_on_device`."""
    array = backend.borrow(windows)
    check_windows(card.input.name, array, backend)
    return backend.run_on_device({card.input.name: array})


def infer_on_device(
    backend: Backend, card: ModelCard, keypoints: Any, image_size: Sequence[float] | None
) -> DeviceArray:
    """Lift whole windows of the model's GPU; see `Engine.infer`."""
    if image_size is not None:
        raise InputError(
            "image_size: keypoints on a GPU are taken as they are; normalise them there, as "
            "card.input says, or give them as a numpy array"
        )
    array = backend.borrow(keypoints)
    if array.ndim != 3:
        return run_on_device(backend, card, array)[card.output.name]
    poses = run_on_device(backend, card, _shaped(array, (1, *array.shape)))[card.output.name]
    return _shaped(poses, poses.shape[1:])


def borrow_for_thread(keypoints: Any, backend: Backend) -> DeviceArray:
    """An array that another thread will use.

    It is borrowed here, since libraries wait for the stream that is current where they lend it.
    """
    array = backend.borrow(keypoints)
    if array.ready_stream == _OWN_STREAM:
        raise InputError(
            "keypoints: they are computed in the default stream of this thread, which means "
            "another one in the thread that uses them; call infer, or compute them in a stream of "
            "their own"
        )
    return array


def _shaped(array: DeviceArray, shape: Sequence[int]) -> DeviceArray:
    """Another view of an array."""
    view = DeviceArray.borrow(array.ptr, shape, array.dtype, array.device, array)
    view.ready_stream = array.ready_stream
    return view
