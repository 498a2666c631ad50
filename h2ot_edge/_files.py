"""Writing files whole or not at all, and reading arrays without running code."""

import hashlib
import secrets
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.errors import InputError, UsageError

Archive = Mapping[str, NDArray[Any]]

_UNREADABLE = (
    ValueError,
    EOFError,
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,  # encrypted, or packed in a way that zipfile does not know
    MemoryError,  # a damaged header asks for any amount
)
"""What numpy and zipfile raise for damaged and foreign files; found by damaging some."""


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` when the block ends well, and only then.

    Raises:
        OSError: it cannot be written; with its name.
    """
    # In the same folder, because a file can only be renamed within its file system. Not named by
    # the process: threads may write one file at a time, and in containers each process is the 1st.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        # A full disk names no file, and what does names the other.
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, and its folder if that is not there.

    Raises:
        UsageError: the folder cannot be made.
    """
    make_folder_of(path)
    with replacing(path) as file:
        file.write(data)


def checked_name(path: str | Path, suffixes: Iterable[str], what: str) -> Path:
    """The path, if a file can have that name; asked before the work is done.

    Args:
        path: what was asked for.
        suffixes: with what it may end, in lower case.
        what: is written there, as in `pictures are`.

    Raises:
        UsageError: it ends otherwise, or is a folder.
    """
    path, known = Path(path), tuple(suffixes)
    if path.suffix.lower() not in known:
        end = known[0] if len(known) == 1 else "one"
        raise UsageError(f"{path}: {what} written as {', '.join(known)}; end the name in {end}")
    if path.is_dir():
        raise UsageError(f"{path}: expected the name of a file, this is a folder")
    return path


def sha256_of(path: Path) -> str:
    """Digest of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_folder_of(path: Path) -> None:
    """Make the folder that a file is to be written in, if it is not there.

    Raises:
        UsageError: it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{path}: the folder {path.parent} cannot be made ({error.strerror}); give another name"
        ) from error


def read_npz(path: Path) -> Archive:
    """The plain arrays of an .npz file.

    Raises:
        InputError: not an .npz file, damaged, or one that holds pickled objects.
    """
    try:
        # Opened here, because numpy leaves a file open that it finds broken.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise ValueError("a single array, as np.save writes it")
            # What is no array comes as bytes.
            return {name: each for name, each in archive.items() if isinstance(each, np.ndarray)}
    except _UNREADABLE as error:
        if "allow_pickle" in str(error):
            raise InputError(
                f"{path}: holds pickled Python objects, which can run code when they are read; "
                "save plain arrays with np.savez"
            ) from error
        raise InputError(
            f"{path}: not a readable .npz file ({error}); write or copy it again"
        ) from error
