"""What a conversation remembers: a window of messages, one pruned checkpoint per contact."""

import sqlite3
from collections.abc import Collection, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import aiosqlite
from langchain_core.messages import AnyMessage, HumanMessage, RemoveMessage
from langchain_core.messages.utils import count_tokens_approximately
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from agent.errors import StorageError
from agent.storage import journal_mode, open_sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import (
        ChannelVersions,
        Checkpoint,
        CheckpointMetadata,
        CheckpointTuple,
    )

#: A window never holds more: each message costs 300 bytes and 0.1 ms beside its words.
MOST_MESSAGES = 40

# A trigger, because it acts within the very statement that saves the new checkpoint: a turn
# cancelled at any moment leaves either the old conversation or the new one, never none.
_PRUNING = """
CREATE TRIGGER IF NOT EXISTS prune AFTER INSERT ON checkpoints BEGIN
    DELETE FROM checkpoints
    WHERE thread_id = NEW.thread_id AND checkpoint_ns = NEW.checkpoint_ns
      AND checkpoint_id <> NEW.checkpoint_id;
    DELETE FROM writes
    WHERE thread_id = NEW.thread_id AND checkpoint_ns = NEW.checkpoint_ns
      AND checkpoint_id <> NEW.checkpoint_id;
END;
"""


def forget(
    messages: Sequence[AnyMessage], window_tokens: int, *, keep: Collection[str] = ()
) -> list[RemoveMessage]:
    """Return the removals that bring a conversation back into its window of (rough) tokens.

    Half the window goes at once: dropping one message each turn would change the beginning
    of every prompt and so defeat the provider's prompt cache. What stays begins with words
    of the contact. Messages whose id is in `keep` stay whatever their length.
    """
    sizes = [count_tokens_approximately([message]) for message in messages]
    left, tokens = len(messages), sum(sizes)
    if left <= MOST_MESSAGES and tokens <= window_tokens:
        return []
    removed: list[RemoveMessage] = []
    for message, size in zip(messages, sizes, strict=True):
        fits = left <= MOST_MESSAGES // 2 and tokens <= window_tokens // 2
        if (fits and isinstance(message, HumanMessage)) or message.id in keep:
            break
        left, tokens = left - 1, tokens - size
        removed.append(RemoveMessage(id=str(message.id)))
    return removed


def serializer() -> JsonPlusSerializer:
    """Return the only serializer that checkpoints are read with.

    By default loading a checkpoint may import and call anything it names (langgraph#8522).
    """
    return JsonPlusSerializer(allowed_msgpack_modules=None)


@contextmanager
def reachable(trouble: type[Exception]) -> "Iterator[None]":
    """Turn a database driver's `trouble` in a block into `StorageError`."""
    try:
        yield
    except trouble as error:
        raise StorageError("the memory of the conversation cannot be reached") from error


class PrunedSqliteSaver(AsyncSqliteSaver):
    """Keeps the newest checkpoint of each thread only: nobody replays a contact's past."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        super().__init__(connection, serde=serializer())

    async def setup(self) -> None:
        """Make the tables; `AsyncSqliteSaver` insists on WAL, which not every SQLite stands."""
        if self.is_setup:
            return
        await super().setup()
        journal = journal_mode(sqlite3.sqlite_version_info)
        await self.conn.executescript(f"PRAGMA journal_mode={journal};{_PRUNING}")

    async def aget_tuple(self, config: "RunnableConfig") -> "CheckpointTuple | None":
        """Return the conversation so far; raises `StorageError` when it cannot be read."""
        with reachable(sqlite3.Error):
            return await super().aget_tuple(config)

    async def aput(
        self,
        config: "RunnableConfig",
        checkpoint: "Checkpoint",
        metadata: "CheckpointMetadata",
        new_versions: "ChannelVersions",
    ) -> "RunnableConfig":
        """Save a conversation; raises `StorageError` when it cannot be written."""
        with reachable(sqlite3.Error):
            return await super().aput(config, checkpoint, metadata, new_versions)


def memory_for_one_process() -> InMemorySaver:
    """Return a memory that ends with the process: `ask` and `chat` leave no trace."""
    return InMemorySaver(serde=serializer())


@asynccontextmanager
async def sqlite_memory(path: Path) -> "AsyncIterator[PrunedSqliteSaver]":
    """Open the conversations kept at `path`, for the life of a worker.

    Raises `StorageError` when the file cannot be used.
    """
    # Opened before its thread begins, which would outlive a failure and the loop it reports to.
    opened = _open(path)
    async with aiosqlite.Connection(lambda: opened, iter_chunk_size=64) as connection:
        saver = PrunedSqliteSaver(connection)
        try:
            # Before the first turn: the journal cannot be changed amid another's transaction.
            await saver.setup()
        except sqlite3.Error as error:
            raise StorageError(f"{path}: cannot be used ({error})") from error
        yield saver


def _open(path: Path) -> sqlite3.Connection:
    connection = open_sqlite(path)
    # The saver relies on implicit transactions and commits them itself.
    connection.isolation_level = "IMMEDIATE"
    return connection
