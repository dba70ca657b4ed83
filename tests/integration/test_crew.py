"""What surrounds a worker: how its lanes alarm, what is waited for, how long a stop may take."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from agent.keys import Keys
from agent.messages import Reply
from agent.settings import Secret, Settings
from channels.crew import CLOSING_SECONDS, ERRAND_SECONDS, TURN_SECONDS, serve_contacts
from channels.database import Database
from channels.dispatch import STOP_SECONDS
from channels.doorbell import Doorbell
from channels.inbox import Inbox
from channels.media_links import MediaLinks
from channels.media_store import MediaStore
from channels.thinking import CANCEL_SECONDS
from channels.worker import Worker
from tests.fakes import FakeMind, incoming, sound
from tests.standins.exchange import Answer, Handler, Request, json_answer
from tests.standins.server import StandIn


class Operator(StandIn):
    """Where alerts go."""

    def __init__(self) -> None:
        super().__init__()
        self.route("POST", "/alerts", "alert", lambda _: json_answer({}))

    @property
    def alerts(self) -> list[dict[str, object]]:
        """Everything told so far."""
        return [request.json() for request in self.requests("alert")]


@pytest.fixture
def operator() -> Iterator[Operator]:
    """An operator on loopback."""
    with Operator() as operator:
        yield operator


async def serve(data: Path, operator: Operator, mind: FakeMind, keys: Keys | None = None) -> None:
    """Run a whole worker until it is idle."""
    settings = Settings.from_env(
        {
            "CLONE_DATA": str(data),
            "CLONE_ALERT_URL": f"{operator.url}/alerts",
            "CLONE_IDLE_SECONDS": "0.05",
            "CLONE_BURST_SECONDS": "0",
        }
    )
    database = Database(data / "clone.db")
    with Doorbell(data) as doorbell:
        assert doorbell.claim()
        hire = partial(Worker, doorbell=doorbell)
        await serve_contacts(hire, settings, database, mind, _no_twilio, keys)
    database.close()


def _no_twilio() -> object:
    raise AssertionError("no message came from WhatsApp")


def store(data: Path, contacts: int) -> None:
    """Store a message of each contact."""
    database = Database(data / "clone.db")
    inbox = Inbox(database, Keys(Secret("k" * 32)))
    for number in range(contacts):
        inbox.accept(incoming("olá", contact=f"c{number}", channel="simulator"))
    database.close()


def sent(data: Path) -> list[tuple[str]]:
    """Return the texts of the parts that have left."""
    connection = sqlite3.connect(data / "clone.db")
    try:
        return connection.execute("SELECT body FROM outbox WHERE status = 'sent'").fetchall()
    finally:
        connection.close()


async def test_turns_that_fail_together_are_one_alert(tmp_path: Path, operator: Operator) -> None:
    """When everything fails, every contact gets an apology, the operator one alert."""
    mind = FakeMind()
    mind.answers = [ValueError("x") for _ in range(20)]
    store(tmp_path, 20)

    await serve(tmp_path, operator, mind)

    assert sent(tmp_path) == [("sorry",)] * 20
    assert [alert["action"] for alert in operator.alerts] == ["turn_failed"]


async def test_a_slow_alert_delays_nobody_and_is_waited_for(
    tmp_path: Path, operator: Operator
) -> None:
    """The apology leaves before the operator's address answers, the worker only after."""
    gate = threading.Event()

    def held(request: Request, proceed: Handler) -> Answer:
        assert gate.wait(10)
        return proceed(request)

    operator.whenever("alert", held)
    mind = FakeMind()
    mind.answers = [ValueError("x")]
    store(tmp_path, 1)

    serving = asyncio.create_task(serve(tmp_path, operator, mind))
    async with asyncio.timeout(10):
        while not (operator.alerts and sent(tmp_path)):  # noqa: ASYNC110 - it changes elsewhere
            await asyncio.sleep(0.01)
    assert not serving.done()
    gate.set()
    await asyncio.wait_for(serving, 10)

    assert sent(tmp_path) == [("sorry",)]


async def test_a_spoken_reply_is_kept_for_its_time(tmp_path: Path, operator: Operator) -> None:
    """A worker puts a recording where its link finds it, and the next one deletes what is old."""
    keys, mind = Keys(Secret("k" * 32)), FakeMind()
    mind.answers = [Reply(text="Olá", voice=sound("oggs"))]
    store(tmp_path, 1)
    database = Database(tmp_path / "clone.db")
    old = MediaStore(database, tmp_path / "media", lambda: 1_000_000.0).save(b"x", "audio/ogg")

    await serve(tmp_path, operator, mind, keys)

    with database.read() as connection:
        rows = list(connection.execute("SELECT body, form, media FROM outbox"))
    recordings = MediaStore(database, tmp_path / "media")
    assert [(row["body"], row["form"]) for row in rows] == [("Olá", "ogg")]
    name = MediaLinks(keys, 24.0).name(rows[0]["media"])
    assert name
    kept = recordings.read(name)
    assert kept
    assert kept.data == b"oggs"
    assert recordings.read(old) is None
    database.close()


def test_a_stop_ends_before_it_is_cut_short() -> None:
    """All that a stop waits for, one after the other, fits into what the web process waits."""
    assert TURN_SECONDS + CANCEL_SECONDS + ERRAND_SECONDS + CLOSING_SECONDS <= STOP_SECONDS
    assert TURN_SECONDS >= 10
    assert CLOSING_SECONDS >= 1
