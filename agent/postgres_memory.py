"""Conversations in PostgreSQL: one pruned checkpoint per contact, whichever worker answers."""

import asyncio
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from agent.memory import reachable, serializer
from agent.postgres import CONNECTION
from agent.settings import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import (
        ChannelVersions,
        Checkpoint,
        CheckpointMetadata,
        CheckpointTuple,
    )

#: Any number, the same in every process: only one of them makes the tables at a time.
_LOCK = 4_310_622_002
_LOCK_PAUSE = 0.1
#: The library's own pruning takes ten round trips, as it may run beside a turn; ours never does.
_FORGET_FORMER = """
WITH checkpoint AS (
    DELETE FROM checkpoints WHERE thread_id = %(thread)s AND checkpoint_ns = %(namespace)s
    AND checkpoint_id <> %(checkpoint)s
), writes AS (
    DELETE FROM checkpoint_writes WHERE thread_id = %(thread)s AND checkpoint_ns = %(namespace)s
    AND checkpoint_id <> %(checkpoint)s
)
DELETE FROM checkpoint_blobs WHERE thread_id = %(thread)s AND checkpoint_ns = %(namespace)s
AND (channel, version) NOT IN (SELECT * FROM unnest(%(channels)s::text[], %(versions)s::text[]))
"""


class PrunedPostgresSaver(AsyncPostgresSaver):
    """Keeps the newest checkpoint of each thread only."""

    async def aget_tuple(self, config: "RunnableConfig") -> "CheckpointTuple | None":
        """Return the conversation so far; raises `StorageError` when it cannot be read."""
        with reachable(psycopg.Error):
            return await super().aget_tuple(config)

    async def aput(
        self,
        config: "RunnableConfig",
        checkpoint: "Checkpoint",
        metadata: "CheckpointMetadata",
        new_versions: "ChannelVersions",
    ) -> "RunnableConfig":
        """Save a checkpoint and drop the thread's former ones."""
        with reachable(psycopg.Error):
            saved = await super().aput(config, checkpoint, metadata, new_versions)
            versions = checkpoint["channel_versions"]
            kept = {
                "thread": config["configurable"]["thread_id"],
                "namespace": config["configurable"]["checkpoint_ns"],
                "checkpoint": checkpoint["id"],
                "channels": list(versions),
                "versions": [str(version) for version in versions.values()],
            }
            async with self._cursor() as cursor:
                await cursor.execute(_FORGET_FORMER, kept)
        return saved

    async def aput_writes(
        self,
        config: "RunnableConfig",
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Save a failed run's writes."""
        with reachable(psycopg.Error):
            await super().aput_writes(config, writes, task_id, task_path)


@asynccontextmanager
async def postgres_memory(url: Secret) -> "AsyncIterator[PrunedPostgresSaver]":
    """Open the conversations of the database at `url`, for the life of a worker.

    Raises `StorageError` when it cannot be reached.
    """
    pool: AsyncConnectionPool[psycopg.AsyncConnection[dict[str, Any]]] = AsyncConnectionPool(
        url.reveal(),
        # The saver waits for its own lock, so more connections would stand idle.
        min_size=1,
        max_size=2,
        kwargs={**CONNECTION, "autocommit": True, "row_factory": dict_row},
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    async with pool:
        with reachable(psycopg.Error):
            saver = PrunedPostgresSaver(pool, serde=serializer())
            await _make_tables(saver, pool)
        yield saver


async def _make_tables(saver: AsyncPostgresSaver, pool: AsyncConnectionPool[Any]) -> None:
    async with pool.connection() as connection:
        # Asked for again and again: its concurrent indexes wait for every open statement, also
        # for one that itself waits for this lock.
        while not await _lock(connection):  # noqa: ASYNC110 - what changes is elsewhere
            await asyncio.sleep(_LOCK_PAUSE)
        try:
            await saver.setup()
        finally:
            await connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


async def _lock(connection: psycopg.AsyncConnection[Any]) -> bool:
    answer = await connection.execute("SELECT pg_try_advisory_lock(%s) AS got", (_LOCK,))
    row = await answer.fetchone()
    return bool(row and row["got"])
