"""Opens and builds the index beside the event loop, on a thread that nothing else waits for."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

from agent.errors import StorageError
from knowledge.dense import DenseArm
from knowledge.indexer import Indexer, IndexReport, Progress
from knowledge.library import DamagedIndexError, Library

T = TypeVar("T")


class StoppedError(StorageError):
    """The build was told to stop; the generation that was there, if any, still is."""


class Opened(NamedTuple):
    """A library that nobody else holds; `is_fresh` when the folder was looked at for it."""

    library: Library
    is_empty: bool
    is_fresh: bool


class Builder:
    """Makes libraries one after the other; to cancel its caller does not stop the work.

    A build may take minutes, and the loop's own threads also look up the names of hosts.
    """

    def __init__(self, documents: Path, home: Path, arm: DenseArm) -> None:
        self._documents = documents
        self._home = home
        self._arm = arm
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="knowledge-build")
        self._stop = threading.Event()

    async def open(self, *, from_scratch: bool = False) -> Opened:
        """Open the current generation, whatever its age, or build it; raises as `update` does."""
        return await self._run(_build if from_scratch else _open_or_build)

    async def newer(self, library: Library) -> Opened | None:
        """Take in what changed since `library`; None when nothing did. Raises as `update` does."""
        return await self._run(lambda indexer: _newer(indexer, library))

    def stop(self) -> None:
        """End what runs or waits before its next file, with `StoppedError`; later work may run."""
        self._stop.set()
        self._stop = threading.Event()

    async def _run(self, work: Callable[[Indexer], T]) -> T:
        indexer = _StoppableIndexer(self._documents, self._home, self._arm, self._stop)
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, indexer)


class _StoppableIndexer(Indexer):
    """An indexer whose updates end before the next file once `stop` is set."""

    def __init__(self, documents: Path, home: Path, arm: DenseArm, stop: threading.Event) -> None:
        super().__init__(documents, home, arm)
        self._stop = stop

    def update(
        self, progress: Progress | None = None, *, from_scratch: bool = False
    ) -> IndexReport:
        def check(done: int, total: int, name: str) -> None:
            if self._stop.is_set():
                raise StoppedError("the reading of the documents was stopped; it begins anew later")
            if progress is not None:
                progress(done, total, name)

        return super().update(check, from_scratch=from_scratch)


def _open_or_build(indexer: Indexer) -> Opened:
    library = indexer.open()
    if library is not None:
        return _looked_into(library, is_fresh=False)
    return _build(indexer, from_scratch=False)


def _build(indexer: Indexer, *, from_scratch: bool = True) -> Opened:
    indexer.update(from_scratch=from_scratch)
    library = indexer.open()
    if library is None:
        raise StorageError(
            "the index was replaced by another version of the program or another "
            "CLONE_EMBEDDINGS; let only one of them use CLONE_DATA"
        )
    return _looked_into(library, is_fresh=True)


def _newer(indexer: Indexer, library: Library) -> Opened | None:
    newer = indexer.refreshed(library)
    return None if newer is None else _looked_into(newer, is_fresh=True)


def _looked_into(library: Library, *, is_fresh: bool) -> Opened:
    try:
        _, chunks = library.counts()
    except DamagedIndexError:
        # A search will meet the damage too, and have it mended.
        return Opened(library, is_empty=False, is_fresh=is_fresh)
    return Opened(library, is_empty=chunks == 0, is_fresh=is_fresh)
