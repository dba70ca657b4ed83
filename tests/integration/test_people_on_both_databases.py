"""Consent, limits and delivery reports keep the same promises on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.keys import Keys
from agent.messages import Reply
from agent.settings import Secret
from channels.database import Database
from channels.inbox import Inbox, Verdict
from channels.ledger import Ledger
from channels.outbox import Draft, Outbox
from channels.postgres import PostgresDatabase
from channels.receipts import Receipts
from channels.reports import DeliveryReport
from channels.standing import Limits
from channels.steps import Refuse, Run
from channels.turns import Turns
from tests.fakes import ManualClock, drafts, incoming
from tests.postgres import PostgresServer, running_postgres

KEYS = Keys(Secret("k" * 32))
ANA = KEYS.contact("fake", "ana")


class House:
    """Everything that keeps a conversation, over one database, on one clock."""

    def __init__(self, ledger: Ledger) -> None:
        limits = Limits(per_minute=3)
        self.ledger = ledger
        self.clock = ManualClock()
        self.inbox = Inbox(ledger, KEYS, self.clock, limits)
        self.turns = Turns(ledger, 1.0, self.clock, limits)
        self.outbox = Outbox(ledger, self.clock)
        self.woken: list[None] = []
        self.receipts = Receipts(ledger, lambda: self.woken.append(None), self.clock)
        self._number = 0

    def say(self, text: str, verdict: Verdict | None = None, quoted_id: str = "") -> None:
        """Store a message whose burst is over at once."""
        self._number += 1
        message = incoming(text, number=self._number, quoted_id=quoted_id)
        self.inbox.accept(message, lambda standing: verdict or Verdict())
        self.clock.advance(2.0)

    def run(self) -> Run:
        """Return the contact's next turn."""
        step = self.turns.next(ANA)
        assert isinstance(step, Run), step
        return step

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Read whatever the test wants to see."""
        with self.ledger.read() as connection:
            return [tuple(dict(row).values()) for row in connection.execute(query).fetchall()]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for this module."""
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def house(
    request: pytest.FixtureRequest, tmp_path: Path, postgres: PostgresServer
) -> Iterator[House]:
    """A house on either database."""
    ledger: Ledger
    if request.param == "sqlite":
        ledger = Database(tmp_path / "clone.db")
    else:
        ledger = PostgresDatabase(postgres.new_database())
    yield House(ledger)
    ledger.close()


def test_a_stop_drops_what_waits_and_a_return_undoes_it(house: House) -> None:
    """Turn, fragments and parts go; what is said in between stays out of the next turn."""
    house.say("a")
    run = house.run()
    house.say("stop", Verdict("bye", "withdrawn"))
    assert house.turns.restart(run.turn)
    assert not house.turns.finish(run.turn, Reply(text="x"), drafts("x"))
    house.say("secret", Verdict(""))
    assert not house.turns.any_owed()

    house.say("back", Verdict("hello", "given"))
    house.say("b")

    turn = house.run().turn
    assert [message.text for message in turn.messages if message.answer is None] == ["b"]
    assert "secret" not in [message.text for message in turn.messages]
    assert house.rows("SELECT opted_out_at FROM contacts") == [(None,)]


def test_limits_and_notices_are_the_contacts_own(house: House) -> None:
    """Answers are counted by time, and what was said once is not said again."""
    for number in range(3):
        house.say(str(number))
        run = house.run()
        assert run.turn.introduced is (number > 0)
        reply = Reply(text="x", disclosed="ai", hand_over=True)
        assert house.turns.finish(run.turn, reply, drafts("x"))
        part = house.outbox.next(ANA)
        assert part is not None
        house.outbox.sending(part)
        house.outbox.sent(part, f"SM{number}")
    house.say("one too many")
    step = house.turns.next(ANA)
    assert isinstance(step, Refuse)
    assert not step.told
    house.turns.refuse(step.turn, drafts("later"))
    house.say("and another")
    again = house.turns.next(ANA)
    assert isinstance(again, Refuse)
    assert again.told
    house.turns.refuse(again.turn, ())
    house.clock.advance(61.0)
    house.say("later")

    assert house.run().turn.introduced
    assert house.rows("SELECT COUNT(*) FROM turns WHERE hand_over") == [(3,)]


def test_reports_settle_and_call(house: House) -> None:
    """A doubt ends, delivery only grows, and a part that did not arrive is work to be found."""
    house.say("a")
    house.turns.finish(house.run().turn, Reply(text="x"), [Draft("x", "ogg", "file"), Draft("y")])
    part = house.outbox.next(ANA)
    assert part is not None
    house.outbox.sending(part)

    def report(status: str, error: str = "") -> None:
        house.receipts.take(
            DeliveryReport(part_id=part.id, provider_id="SM1", status=status, error=error)
        )

    report("sent")
    second = house.outbox.next(ANA)
    assert second is not None
    assert second.body == "y"
    assert house.woken == []
    report("undelivered", "63019")
    report("undelivered", "63019")
    assert len(house.woken) == 1
    lost = house.outbox.next(ANA)
    assert lost is not None
    assert (lost.undelivered, lost.delivery_error, lost.form) == (True, "63019", "ogg")

    house.outbox.replace(lost, drafts("x"), 0.0, "63019", lost.attempts)

    assert house.rows("SELECT body, form, status FROM outbox ORDER BY position") == [
        ("x", "ogg", "replaced"),
        ("y", "text", "replaced"),
        ("x", "text", "pending"),
        ("y", "text", "pending"),
    ]


def test_a_swiped_message_is_found(house: House) -> None:
    """By the channel's id of ours, or by the hash of the contact's own."""
    house.say("a")
    house.turns.finish(house.run().turn, Reply(text="x"), drafts("words of ours"))
    part = house.outbox.next(ANA)
    assert part is not None
    house.outbox.sending(part)
    house.outbox.sent(part, "SM9")
    house.say("b", quoted_id="SM9")

    assert house.run().turn.messages[0].quoted == "words of ours"
