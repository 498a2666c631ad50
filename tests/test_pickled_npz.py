"""pickled_npz.py: dicts of arrays without the code that a pickle can bring."""

import collections
import io
import os
import pickle
import zipfile
from functools import partial

import numpy as np
import pytest

from h2ot_edge.benchmarks.motion.pickled_npz import array_names, read_pickled_npz
from h2ot_edge.errors import InputError

NOT_RUN = (
    "which could run code when it is read; only arrays, numbers, texts and plain containers are "
    "read; take the published file"
)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def same(left, right):
    """Whether two nested containers hold the same, types and element types included."""
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        if left.dtype != right.dtype or left.shape != right.shape:
            return False
        if left.dtype == object:
            return all(map(same, left.ravel(), right.ravel()))
        return np.array_equal(left, right)
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_pickled_npz(path)
    return str(caught.value)


def pickled(path, value, protocol=4):
    """A file with any pickle where the array of objects should be."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": ()}
    )
    with zipfile.ZipFile(path, "w") as archive:
        content = value if isinstance(value, bytes) else pickle.dumps(value, protocol=protocol)
        archive.writestr("data.npy", header.getvalue() + content)
    return path


CONTENT = {
    "S1": {"Walking 1": numbers(5, 32, 3).astype(np.float32), "Eating": np.zeros((0, 2))},
    "list": [np.asfortranarray(numbers(3, 4)), (1, 2.5, None, True), "text", b"bytes"],
    "scalars": [np.float64(2.5), np.int32(3), np.bool_(False), np.str_("name")],
    "arrays": [
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.array(["ab", "c"]),
        np.array([True, False]),
        np.array(3.5, np.float16),
        np.array([None, {"nested": numbers(2)}], dtype=object),
    ],
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_saved_comes_back(tmp_path, save):
    objects = np.array([[1, "a"], [None, numbers(2)]], dtype=object)
    save(tmp_path / "a.npz", data=CONTENT, plain=np.arange(4), objects=objects)
    found = read_pickled_npz(tmp_path / "a.npz")
    assert same(found, {"data": CONTENT, "plain": np.arange(4), "objects": objects})
    assert array_names(tmp_path / "a.npz") == {"data", "plain", "objects"}


@pytest.mark.parametrize("protocol", range(6))
def test_every_version_of_pickles(tmp_path, protocol):
    path = pickled(tmp_path / "a.npz", np.array(CONTENT, dtype=object), protocol)
    assert same(read_pickled_npz(path), {"data": CONTENT})


def test_the_names_of_numpy_1(tmp_path):
    content = pickle.dumps(np.array({"a": numbers(3)}, dtype=object), protocol=3)
    for old in (b"numpy._core.multiarray", b"numpy.core.multiarray"):
        renamed = content.replace(b"numpy._core.multiarray", old)
        path = pickled(tmp_path / "a.npz", renamed)
        assert same(read_pickled_npz(path), {"data": {"a": numbers(3)}})


def test_arrays_can_be_written_to(tmp_path):
    path = pickled(tmp_path / "a.npz", np.array({"a": numbers(3)}, dtype=object))
    read_pickled_npz(path)["data"]["a"] += 1


def test_an_ordered_dict_becomes_a_dict(tmp_path):
    ordered = collections.OrderedDict(a=1, b=numbers(2))
    path = pickled(tmp_path / "a.npz", np.array(ordered, dtype=object))
    assert same(read_pickled_npz(path), {"data": dict(ordered)})


def test_shared_and_circular_parts_are_read_once(tmp_path):
    array = numbers(3)
    nested = [array, array]
    for _ in range(60):  # 2**60 parts for a reader that follows every way
        nested = [nested, nested]
    circle = {"array": array}
    circle["itself"] = circle
    pair = (array, array)
    for _ in range(60):
        pair = (pair, pair)
    found = read_pickled_npz(pickled(tmp_path / "a.npz", [nested, circle, pair]))["data"]
    assert found[1]["itself"] is found[1]
    np.testing.assert_array_equal(found[1]["array"], array)


class Calls:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("exit 1",), f"{os.system.__module__}.system"),
        (eval, ("1 / 0",), "builtins.eval"),
        (getattr, ("", "join"), "builtins.getattr"),
        (partial, (len, ""), "functools.partial"),
        (np.load, ("x",), "numpy.load"),
        (np.frombuffer, (b"",), "numpy.frombuffer"),
        (collections.defaultdict, (list,), "collections.defaultdict"),
    ],
)
def test_calls_are_refused_by_name(tmp_path, function, arguments, name):
    path = tmp_path / "a.npz"
    np.savez(path, data={"a": [Calls(function, *arguments)]})
    assert refusal(path) == f"{path}: the array 'data' holds a pickled {name}, {NOT_RUN}"


def test_a_bare_pickle_as_a_member_is_refused_too(tmp_path):
    path = pickled(tmp_path / "a.npz", Calls(eval, "1 / 0"))
    assert refusal(path) == f"{path}: the array 'data' holds a pickled builtins.eval, {NOT_RUN}"


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros(2, [("a", "f4"), ("b", "O")]), "holds an element type 'V12'"),
        (np.zeros(2, "M8[s]"), "holds an element type 'M8'"),
        (np.zeros(2, "V4"), "holds an element type 'V4'"),
        (np.zeros(2, "c16"), "holds an element type 'c16'"),
    ],
)
def test_other_element_types_are_refused(tmp_path, array, reason):
    path = tmp_path / "a.npz"
    np.savez(path, data={"a": array})
    assert refusal(path) == f"{path}: {reason}, {NOT_RUN}"


class Forged:
    """Pickles as numpy.dtype(code) with a state of one's own."""

    def __init__(self, code, state):
        self.code, self.state = code, state

    def __reduce__(self):
        return np.dtype, (self.code, False, True), self.state


def test_an_element_type_with_a_forged_state_is_refused(tmp_path):
    fields = {"a": (np.dtype("O"), 0)}
    forged = Forged("f8", (3, "|", None, ("a",), fields, 8, 8, 0))
    path = pickled(tmp_path / "a.npz", forged)
    assert refusal(path) == f"{path}: holds an element type with fields, {NOT_RUN}"


def test_forged_flags_have_no_effect(tmp_path):
    forged = Forged("f8", (3, "<", None, None, None, -1, -1, 63))
    found = read_pickled_npz(pickled(tmp_path / "a.npz", {"type": forged}))
    assert found["data"]["type"] == np.dtype("<f8")
    assert not found["data"]["type"].hasobject


def test_an_element_type_that_is_no_text_is_refused(tmp_path):
    path = pickled(tmp_path / "a.npz", Calls(np.dtype, [("a", "O")]))
    assert refusal(path) == f"{path}: holds an element type [('a', 'O')], {NOT_RUN}"


def test_other_encodings_are_refused(tmp_path):
    path = pickled(
        tmp_path / "a.npz", b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00hextR."
    )
    assert refusal(path) == f"{path}: holds text in 'hex', {NOT_RUN}"


def test_content_that_does_not_fit_the_shape(tmp_path):
    content = pickle.dumps(np.zeros(3), protocol=2)
    assert content.count(b"K\x03\x85") == 1
    path = pickled(tmp_path / "a.npz", content.replace(b"K\x03\x85", b"K\x04\x85"))
    assert refusal(path) == (
        f"{path}: not a readable .npz file (ValueError: cannot reshape array of size 3 into shape "
        "(4,)); write or copy it again"
    )


def test_a_pickle_that_ends_early(tmp_path):
    path = pickled(tmp_path / "a.npz", pickle.dumps([1, 2])[:-3])
    with pytest.raises(InputError) as caught:
        read_pickled_npz(path)
    why = caught.value.__cause__
    assert isinstance(why, pickle.UnpicklingError | EOFError)
    assert str(caught.value) == (
        f"{path}: not a readable .npz file ({type(why).__name__}: {why}); write or copy it again"
    )


@pytest.mark.parametrize("read", [read_pickled_npz, array_names])
def test_a_file_that_is_no_npz(tmp_path, read):
    path = tmp_path / "a.npz"
    path.write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path}: not a readable .npz file (File is not a zip file); write or copy it again"
    )


def test_a_damaged_file(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, data={"a": numbers(50)})
    content = bytearray(path.read_bytes())
    content[300] ^= 255
    path.write_bytes(content)
    assert refusal(path) == (
        f"{path}: not a readable .npz file (Bad CRC-32 for file 'data.npy'); write or copy it again"
    )
