"""One engine of the cache: its files, and whether they are as they were written.

A plan P.engine has two files beside it: its sidecar P.engine.json, and P.engine.sha256 with the
digests of both, in the format of `sha256sum`, written last. An entry counts only if all agree.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from h2ot_edge._files import sha256_of
from h2ot_edge.errors import BuildError

__all__ = ["CacheEntry", "digest_of", "file_name_of", "gpu_in_words", "last_written"]

_PART = re.compile(r"(?P<plan>(?P<name>.+)-(?P<digest>[0-9a-f]{16})\.engine)(?:\.json|\.sha256)?")
_NAME_LENGTH = 40  # in any script under the 255 bytes that file systems allow


@dataclass(frozen=True)
class CacheEntry:
    """An engine of the cache, whole or not.

    Attributes:
        plan: where its plan is, or should be.
        name: of its model.
        digest: of what it was built from, 16 hexadecimal digits.
    """

    plan: Path
    name: str
    digest: str

    @classmethod
    def of(cls, path: Path) -> "CacheEntry | None":
        """The entry that a file belongs to, if it does to any."""
        found = _PART.fullmatch(path.name)
        return cls(path.with_name(found["plan"]), found["name"], found["digest"]) if found else None

    @classmethod
    def named(cls, folder: Path, name: str, digest: str) -> "CacheEntry":
        """The entry of a name and a digest."""
        return cls(folder / f"{name}-{digest}.engine", name, digest)

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """Sidecar, plan and digests, in the order in which they are put in their place."""
        plan = self.plan
        return plan.with_name(f"{plan.name}.json"), plan, plan.with_name(f"{plan.name}.sha256")

    @property
    def bytes(self) -> int:
        """Size of its files."""
        return sum(stat.st_size for stat in _stats(self.files))

    @property
    def built(self) -> datetime | None:
        """When it was written, in UTC; None if it has vanished."""
        return last_written(self.files)

    def sidecar(self) -> dict[str, Any]:
        """What its sidecar says; nothing if that cannot be read."""
        with suppress(OSError, ValueError):
            told = json.loads(self.files[0].read_bytes())
            return told if isinstance(told, dict) else {}
        return {}

    def problem(self) -> str | None:
        """Why it cannot be used, if it cannot."""
        sidecar, plan, digests = self.files
        try:
            expected = digests.read_bytes().splitlines(keepends=True)
            for path in (sidecar, plan):
                if _digest_line(path) not in expected:
                    return f"the sha256 of {path.name} is not the one in {digests.name}"
        except FileNotFoundError as error:
            return f"{Path(error.filename).name} is missing"
        except OSError as error:
            return f"it cannot be read ({error})"
        return None

    def take_over(self, folder: Path) -> Path:
        """Move a plan and a sidecar here that were written in another folder of the file system.

        Raises:
            BuildError: the sidecar is that of another plan.
        """
        written = CacheEntry(folder / self.plan.name, self.name, self.digest)
        written._write_digests()
        moved: list[Path] = []
        try:
            for source, place in zip(written.files, self.files, strict=True):
                moved.append(source.replace(place))
        except OSError:
            for path in moved:
                path.unlink()
            raise
        return self.plan

    def remove(self) -> int:
        """Remove its files, the digests first, so that it never looks whole; return their size."""
        size = self.bytes
        for path in reversed(self.files):
            path.unlink(missing_ok=True)
        return size

    def _write_digests(self) -> None:
        sidecar, plan, digests = self.files
        told, found = json.loads(sidecar.read_bytes())["plan_sha256"], sha256_of(plan)
        if told != found:
            raise BuildError(
                f"{plan.name}: its sidecar is for a plan with sha256 {told}, the plan that was "
                f"written has {found}; build it again"
            )
        digests.write_bytes(b"".join(map(_digest_line, (sidecar, plan))))


def digest_of(identity: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that change with whatever the mapping says."""
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def file_name_of(name: str) -> str:
    """What of a name can be in a file's name on every system."""
    # No dots: Windows takes CON.anything for a device.
    return re.sub(r"[^\w-]+", "-", name).strip("-")[:_NAME_LENGTH] or "engine"


def last_written(files: Iterable[Path]) -> datetime | None:
    """When the youngest of some files was written, in UTC; None if none of them is there."""
    times = [stat.st_mtime for stat in _stats(files)]
    return datetime.fromtimestamp(max(times), timezone.utc) if times else None


def gpu_in_words(gpu: Any) -> str | None:
    """A GPU as keys and sidecars have it: a mapping, a text, or None where none is meant."""
    if isinstance(gpu, Mapping):
        return f"{gpu.get('name')} ({gpu.get('compute_capability')})"
    return None if gpu is None else str(gpu)


def _digest_line(path: Path) -> bytes:
    return f"{sha256_of(path)}  {path.name}\n".encode()


def _stats(files: Iterable[Path]) -> Iterator[os.stat_result]:
    for path in files:
        with suppress(FileNotFoundError):
            yield path.stat()
