"""One person is one contact, and two people never are, whatever ids their messages come with."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from agent.keys import Keys
from agent.messages import IncomingMessage
from agent.settings import Secret
from channels.database import Database
from channels.inbox import Inbox
from channels.ledger import Ledger
from channels.postgres import PostgresDatabase
from tests.fakes import incoming
from tests.postgres import PostgresServer, running_postgres

KEYS = Keys(Secret("k" * 32))
NUMBER, OTHER_NUMBER = "whatsapp:+5511999999999", "whatsapp:+5521888888888"
ANA, RUI = "whatsapp:BR.1", "whatsapp:BR.2"
_numbers = count()


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for this module."""
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def ledger(
    request: pytest.FixtureRequest, tmp_path: Path, postgres: PostgresServer
) -> Iterator[Ledger]:
    """A new database of either kind."""
    if request.param == "sqlite":
        database: Ledger = Database(tmp_path / "clone.db")
    else:
        database = PostgresDatabase(postgres.new_database())
    yield database
    database.close()


def message(number: str, own: str = "") -> IncomingMessage:
    """Return a message from a number, with the person's own id where Twilio tells it."""
    return replace(
        incoming(number=next(_numbers), channel="whatsapp"),
        contact_id=own or number,
        address=number,
    )


def contact(ledger: Ledger, number: str, own: str = "") -> str:
    """Let a message come in and return whose it is."""
    return Inbox(ledger, KEYS).accept(message(number, own)).contact


def test_a_number_is_recognised_when_its_own_id_first_comes(ledger: Ledger) -> None:
    """Who was known by number keeps their conversation, and is known by either id from then on."""
    first = contact(ledger, NUMBER)

    assert contact(ledger, NUMBER, ANA) == first
    assert contact(ledger, NUMBER) == first
    assert contact(ledger, OTHER_NUMBER, ANA) == first


def test_the_same_number_with_another_id_is_another_person(ledger: Ledger) -> None:
    """A number that passed to somebody else brings nothing of its former owner."""
    ana = contact(ledger, NUMBER, ANA)
    rui = contact(ledger, NUMBER, RUI)

    assert rui != ana
    assert contact(ledger, NUMBER) == rui
    assert contact(ledger, OTHER_NUMBER, ANA) == ana


def test_a_former_number_does_not_lead_back(ledger: Ledger) -> None:
    """Neither does it when the former owner was first known by it alone."""
    ana = contact(ledger, NUMBER)
    assert contact(ledger, NUMBER, ANA) == ana

    assert contact(ledger, NUMBER, RUI) != ana
    assert contact(ledger, NUMBER, ANA) == ana


def test_a_person_without_a_number_is_one_contact(ledger: Ledger) -> None:
    """Where the number is hidden the own id stands in its place, and meets the number later."""
    ana = contact(ledger, ANA)

    assert contact(ledger, ANA, ANA) == ana
    assert contact(ledger, NUMBER, ANA) == ana
    assert contact(ledger, NUMBER) == ana


def test_replies_go_where_the_last_message_came_from(ledger: Ledger) -> None:
    """The address is that of the latest message, whichever id it came with."""
    contact(ledger, NUMBER, ANA)
    contact(ledger, OTHER_NUMBER, ANA)

    with ledger.read() as connection:
        rows = [dict(row) for row in connection.execute("SELECT address FROM contacts").fetchall()]
    assert rows == [{"address": OTHER_NUMBER}]


def test_nobody_is_told_apart_by_what_is_stored(ledger: Ledger) -> None:
    """Neither number nor id stands in the table of identities."""
    contact(ledger, NUMBER, ANA)

    with ledger.read() as connection:
        rows = connection.execute("SELECT * FROM identities").fetchall()
    assert len(rows) == 2
    assert "5511999999999" not in str(rows)
    assert "BR.1" not in str(rows)
