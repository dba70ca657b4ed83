"""The mind's door to what the clone has read: opens, searches and refreshes the index."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from langchain_core.embeddings import Embeddings

from agent.errors import CloneError, StorageError
from agent.messages import Passage
from knowledge.dense import DenseArm
from knowledge.indexer import Indexer
from knowledge.library import DamagedIndexError, Library

logger = logging.getLogger(__name__)

_CHECK_SECONDS = 30.0
# Who has just saved a document and asks about it expects the answer to know it; who asks while a
# large folder is being read is answered from what was known before.
_FIRST_WAIT_SECONDS = 3.0


class KnowledgeRetriever:
    """Finds passages in the owner's documents; implements `agent.ports.Retriever`.

    The index is opened, or built, at the first question. Afterwards, at most every 30 seconds and
    only when asked, the folder is looked over and changes are taken in beside the conversation.
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
        self._indexer = Indexer(documents, home, self._arm)
        self._clock = clock
        self._library: Library | None = None
        self._is_empty = True
        self._warned = False
        self._checked_at = 0.0
        self._refreshing: asyncio.Task[None] | None = None
        #: The refresh that the first questions after opening wait for.
        self._first_refresh: asyncio.Task[None] | None = None
        #: One search, opening or swap at a time.
        self._turn = asyncio.Lock()

    async def find(self, query: str, limit: int) -> Sequence[Passage]:
        """Return at most `limit` paragraphs, best first; empty when nothing shares a word.

        Raises `VendorError` when the embeddings fail, `StorageError` when the index does.
        """
        if await self.is_empty():
            return []
        vector = await self._arm.embeddings.aembed_query(query)
        async with self._turn:
            library = self._library or await self._open()
            try:
                return await asyncio.to_thread(library.search, query, vector, limit)
            except DamagedIndexError:
                logger.exception("the index is damaged", extra={"action": "knowledge_damaged"})
                library = await self._rebuild()
                return await asyncio.to_thread(library.search, query, vector, limit)

    async def is_empty(self) -> bool:
        """Tell whether there is nothing to search at all; raises as `find` does."""
        async with self._turn:
            if self._library is None:
                await self._open()
        self._check_folder()
        if self._first_refresh is not None:
            await asyncio.wait({self._first_refresh}, timeout=_FIRST_WAIT_SECONDS)
            self._first_refresh = None
        return self._is_empty

    async def aclose(self) -> None:
        """Stop refreshing and let go of the files; a later question opens them again."""
        if self._refreshing is not None and not self._refreshing.done():
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
        self._refreshing = self._first_refresh = None
        async with self._turn:
            await self._use(None)

    async def _open(self) -> Library:
        """Open the current generation, whatever its age, or build the first one."""
        library = await asyncio.to_thread(self._indexer.open)
        if library is None:
            return await self._rebuild(from_scratch=False)
        await self._use(library)
        self._first_refresh = self._refreshing = asyncio.create_task(self._refresh())
        self._checked_at = self._clock()
        return library

    async def _rebuild(self, *, from_scratch: bool = True) -> Library:
        await asyncio.to_thread(self._indexer.update, from_scratch=from_scratch)
        library = await asyncio.to_thread(self._indexer.open)
        if library is None:
            raise StorageError(
                "the index was replaced by another version of the program or another "
                "CLONE_EMBEDDINGS; let only one of them use CLONE_DATA"
            )
        await self._use(library)
        self._checked_at = self._clock()
        return library

    async def _use(self, library: Library | None) -> None:
        """Put `library` in the place of the open one; only while holding the turn."""
        chunks = 0
        if library is not None:
            _, chunks = await asyncio.to_thread(library.counts)
        old, self._library, self._is_empty = self._library, library, chunks == 0
        if old is not None:
            await asyncio.to_thread(old.close)
        if library is not None and self._is_empty and not self._warned:
            self._warned = True
            logger.warning("there is nothing to read", extra={"action": "knowledge_empty"})

    def _check_folder(self) -> None:
        """Start a look at the folder when the last one is long enough ago."""
        running = self._refreshing is not None and not self._refreshing.done()
        if running or self._clock() - self._checked_at < _CHECK_SECONDS:
            return
        self._checked_at = self._clock()
        self._refreshing = asyncio.create_task(self._refresh())

    async def _refresh(self) -> None:
        library = self._library
        if library is None:
            return
        try:
            newer = await asyncio.to_thread(self._indexer.refreshed, library)
            if newer is not None:
                async with self._turn:
                    await self._use(newer)
        except CloneError:
            # The open generation still answers, and the next look tries again.
            logger.exception(
                "the index could not be brought up to date",
                extra={"action": "knowledge_update_failed"},
            )
