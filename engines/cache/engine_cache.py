"""`EngineCache`: builds what is not there, once, and tells, checks and clears what is."""

import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from h2ot_edge._cache_folder import cache_folder
from h2ot_edge.engines.cache.clearing import Cleared, clear
from h2ot_edge.engines.cache.entry import CacheEntry, digest_of, file_name_of, gpu_in_words
from h2ot_edge.engines.cache.folder import Unfinished, entries_in, lock_in, unfinished_in
from h2ot_edge.engines.cache.locks import locked
from h2ot_edge.errors import UsageError

__all__ = ["EngineCache"]

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)

_logger = logging.getLogger(__name__)


class EngineCache:
    """A folder of engines, each built once, by whoever asks first.

    Processes and threads may share it. It need not be there, and may vanish between calls.

    Args:
        folder: where it is; None for `$H2OT_HOME/engines`, else
            `$XDG_CACHE_HOME/h2ot-edge/engines`, else `~/.cache/h2ot-edge/engines`.

    Raises:
        UsageError: no folder is given, and none of those is known.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (cache_folder("engines") if folder is None else folder).absolute()

    def get_or_build(self, key: Mapping[str, Any], build: Callable[[Path], None]) -> Path:
        """The plan of what `key` says, with its sidecar beside it, both as they were written.

        An engine that is not there, or not as it was written, is built; whoever asks for it
        meanwhile waits for that. It is there until somebody clears the cache: load it at once.

        Args:
            key: what the engine is made of, ready for JSON: `onnx_sha256`, `options`, `gpu`,
                `tensorrt`, `target`; and `name`, which is for people and finds nothing.
            build: called with the path P.engine to write; writes P.engine.json as well.

        Raises:
            MissingExtra: it must be built, and filelock is not installed.
            UsageError: the folder cannot be written, or is full.
            BuildError: what `build` wrote does not belong together.
            Exception: what `build` raises; then nothing is kept.
        """
        name = str(key["name"])
        digest = digest_of({part: value for part, value in key.items() if part != "name"})
        entry = CacheEntry.named(self.folder, file_name_of(name), digest)
        with self._explaining(name):
            for kept in self._kept(digest):
                if kept.problem() is None:
                    return kept.plan
            self.folder.mkdir(parents=True, exist_ok=True)
            with locked(lock_in(self.folder, digest), lambda: self._tell_wait(name, entry)):
                return self._usable(digest) or self._build(entry, key, build)

    def timing_cache(self, about: Mapping[str, str]) -> Path:
        """Where timings are kept that speed up builds; the file need not be there.

        Args:
            about: what timings depend on: library, its version, GPU.
        """
        readable = file_name_of("-".join(about.values()))
        return self.folder / f"{readable}-{digest_of(about)}.timing"

    def entries(self) -> Iterator[CacheEntry]:
        """All engines, whole or not, by name."""
        yield from entries_in(self.folder)

    def verify(self) -> list[tuple[CacheEntry, str | None]]:
        """All engines, and why each cannot be used, if it cannot."""
        return [(entry, entry.problem()) for entry in self.entries()]

    def clear(
        self,
        names: Sequence[str] = (),
        *,
        broken: bool = False,
        older_than_days: float | None = None,
    ) -> Cleared:
        """Remove engines, and in any case what killed processes left behind.

        What is being built is left alone. Timing caches go unless `names` or `broken` is given.

        Args:
            names: only engines of these models, or only these engines, as NAME-DIGEST.
            broken: only engines that cannot be used.
            older_than_days: only what was written longer ago.

        Raises:
            UnknownName: no engine has the name.
            MissingExtra: filelock is not installed.
            UsageError: the folder cannot be written.
        """
        return clear(self.folder, names, broken=broken, older_than_days=older_than_days)

    def _kept(self, digest: str) -> Iterator[CacheEntry]:
        return (entry for entry in self.entries() if entry.digest == digest)

    def _usable(self, digest: str) -> Path | None:
        """The plan if it can be used; else there is nothing of it any more. Under its lock."""
        for entry in self._kept(digest):
            problem = entry.problem()
            if problem is None:
                return entry.plan
            _logger.warning("%s cannot be used: %s; it is built again", entry.plan, problem)
            entry.remove()
        return None

    def _build(
        self, entry: CacheEntry, key: Mapping[str, Any], build: Callable[[Path], None]
    ) -> Path:
        """Build in a folder of its own, then put it in its place. Under its lock."""
        for killed in self._unfinished(entry):
            shutil.rmtree(killed.path)
        temporary = Unfinished.of(entry).path
        try:
            temporary.mkdir()
            self._tell_build(key)
            build(temporary / entry.plan.name)
            return entry.take_over(temporary)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _tell_build(self, key: Mapping[str, Any]) -> None:
        gpu = gpu_in_words(key.get("gpu"))
        _logger.warning(
            "building an engine of %r%s, which can take minutes; it is kept in %s",
            *(key["name"], f" for {gpu}" if gpu else "", self.folder),
        )

    def _tell_wait(self, name: str, entry: CacheEntry) -> None:
        """The holder of the lock may not have come to its folder yet; then it has no name."""
        who = "another process"
        for build in self._unfinished(entry):
            ours = build.process == os.getpid()
            who = "another thread" if ours else f"process {build.process}"
        _logger.warning("waiting for %s, which builds the engine of %r", who, name)

    def _unfinished(self, entry: CacheEntry) -> list[Unfinished]:
        return [build for build in unfinished_in(self.folder) if build.digest == entry.digest]

    @contextmanager
    def _explaining(self, name: str) -> Iterator[None]:
        """Errors of the folder become errors of its user; others, of a build, go through."""
        try:
            yield
        except OSError as error:
            if not self._concerns(error):
                raise
            advice = "set H2OT_HOME to a folder on a local disk that can be written"
            if error.errno in _NO_ROOM:
                advice = "h2ot-cache clear makes room, or set H2OT_HOME to a folder that has more"
            raise UsageError(
                f"{self.folder}: the engine of {name!r} cannot be kept there ({error}); {advice}"
            ) from error

    def _concerns(self, error: OSError) -> bool:
        if not isinstance(error.filename, str):
            return error.errno in (*_NO_ROOM, *_NO_LOCKS)
        path = Path(error.filename)
        return path.is_relative_to(self.folder) or self.folder.is_relative_to(path)
