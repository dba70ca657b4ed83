"""What a conversation remembers: a window of messages, one pruned checkpoint per contact."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiosqlite
from langchain_core.messages import AnyMessage, HumanMessage, RemoveMessage
from langchain_core.messages.utils import count_tokens_approximately
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from agent.storage import journal_mode, open_sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata


def forget(messages: Sequence[AnyMessage], window_tokens: int) -> list[RemoveMessage]:
    """Return the removals that bring a conversation back into its window.

    Half the window goes at once: dropping one message each turn would change the beginning
    of every prompt and so defeat the provider's prompt cache. What stays begins with words
    of the contact.
    """
    if count_tokens_approximately(messages) <= window_tokens:
        return []
    kept = list(messages)
    while kept and (
        count_tokens_approximately(kept) > window_tokens // 2
        or not isinstance(kept[0], HumanMessage)
    ):
        kept.pop(0)
    dropped = messages[: len(messages) - len(kept)]
    return [RemoveMessage(id=str(message.id)) for message in dropped]


def serializer() -> JsonPlusSerializer:
    """Return the only serializer that checkpoints are read with.

    By default loading a checkpoint may import and call anything it names (langgraph#8522).
    """
    return JsonPlusSerializer(allowed_msgpack_modules=None)


class PrunedSqliteSaver(AsyncSqliteSaver):
    """Keeps the newest checkpoint of each thread only: nobody replays a contact's past."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        super().__init__(connection, serde=serializer())
        self._put_lock = asyncio.Lock()

    async def setup(self) -> None:
        """Make the tables; `AsyncSqliteSaver` insists on WAL, which not every SQLite stands."""
        if self.is_setup:
            return
        await super().setup()
        await self.conn.execute(f"PRAGMA journal_mode={journal_mode(sqlite3.sqlite_version_info)}")

    async def aput(
        self,
        config: "RunnableConfig",
        checkpoint: "Checkpoint",
        metadata: "CheckpointMetadata",
        new_versions: "ChannelVersions",
    ) -> "RunnableConfig":
        """Save a checkpoint and drop the thread's former ones in the same transaction."""
        await self.setup()
        thread = (config["configurable"]["thread_id"], config["configurable"]["checkpoint_ns"])
        async with self._put_lock:
            for table in ("writes", "checkpoints"):
                await self.conn.execute(
                    f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_ns = ?",  # noqa: S608  # nosec B608
                    thread,
                )
            return await super().aput(config, checkpoint, metadata, new_versions)

    async def aput_writes(self, *arguments: Any, **options: Any) -> None:
        """Save a failed run's writes; not amid another thread's transaction."""
        async with self._put_lock:
            await super().aput_writes(*arguments, **options)


def memory_for_one_process() -> InMemorySaver:
    """Return a memory that ends with the process: `ask` and `chat` leave no trace."""
    return InMemorySaver(serde=serializer())


@asynccontextmanager
async def sqlite_memory(path: Path) -> "AsyncIterator[PrunedSqliteSaver]":
    """Open the conversations kept at `path`, for the life of a worker."""
    async with aiosqlite.Connection(lambda: _open(path), iter_chunk_size=64) as connection:
        yield PrunedSqliteSaver(connection)


def _open(path: Path) -> sqlite3.Connection:
    connection = open_sqlite(path)
    # The saver relies on implicit transactions and commits them itself.
    connection.isolation_level = "IMMEDIATE"
    return connection
