"""The inbox on a real database: once and for ever, in order, whatever happens meanwhile."""

import json
import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.errors import StorageError
from agent.keys import Keys, installation_secret
from agent.messages import IncomingMessage, Media
from agent.settings import Secret
from channels.database import Database
from channels.inbox import Inbox
from channels.reception import REPEAT_SECONDS, DoorLines, Reception
from channels.turns import Run, Turns
from tests.fakes import DOOR, ManualClock, incoming

KEYS = Keys(Secret("k" * 32))
DAY = 24 * 3600.0


@pytest.fixture
def clock() -> ManualClock:
    """A clock in the test's hands."""
    return ManualClock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A new database."""
    database = Database(tmp_path / "data" / "clone.db")
    yield database
    database.close()


@pytest.fixture
def inbox(database: Database, clock: ManualClock) -> Inbox:
    """An inbox on it."""
    return Inbox(database, KEYS, clock)


def with_shortcuts(shortcuts: dict[str, str]) -> DoorLines:
    """Return the lines of a door that answers some phrases."""
    return replace(DOOR, shortcuts=shortcuts)


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    """Return what a query finds, as plain tuples."""
    with database.read() as connection:
        return [tuple(row.values()) for row in connection.execute(query)]


def test_a_message_is_durable_when_accepted(inbox: Inbox, tmp_path: Path) -> None:
    """Another process sees the message as soon as `accept` returns."""
    accepted = inbox.accept(incoming("olá"))

    other = sqlite3.connect(tmp_path / "data" / "clone.db")
    assert other.execute("SELECT id, turn_id FROM inbox").fetchall() == [(accepted.id, None)]
    other.close()


def test_everything_of_a_message_comes_back_in_its_turn(
    inbox: Inbox, database: Database, clock: ManualClock
) -> None:
    """Text with any character, files and the channel's id survive the way through the database."""
    media = (Media(url="https://api.example/ME1", content_type="audio/ogg"),)
    message = IncomingMessage(
        channel="whatsapp", message_id="SM1", contact_id="BR.1", address="whatsapp:+55119",
        kind="audio", text="Olá 😀 'x\"; DROP TABLE inbox;--\x00", media=media,
    )  # fmt: skip
    accepted = inbox.accept(message)
    clock.advance(2)

    step = Turns(database, 1.0, clock).next(accepted.contact)

    assert isinstance(step, Run)
    (back,) = step.turn.messages
    assert (back.text, back.kind, back.media) == (message.text, "audio", media)
    assert (back.provider_id, back.id, step.turn.channel) == ("SM1", accepted.id, "whatsapp")


@pytest.mark.parametrize("later", [0.0, 1.0, DAY, 400 * DAY])
def test_a_repeated_message_is_refused_for_ever(
    inbox: Inbox, database: Database, clock: ManualClock, later: float
) -> None:
    """A message id that came once changes nothing any more, however much later it comes."""
    first = inbox.accept(incoming("olá", number=7))
    clock.advance(later)

    again = inbox.accept(incoming("other words", number=7))

    assert (first.new, again.new, again.id) == (True, False, first.id)
    assert again.received_at == first.received_at
    assert rows(database, "SELECT COUNT(*) FROM inbox") == [(1,)]


def test_a_replay_does_not_redirect_replies(inbox: Inbox, database: Database) -> None:
    """An old delivery sent again does not bring the contact's old address back."""
    for number, address in ((1, "old"), (2, "new"), (1, "old")):
        message = incoming(number=number)
        inbox.accept(
            IncomingMessage(
                channel=message.channel,
                message_id=message.message_id,
                contact_id=message.contact_id,
                address=address,
                kind="text",
                text="x",
            )
        )

    assert rows(database, "SELECT address FROM contacts") == [("new",)]


def test_ids_of_different_channels_are_different(inbox: Inbox, database: Database) -> None:
    """Two channels may use one id for two messages, and one name for two people."""
    first = inbox.accept(incoming(channel="whatsapp"))
    second = inbox.accept(incoming(channel="simulator"))

    assert second.new
    assert first.contact != second.contact


def test_parallel_deliveries_are_one_row(tmp_path: Path) -> None:
    """Fifty deliveries at once, from two processes' connections, are one message."""
    databases = [Database(tmp_path / "clone.db") for _ in range(2)]
    inboxes = [Inbox(database, KEYS) for database in databases]
    with ThreadPoolExecutor(10) as posts:
        accepted = list(posts.map(lambda n: inboxes[n % 2].accept(incoming()), range(50)))

    assert sum(each.new for each in accepted) == 1
    assert rows(databases[0], "SELECT COUNT(*) FROM inbox") == [(1,)]
    for database in databases:
        database.close()


def test_parallel_messages_keep_the_order_of_storing(tmp_path: Path) -> None:
    """Times of arrival never run against the order of positions."""
    database = Database(tmp_path / "clone.db")
    inbox = Inbox(database, KEYS)
    with ThreadPoolExecutor(8) as posts:
        list(posts.map(lambda number: inbox.accept(incoming(number=number)), range(80)))

    times = [at for (at,) in rows(database, "SELECT received_at FROM inbox ORDER BY position")]
    assert times == sorted(times)
    database.close()


def test_numbers_and_ids_are_hashed(inbox: Inbox, database: Database) -> None:
    """Keys say nothing without the installation's secret, and another secret makes others."""
    accepted = inbox.accept(incoming(contact="whatsapp:+5511999999999"))

    for key in (accepted.id, accepted.contact):
        assert len(key) == 32
        assert "5511999999999" not in key
    assert Keys(Secret("z" * 32)).contact("fake", "x") != KEYS.contact("fake", "x")
    assert KEYS.contact("fake", "x") != KEYS.message("fake", "x")


def test_a_locked_database_stores_nothing(inbox: Inbox, database: Database, tmp_path: Path) -> None:
    """When another process keeps the lock, the message is refused whole, and taken afterwards."""
    with database.read() as connection:
        # The product waits five seconds for a lock, this test does not.
        connection.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(tmp_path / "data" / "clone.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(StorageError, match="locked"):
        inbox.accept(incoming())

    other.execute("ROLLBACK")
    other.close()
    assert inbox.accept(incoming()).new


def test_a_full_disk_refuses_and_heals(inbox: Inbox, database: Database) -> None:
    """A message that does not fit is refused, never half kept; with room it is accepted."""
    inbox.accept(incoming(number=1))
    with database.read() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone().values()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError):
        inbox.accept(incoming("x" * 100_000, number=2))
    assert rows(database, "SELECT COUNT(*) FROM inbox") == [(1,)]

    with database.read() as connection:
        connection.execute("PRAGMA max_page_count = 100000")

    assert inbox.accept(incoming("x" * 100_000, number=2)).new


def test_a_shortcut_is_answered_and_kept(
    inbox: Inbox, database: Database, clock: ManualClock
) -> None:
    """The exact words, in any case and accents, are answered at once and wake nobody."""
    wakes: list[None] = []
    reception = Reception(
        inbox, with_shortcuts({"Oi": "Olá!", "bom  dia": "Dia!"}), lambda: wakes.append(None)
    )

    told = [
        reception.receive(incoming(text, number=number))
        for number, text in enumerate(("oi", " OÍ ", "Bom dia", "oi!", "oi tudo"))
    ]

    assert told == ["Olá!", "Olá!", "Dia!", None, None]
    assert len(wakes) == 2
    assert rows(database, "SELECT answer FROM inbox ORDER BY position") == [
        ("Olá!",), ("Olá!",), ("Dia!",), (None,), (None,),
    ]  # fmt: skip


def test_a_redelivered_shortcut_gets_the_same_answer_for_a_minute(
    inbox: Inbox, clock: ManualClock
) -> None:
    """Within 60 seconds a repeat gets the first answer, also if the shortcut changed; then none."""
    Reception(inbox, with_shortcuts({"oi": "Olá!"}), lambda: None).receive(incoming("oi"))
    changed = Reception(inbox, with_shortcuts({"oi": "Outra"}), lambda: None)

    clock.advance(REPEAT_SECONDS)
    assert changed.receive(incoming("oi")) == "Olá!"
    clock.advance(1)
    assert changed.receive(incoming("oi")) is None


def test_a_repeat_wakes_again(inbox: Inbox) -> None:
    """The first delivery may have been cut before it could wake anybody."""
    wakes: list[None] = []
    reception = Reception(inbox, with_shortcuts({}), lambda: wakes.append(None))

    reception.receive(incoming("a"))
    reception.receive(incoming("a"))

    assert len(wakes) == 2


def test_only_text_can_be_a_shortcut(inbox: Inbox) -> None:
    """A picture with the caption "oi" is no greeting to be answered at the door."""
    reception = Reception(inbox, with_shortcuts({"oi": "Olá!"}), lambda: None)

    assert reception.receive(incoming("oi", kind="image")) is None


def test_nothing_is_woken_for_what_was_not_stored(inbox: Inbox, database: Database) -> None:
    """A message that could not be stored is neither answered nor announced."""
    wakes: list[None] = []
    with database.read() as connection:
        connection.execute("PRAGMA query_only = ON")

    with pytest.raises(StorageError):
        Reception(inbox, with_shortcuts({"oi": "Olá!"}), lambda: wakes.append(None)).receive(
            incoming("oi")
        )

    assert wakes == []


def test_the_database_is_private_and_migrated_once(tmp_path: Path) -> None:
    """The file is the owner's alone; opening it again changes nothing."""
    path = tmp_path / "data" / "clone.db"
    for _ in range(2):
        database = Database(path)
        database.migrate()
        version = rows(database, "PRAGMA user_version")
        database.close()

    assert version[0][0] >= 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_secret_is_made_once(tmp_path: Path) -> None:
    """Processes that start together share one private secret; a configured one goes first."""
    with ThreadPoolExecutor(8) as starts:
        found = {
            secret.reveal()
            for secret in starts.map(
                lambda _: installation_secret(Secret(""), tmp_path / "data"), range(16)
            )
        }

    assert len(found) == 1
    path = tmp_path / "data" / "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["secret"]
    assert installation_secret(Secret("mine"), tmp_path / "data").reveal() == "mine"


@pytest.mark.parametrize("damage", [b"", b"short", b"\xff" * 50])
def test_a_damaged_secret_is_not_replaced(tmp_path: Path, damage: bytes) -> None:
    """Another secret would make strangers of all contacts, so that the damage is told instead."""
    (tmp_path / "secret").write_bytes(damage)

    with pytest.raises(StorageError, match="secret"):
        installation_secret(Secret(""), tmp_path)

    assert (tmp_path / "secret").read_bytes() == damage


def test_the_payload_is_plain_json(inbox: Inbox, database: Database) -> None:
    """What is stored of a message can be read without this program."""
    inbox.accept(incoming("olá"))

    ((stored,),) = rows(database, "SELECT message FROM inbox")

    assert json.loads(stored) == {
        "message_id": "SMana1",
        "kind": "text",
        "text": "olá",
        "media": [],
        "quoted": [],
        "referral": "",
    }
