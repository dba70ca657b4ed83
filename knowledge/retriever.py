"""The mind's door to what the clone has read: opens, searches and refreshes the index."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from langchain_core.embeddings import Embeddings

from agent.errors import CloneError
from agent.messages import Passage
from knowledge.builder import Builder, Opened, StoppedError
from knowledge.dense import DenseArm
from knowledge.library import DamagedIndexError, Library

logger = logging.getLogger(__name__)

_CHECK_SECONDS = 30.0
# Who has just saved a document and asks about it expects the answer to know it; who asks while a
# large folder is being read is answered from what was known before.
_FIRST_WAIT_SECONDS = 3.0


class KnowledgeRetriever:
    """Finds passages in the owner's documents; implements `agent.ports.Retriever`.

    The index is opened, or built, at the first question, and goes on being built when that
    question is taken back. Afterwards, at most every 30 seconds and only when asked, the folder
    is looked over and changes are taken in beside the conversation.
    """

    def __init__(
        self,
        *,
        documents: Path,
        home: Path,
        embeddings: Embeddings,
        embeddings_id: str = "offline",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._arm = DenseArm(embeddings, embeddings_id)
        self._builder = Builder(documents, home, self._arm)
        self._clock = clock
        self._library: Library | None = None
        self._is_empty = True
        self._warned = False
        self._checked_at = 0.0
        #: Shared by all questions that find no open library.
        self._opening: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        #: The refresh that the first questions after opening wait for.
        self._first_refresh: asyncio.Task[None] | None = None
        # Searches take turns on one thread, and a library is closed there after all of its own.
        self._searcher = ThreadPoolExecutor(1, thread_name_prefix="knowledge-search")

    async def find(self, query: str, limit: int) -> Sequence[Passage]:
        """Return at most `limit` paragraphs, best first; empty when nothing shares a word.

        Raises `VendorError` when the embeddings fail, `StorageError` when the index does.
        """
        if await self.is_empty():
            return []
        vector = await self._arm.embeddings.aembed_query(query)
        library = await self._opened()
        try:
            return await self._search(library, query, vector, limit)
        except DamagedIndexError as error:
            self._start_mending(library, error)
        return await self._search(await self._opened(), query, vector, limit)

    async def is_empty(self) -> bool:
        """Tell whether there is nothing to search at all; raises as `find` does."""
        library = await self._opened()
        self._check_folder(library)
        if self._first_refresh is not None:
            await asyncio.wait({self._first_refresh}, timeout=_FIRST_WAIT_SECONDS)
            self._first_refresh = None
        return self._is_empty

    async def aclose(self) -> None:
        """Stop building before the next file, and let go of the files; never raises.

        A later question opens them again.
        """
        while running := {t for t in (self._opening, self._refreshing) if t and not t.done()}:
            self._builder.stop()
            await asyncio.wait(running)
        self._opening = self._refreshing = self._first_refresh = None
        library, self._library = self._library, None
        if library is not None:
            await asyncio.get_running_loop().run_in_executor(self._searcher, library.close)

    async def _search(
        self, library: Library, query: str, vector: list[float], limit: int
    ) -> list[Passage]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._searcher, library.search, query, vector, limit)

    async def _opened(self) -> Library:
        """Return the open library, opened or built once for all who ask meanwhile.

        Nobody closes it before its caller's next pause.
        """
        while self._library is None:
            if self._opening is None or self._opening.done():
                self._opening = self._start_opening()
            # Whoever is cut by a deadline stops waiting, and the build goes on.
            await asyncio.shield(self._opening)
        return self._library

    def _start_opening(self, *, from_scratch: bool = False) -> "asyncio.Task[None]":
        opening = asyncio.create_task(self._open(from_scratch=from_scratch))
        # Those who asked may all be gone when it fails.
        opening.add_done_callback(_tell_failure)
        return opening

    async def _open(self, *, from_scratch: bool = False) -> None:
        opened = await self._builder.open(from_scratch=from_scratch)
        self._use(opened)
        self._checked_at = self._clock()
        if not opened.is_fresh:
            self._start_refreshing(opened.library)
            self._first_refresh = self._refreshing

    def _start_mending(self, damaged: Library, error: DamagedIndexError) -> None:
        """Build anew in the place of `damaged`, unless another question has seen to it."""
        if self._library is not damaged:
            return
        logger.error("the index is damaged", exc_info=error, extra={"action": "knowledge_damaged"})
        self._library = None
        self._searcher.submit(damaged.close)
        self._opening = self._start_opening(from_scratch=True)

    def _use(self, opened: Opened) -> None:
        """Put a library in the place of the open one."""
        old, self._library, self._is_empty = self._library, opened.library, opened.is_empty
        if old is not None:
            self._searcher.submit(old.close)
        if self._is_empty and not self._warned:
            self._warned = True
            logger.warning("there is nothing to read", extra={"action": "knowledge_empty"})

    def _check_folder(self, library: Library) -> None:
        """Start a look at the folder when the last one is long enough ago."""
        running = self._refreshing is not None and not self._refreshing.done()
        if running or self._clock() - self._checked_at < _CHECK_SECONDS:
            return
        self._checked_at = self._clock()
        self._start_refreshing(library)

    def _start_refreshing(self, library: Library) -> None:
        self._refreshing = asyncio.create_task(self._refresh(library))

    async def _refresh(self, library: Library) -> None:
        try:
            newer = await self._builder.newer(library)
        except StoppedError:
            return
        except CloneError:
            # The open generation still answers, and the next look tries again.
            if self._library is library:
                logger.exception(
                    "the index could not be brought up to date",
                    extra={"action": "knowledge_update_failed"},
                )
            return
        if newer is not None and self._library is library:
            self._use(newer)
        elif newer is not None:
            # The other was damaged, and what took its place is at least as new.
            self._searcher.submit(newer.library.close)


def _tell_failure(opening: "asyncio.Task[None]") -> None:
    error = None if opening.cancelled() else opening.exception()
    if error is not None:
        reason = str(error) if isinstance(error, CloneError) else type(error).__name__
        logger.warning(
            "the index could not be opened",
            extra={"action": "knowledge_open_failed", "error": reason},
        )
