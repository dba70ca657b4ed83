"""Conversations in a real SQLite file: small, pruned, private, and never code."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from langchain_core.messages import AIMessage, HumanMessage

from agent.clone import Clone
from agent.errors import StorageError
from agent.graph import build_graph
from agent.memory import PrunedSqliteSaver, serializer, sqlite_memory
from agent.storage import journal_mode
from tests.mind import (
    FakeModel,
    FakeRetriever,
    FakeServices,
    FakeTranscriber,
    FakeVoice,
    answer,
    clone,
    message,
    passage,
    services,
    turn,
)

QUESTION = "Onde você nasceu?"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the conversations of a test are kept."""
    return tmp_path / "memory.db"


@pytest.fixture
def garbage(path: Path) -> Path:
    """Return a file of conversations that is none."""
    path.write_bytes(b"not a database" * 100)
    return path


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    """Return what stands in the file."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def size(path: Path) -> int:
    """Return the bytes that the file takes."""
    return path.stat().st_size


def is_private(path: Path) -> bool:
    """Tell whether only its owner may read the file."""
    return path.stat().st_mode & 0o077 == 0


def history(with_: FakeServices) -> list[str]:
    """Return the conversation as the last prompt told it."""
    return [str(each.content) for each in with_.model.prompts[-1][1:-1]]


async def test_a_conversation_outlives_the_process(path: Path) -> None:
    """What was said is known to the next worker, to each contact their own."""
    async with sqlite_memory(path) as saver:
        mind, _ = clone(saver)
        await answer(mind, turn(QUESTION, contact="ana"))
    async with sqlite_memory(path) as saver:
        mind, with_ = clone(saver)
        await answer(mind, turn(message("b", "Quando?"), contact="bia"))
        assert history(with_) == []
        await answer(mind, turn(message("a", "Quando?"), contact="ana"))

    assert history(with_) == [QUESTION, "Nasci no sítio Cabangu."]


async def test_two_hundred_turns_stay_small(path: Path) -> None:
    """A long conversation is one checkpoint in a file of at most 64 KB, in a safe journal."""
    async with sqlite_memory(path) as saver:
        mind, _ = clone(saver)
        for number in range(200):
            await answer(mind, turn(message(str(number), f"{QUESTION} E o número {number}?")))

    assert size(path) <= 64 * 1024
    assert rows(path, "SELECT count(*) FROM checkpoints") == [(1,)]
    assert rows(path, "SELECT count(*) FROM writes") == [(0,)]
    expected = journal_mode(sqlite3.sqlite_version_info)
    assert rows(path, "PRAGMA journal_mode") == [("wal" if expected == "wal" else "delete",)]
    assert is_private(path)


async def test_the_journal_is_set_back(path: Path) -> None:
    """The saver's own choice of WAL does not stay where this SQLite is not safe with it."""
    async with sqlite_memory(path) as saver, saver.conn.execute("PRAGMA journal_mode") as cursor:
        assert await cursor.fetchone() == (journal_mode(sqlite3.sqlite_version_info),)


async def test_only_the_conversation_is_kept(path: Path) -> None:
    """Passages, addresses of recordings, audio and the turn's settings never reach the file."""
    found = FakeRetriever(passage("Nasci no sítio PASSAGEM."))
    transcriber = FakeTranscriber({"file:GRAVACAO": QUESTION})
    async with sqlite_memory(path) as saver:
        mind, _ = clone(
            saver,
            model=FakeModel(answer=lambda _: "Nasci na fazenda. [[1]]"),
            retriever=found,
            transcriber=transcriber,
            voice=FakeVoice(),
        )
        reply = await answer(mind, turn(message("v", kind="audio", url="file:GRAVACAO")))

    kept = b"".join(bytes(row[0]) for row in rows(path, "SELECT checkpoint FROM checkpoints"))
    assert reply.voice is not None
    assert "sítio PASSAGEM".encode() not in kept
    assert all(word not in kept for word in (b"GRAVACAO", b"audio/ogg", b"vida.md"))
    assert b"Nasci na fazenda." in kept


async def test_many_contacts_write_at_once(path: Path) -> None:
    """Concurrent first turns share one connection without an error, a checkpoint each."""
    async with sqlite_memory(path) as saver:
        mind, _ = clone(saver)
        await asyncio.gather(
            *(answer(mind, turn(QUESTION, contact=f"c{n}"), seconds=60) for n in range(60))
        )

    assert rows(path, "SELECT count(DISTINCT thread_id), count(*) FROM checkpoints") == [(60, 60)]


async def test_a_turn_cancelled_at_any_moment_leaves_a_conversation(path: Path) -> None:
    """However a run is cut off, what was remembered before it is still there."""
    async with sqlite_memory(path) as saver:
        mind, with_ = clone(saver)
        await answer(mind, turn(QUESTION))
        for steps in range(0, 120, 5):
            running = asyncio.ensure_future(answer(mind, turn("E quando?")))
            for _ in range(steps):
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        await answer(mind, turn("E por quê?"))

    assert history(with_)[:2] == [QUESTION, "Nasci no sítio Cabangu."]
    assert history(with_).count("E quando?") <= 1
    assert rows(path, "SELECT count(*) FROM checkpoints") == [(1,)]


async def test_a_failed_run_is_overwritten(path: Path) -> None:
    """What an error leaves beside the checkpoint goes with the next run."""
    answers: Iterator[str | Exception] = iter([RuntimeError("x"), "Em 1873."])
    async with sqlite_memory(path) as saver:
        mind, _ = clone(saver, model=FakeModel(answer=lambda _: next(answers)))
        await asyncio.gather(answer(mind, turn(QUESTION)), return_exceptions=True)
        reply = await answer(mind, turn(QUESTION))

    assert reply.text == "Em 1873."
    assert rows(path, "SELECT count(*), (SELECT count(*) FROM writes) FROM checkpoints") == [(1, 0)]


async def test_a_file_that_is_no_database_is_named(garbage: Path) -> None:
    """A damaged file stops the worker with a sentence, not with a driver's error."""
    with pytest.raises(StorageError, match=r"memory\.db"):
        async with sqlite_memory(garbage):
            pass


async def test_a_database_that_gives_way_is_worth_repeating(path: Path) -> None:
    """An error of SQLite amid a turn is one of ours, so that the worker tries again."""
    async with sqlite_memory(path) as saver:
        mind, _ = clone(saver)
        await answer(mind, turn(QUESTION))
        await saver.conn.execute("PRAGMA query_only=ON")

        with pytest.raises(StorageError, match="memory of the conversation"):
            await answer(mind, turn("E quando?"))


@pytest.mark.parametrize("kind", range(6))
def test_a_crafted_payload_calls_nothing(kind: int, tmp_path: Path) -> None:
    """A payload that names a function to call is read as data, for every extension type."""
    marker = tmp_path / "called"
    parts = ("os", "mkdir", [str(marker)] if kind == 1 else str(marker), "mkdir")
    payload = ormsgpack.packb(ormsgpack.Ext(kind, ormsgpack.packb(parts)))

    serializer().loads_typed(("msgpack", payload))

    assert not marker.exists()


@pytest.mark.parametrize(
    "words",
    [
        '{"lc":2,"type":"constructor","id":["os","system"],"kwargs":{"command":"x"}}',
        '{"lc":1,"type":"secret","id":["PATH"]}',
    ],
)
async def test_words_that_look_like_code_stay_words(path: Path, words: str) -> None:
    """A contact who writes a serialized object reads it back as what they wrote."""
    async with sqlite_memory(path) as saver:
        mind, with_ = clone(saver)
        await answer(mind, turn(message("x", words)))
        await answer(mind, turn(QUESTION))

    assert history(with_)[0] == words


async def test_messages_come_back_as_they_were(path: Path) -> None:
    """The strict serializer knows the types that a conversation is made of."""
    async with sqlite_memory(path) as saver:
        graph = build_graph(services(), checkpointer=saver)
        await answer(Clone(graph, services().persona), turn(QUESTION))
        state = await graph.aget_state({"configurable": {"thread_id": "ana"}})

    assert [type(each) for each in state.values["messages"]] == [HumanMessage, AIMessage]
    assert set(state.values) == {"messages"}
    assert isinstance(saver, PrunedSqliteSaver)
