"""Inbox, turns and outbox keep the same promises on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from agent.keys import Keys
from agent.messages import IncomingMessage, Reply
from agent.settings import Secret
from channels.conversation import StoredConversation
from channels.database import Database
from channels.inbox import Inbox, Verdict
from channels.ledger import Ledger
from channels.outbox import Draft, Outbox
from channels.postgres import PostgresDatabase
from channels.reception import Reception
from channels.turns import Run, Turns, Wait
from tests.fakes import DOOR, answered, drafts
from tests.postgres import PostgresServer, running_postgres

BURST = 1.0
KEYS = Keys(Secret("k" * 32))
_numbers = count()


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class House:
    """Inbox, turns and outbox over one database, on one clock."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.clock = Clock()
        self.inbox = Inbox(ledger, KEYS, self.clock)
        self.turns = Turns(ledger, BURST, self.clock)
        self.outbox = Outbox(ledger, self.clock)

    def say(self, text: str, contact: str = "ana", answer: str | None = None) -> str:
        """Store a message and return the contact's hash."""
        return self.inbox.accept(message(text, contact), lambda standing: Verdict(answer)).contact

    def run(self, contact: str) -> Run:
        """Return the contact's turn once its burst is over."""
        self.clock.now += BURST
        step = self.turns.next(contact)
        assert isinstance(step, Run), step
        return step

    def page(self) -> StoredConversation:
        """Return what the simulator shows."""
        return StoredConversation(self.ledger, KEYS, Reception(self.inbox, DOOR, lambda: None))

    def rows(self, query: str) -> list[Any]:
        """Read whatever the test wants to see."""
        with self.ledger.read() as connection:
            return [dict(row) for row in connection.execute(query)]


def message(text: str, contact: str = "ana", message_id: str = "") -> IncomingMessage:
    """Return a message as a channel delivers it."""
    return IncomingMessage(
        channel="simulator",
        message_id=message_id or f"m{next(_numbers)}",
        contact_id=contact,
        address=contact,
        kind="text",
        text=text,
    )


def texts(run: Run) -> list[str]:
    """Return what the messages of a turn say."""
    return [each.text for each in run.turn.messages]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for this module."""
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house on either database."""
    ledger: Ledger
    if request.param == "sqlite":
        ledger = Database(tmp_path / "clone.db")
    else:
        ledger = PostgresDatabase(request.getfixturevalue("postgres").new_database())
    ledger.migrate()
    yield House(ledger)
    ledger.close()


def test_a_repeated_message_changes_nothing(house: House) -> None:
    """A delivery that comes again is refused, with the answer its first one got."""
    first = house.inbox.accept(message("oi", message_id="SM1"), answered("Olá!"))
    house.clock.now += 100
    again = house.inbox.accept(message("oi", message_id="SM1"))

    assert (first.new, again.new) == (True, False)
    assert (again.id, again.answer, again.received_at) == (first.id, "Olá!", first.received_at)
    assert house.turns.contacts_with_work() == []


def test_one_of_many_simultaneous_deliveries_is_new(house: House) -> None:
    """Deliveries of one message that race each other leave one row."""
    same = message("bom dia")
    with ThreadPoolExecutor(8) as threads:
        accepted = list(threads.map(lambda _: house.inbox.accept(same), range(24)))

    assert sum(each.new for each in accepted) == 1
    assert len({each.id for each in accepted}) == 1
    assert [row["n"] for row in house.rows("SELECT COUNT(*) AS n FROM inbox")] == [1]


def test_messages_of_many_threads_are_all_kept(house: House) -> None:
    """Contacts who write at the same moment lose nothing and are not mixed up."""
    pairs = [(f"contact {number % 6}", f"words {number}") for number in range(60)]
    with ThreadPoolExecutor(8) as threads:
        contacts = list(threads.map(lambda pair: house.say(pair[1], pair[0]), pairs))

    told = {contact: set(texts(house.run(contact))) for contact in set(contacts)}
    expected = {
        contact: {
            words for whose, (_, words) in zip(contacts, pairs, strict=True) if whose == contact
        }
        for contact in set(contacts)
    }
    assert told == expected


def test_a_turn_is_sealed_with_its_burst_and_stays_so(house: House) -> None:
    """Messages close together become one turn, in order; a re-run has exactly these."""
    contact = house.say("um")
    house.clock.now += BURST / 2
    house.say("dois")
    waiting = house.turns.next(contact)
    run = house.run(contact)
    again = house.turns.next(contact)

    assert isinstance(waiting, Wait)
    assert texts(run) == ["um", "dois"]
    assert isinstance(again, Run)
    assert (again.turn, again.attempts) == (run.turn, 2)


def test_words_that_come_in_mid_turn_join_it(house: House) -> None:
    """A reply is not kept while newer words of the contact may still join its turn."""
    contact = house.say("qual é")
    run = house.run(contact)
    house.say("o seu nome?")

    assert not house.turns.finish(run.turn, Reply(text="o quê?"), drafts("o quê?"))
    second = house.run(contact)
    assert texts(second) == ["qual é", "o seu nome?"]
    assert second.turn.id == run.turn.id
    assert house.turns.finish(second.turn, Reply(text="Alberto"), drafts("Al", "berto"))
    assert not house.turns.finish(second.turn, Reply(text="Alberto"), drafts("Alberto"))
    assert [row["body"] for row in house.rows("SELECT body FROM outbox ORDER BY position")] == [
        "Al",
        "berto",
    ]


def test_a_message_that_races_the_end_of_a_turn_is_answered(house: House) -> None:
    """However an arriving message and a finished reply meet, the message is in one turn."""
    for number in range(25):
        contact = house.say(f"first {number}", f"contact {number}")
        run = house.run(contact)
        with ThreadPoolExecutor(2) as threads:
            finished = threads.submit(house.turns.finish, run.turn, Reply(text="x"), drafts("x"))
            threads.submit(house.say, "second", f"contact {number}").result()
        left = house.run(contact)

        expected = ["second"] if finished.result() else [f"first {number}", "second"]
        assert texts(left) == expected


def test_parts_leave_in_order_and_once(house: House) -> None:
    """The outbox gives a contact's parts one by one, and never one that has left."""
    contact = house.say("conte tudo")
    house.turns.finish(house.run(contact).turn, Reply(text="a b"), drafts("a", "b"))
    sent = []
    while part := house.outbox.next(contact):
        house.outbox.sending(part)
        in_doubt = house.outbox.next(contact)
        assert in_doubt is not None
        assert (in_doubt.id, in_doubt.sending_at) == (part.id, house.clock.now)
        house.outbox.sent(part, f"SM-{part.body}")
        sent.append(part.body)

    assert sent == ["a", "b"]
    assert house.turns.contacts_with_work() == []


def test_a_part_is_handed_over_by_one_worker(house: House) -> None:
    """Of two workers that hold the same part, only one may send it."""
    contact = house.say("oi")
    house.turns.finish(house.run(contact).turn, Reply(text="olá"), drafts("olá"))
    part, same = house.outbox.next(contact), house.outbox.next(contact)
    assert part is not None
    assert part == same

    assert house.outbox.sending(part)
    assert not house.outbox.sending(part)
    house.outbox.sent(part, "SM1")
    assert not house.outbox.sending(part)


def test_failures_are_kept_and_apologised_for(house: House) -> None:
    """A failed attempt is repeated later; a turn given up keeps its error and its apology."""
    contact = house.say("e agora?")
    run = house.run(contact)
    house.turns.retry(run.turn, 5.0, "overloaded")
    waiting = house.turns.next(contact)
    house.clock.now += 5
    second = house.turns.next(contact)
    assert isinstance(second, Run)
    house.turns.fail(second.turn, "still overloaded", drafts("Desculpe"))

    assert isinstance(waiting, Wait)
    assert second.failures == 1
    assert house.rows("SELECT status, error FROM turns") == [
        {"status": "failed", "error": "still overloaded"}
    ]
    part = house.outbox.next(contact)
    assert part is not None
    assert part.body == "Desculpe"


def test_a_contact_s_wish_is_part_of_their_turns(house: House) -> None:
    """How somebody asked to be answered comes with every later turn of theirs, and no other's."""
    contact = house.say("me responde por áudio")
    first = house.run(contact)
    house.turns.finish(first.turn, Reply(text="ok", voice_preference="voice"), drafts("ok"))
    house.say("e agora?")
    second = house.run(contact)
    house.turns.finish(second.turn, Reply(text="ok"), drafts("ok"))
    house.say("e agora?")
    other = house.run(house.say("oi", "rui"))

    assert first.turn.voice_preference == ""
    assert second.turn.voice_preference == "voice"
    assert house.run(contact).turn.voice_preference == "voice"
    assert other.turn.voice_preference == ""


def test_a_recording_ends_as_words_with_all_they_hold(house: House) -> None:
    """Words instead of a recording stand for the rest of its reply."""
    contact = house.say("conte")
    spoken = Reply(text="a b", disclosed="voice")
    told = [Draft("a b", "ogg", "token"), Draft("b")]
    house.turns.finish(house.run(contact).turn, spoken, told)
    part = house.outbox.next(contact)
    assert part is not None
    assert (part.form, part.media) == ("ogg", "token")

    house.outbox.replace(part, [Draft("a b", "mp3", "other")], 0.0, "63019", 1)
    rows = house.rows("SELECT body, form, status FROM outbox ORDER BY position")
    assert [tuple(row.values()) for row in rows] == [
        ("a b", "ogg", "replaced"),
        ("b", "text", "replaced"),
        ("a b", "mp3", "pending"),
        ("b", "text", "pending"),
    ]
    mp3 = replace(part, id=f"{part.id}.0", form="mp3")
    house.outbox.replace(mp3, [Draft("a b")], 0.0, "63019", 2, True)

    assert [
        (row["body"], row["form"])
        for row in house.rows("SELECT body, form FROM outbox WHERE status = 'pending'")
    ] == [("a b", "text")]


def test_nothing_replaces_a_part_after_a_stop(house: House) -> None:
    """Whoever asked to be left alone is not sent again what did not arrive."""
    contact = house.say("conte")
    house.turns.finish(house.run(contact).turn, Reply(text="a"), drafts("a"))
    part = house.outbox.next(contact)
    assert part is not None
    house.inbox.accept(message("parar"), lambda standing: Verdict("ok", "withdrawn"))

    house.outbox.replace(part, drafts("a"), 0.0, "63018", 1)

    assert house.rows("SELECT body, status FROM outbox") == [{"body": "a", "status": "dropped"}]
    assert not house.turns.any_owed()


def test_work_is_owed_until_it_has_left(house: House) -> None:
    """A message, an open turn and an unsent part each keep a worker; nothing else does."""
    owed = [house.turns.any_owed()]
    contact = house.say("olá")
    owed.append(house.turns.any_owed())
    run = house.run(contact)
    owed.append(house.turns.any_owed())
    house.turns.finish(run.turn, Reply(text="Olá"), drafts("Olá"))
    owed.append(house.turns.any_owed())
    part = house.outbox.next(contact)
    assert part is not None
    house.outbox.sent(part, "SM1")
    house.say("ajuda", answer="Pergunte.")
    owed.append(house.turns.any_owed())

    assert owed == [False, True, True, True, False]


def test_the_page_follows_a_message(house: House) -> None:
    """A message is shown as stored, read and answered, each as news, then the reply below it."""
    page = house.page()
    seen = [page.timeline("ana", 0)]
    contact = house.say("olá")
    seen.append(page.timeline("ana", 0))
    run = house.run(contact)
    seen.append(page.timeline("ana", 0))
    house.clock.now += 10
    house.turns.finish(run.turn, Reply(text="Olá"), drafts("Olá"))
    part = house.outbox.next(contact)
    assert part is not None
    house.outbox.sent(part, "SM1")
    seen.append(page.timeline("ana", after=seen[-1][0].version))

    shown = [[(bubble.text, bubble.status, bubble.turn_id) for bubble in each] for each in seen]
    assert shown == [
        [],
        [("olá", "stored", "")],
        [("olá", "read", run.turn.id)],
        [("olá", "answered", run.turn.id), ("Olá", "sent", run.turn.id)],
    ]
    assert [each[0].version for each in seen[1:]] == sorted({each[0].version for each in seen[1:]})
    assert page.timeline("rui", 0) == []


def test_a_poll_of_the_page_reads_one_conversation_only(tmp_path: Path) -> None:
    """Every query of a poll is led by an index to the rows it wants, and sorts nothing."""
    house = House(Database(tmp_path / "clone.db"))
    asked: set[str] = set()
    with house.ledger.read() as connection:
        connection.set_trace_callback(asked.add)
        house.page().timeline("ana", 0)
        house.page().is_typing("ana")
        connection.set_trace_callback(None)
        plans = {
            query: [step["detail"] for step in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
            for query in asked
        }
    house.ledger.close()

    assert len(plans) >= 5
    steps = {step for plan in plans.values() for step in plan} - {"SCAN CONSTANT ROW"}
    assert [step for step in steps if "SCAN" in step or "B-TREE" in step] == []


def test_a_refused_block_leaves_nothing(house: House) -> None:
    """What a transaction had written is gone when its block raises."""

    def write_and_break() -> None:
        with house.ledger.write() as connection:
            house.ledger.queries.remember_contact(
                connection, contact="c", channel="simulator", address="a", now=1.0
            )
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_break()
    assert house.rows("SELECT contact FROM contacts") == []
