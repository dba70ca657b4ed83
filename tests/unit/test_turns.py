"""Which messages make a turn, and what becomes of it."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.keys import Keys
from agent.messages import Passage, Reply, Turn
from agent.settings import Secret
from channels.bursts import MAX_RESTARTS, MAX_WINDOWS, first_burst
from channels.database import Database
from channels.inbox import Inbox, Verdict
from channels.outbox import Outbox
from channels.turns import Held, Run, Turns, Wait
from tests.fakes import ManualClock, drafts, incoming, said

KEYS = Keys(Secret("k" * 32))
ANA, RUI = KEYS.contact("fake", "ana"), KEYS.contact("fake", "rui")
REPLY = Reply(text="ok")


class Desk:
    """Inbox, turns and outbox of one new database, on one clock."""

    def __init__(self, path: Path, burst: float = 1.0) -> None:
        self.clock = ManualClock()
        self.database = Database(path)
        self.inbox = Inbox(self.database, KEYS, self.clock)
        self.turns = Turns(self.database, burst, self.clock)
        self.outbox = Outbox(self.database, self.clock)
        self._number = 0

    def hear(self, text: str, contact: str = "ana", answer: str | None = None) -> None:
        """Store a message now."""
        self._number += 1
        message = incoming(text, number=self._number, contact=contact)
        self.inbox.accept(message, lambda standing: Verdict(answer))

    def next_run(self, contact: str = ANA) -> Run:
        """Return the contact's next turn, once all its waits are over."""
        while isinstance(step := self.turns.next(contact), Wait):
            self.clock.advance(step.seconds)
        assert isinstance(step, Run)
        return step

    def next_turn(self, contact: str = ANA) -> Turn:
        """Return the contact's next turn, once all its waits are over."""
        return self.next_run(contact).turn


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk with a burst window of one second."""
    return Desk(tmp_path / "clone.db")


def test_nothing_is_owed_to_a_stranger(desk: Desk) -> None:
    """A contact without messages has no turn and counts as no work."""
    assert desk.turns.next(ANA) is None
    assert desk.turns.contacts_with_work() == []


def test_a_message_waits_its_burst_window_out(desk: Desk) -> None:
    """A turn is sealed when the window after its message has closed, not before."""
    desk.hear("a")
    desk.clock.advance(0.4)

    wait = desk.turns.next(ANA)
    assert isinstance(wait, Wait)
    assert wait.seconds == pytest.approx(0.6)
    desk.clock.advance(0.6)
    step = desk.turns.next(ANA)
    assert isinstance(step, Run)
    assert (said(step.turn), step.attempts, step.failures) == ("a", 1, 0)


def test_a_burst_is_one_turn(desk: Desk) -> None:
    """Messages whose gaps stay within the window are answered together, in their order."""
    for word in "abc":
        desk.hear(word)
        assert isinstance(desk.turns.next(ANA), Wait)
        desk.clock.advance(0.9)

    assert said(desk.next_turn()) == "a + b + c"


def test_a_burst_ends_after_five_windows(desk: Desk) -> None:
    """A contact who never pauses is answered all the same, and the rest becomes the next turn."""
    for number in range(10):
        desk.hear(str(number))
        desk.clock.advance(0.8)

    first = desk.next_turn()
    assert said(first) == "0 + 1 + 2 + 3 + 4 + 5 + 6"
    desk.turns.finish(first, REPLY, [])
    assert said(desk.next_turn()) == "7 + 8 + 9"


def test_bursts_of_a_downtime_are_separate_turns(desk: Desk) -> None:
    """What waited while no worker ran is cut where the contact paused, and answered in order."""
    for word in ("a", "b"):
        desk.hear(word)
        desk.clock.advance(0.5)
    desk.clock.advance(60)
    desk.hear("c")
    desk.clock.advance(60)

    first = desk.next_turn()
    assert said(first) == "a + b"
    assert desk.turns.finish(first, REPLY, drafts("1"))
    assert said(desk.next_turn()) == "c"


def test_without_a_window_a_message_is_a_turn_at_once(tmp_path: Path) -> None:
    """A burst window of zero merges nothing and waits for nothing."""
    desk = Desk(tmp_path / "clone.db", burst=0.0)
    desk.hear("a")
    desk.clock.advance(0.001)
    desk.hear("b")

    assert said(desk.next_turn()) == "a"


@given(st.lists(st.floats(0, 3), min_size=1, max_size=30), st.floats(0.01, 2))
def test_a_burst_keeps_its_bounds(gaps: list[float], window: float) -> None:
    """A burst takes at least one message, has no wide gap and never lasts more than its cap."""
    times = [sum(gaps[: n + 1]) for n in range(len(gaps))]

    count, end = first_burst(times, window)

    inside = times[:count]
    assert 1 <= count <= len(times)
    assert all(b - a <= window + 1e-9 for a, b in itertools.pairwise(inside))
    assert times[0] <= end <= times[0] + MAX_WINDOWS * window + 1e-9
    assert count == len(times) or times[count] > end - 1e-9


def test_contacts_do_not_share_turns(desk: Desk) -> None:
    """Two people who write at once have a turn each."""
    desk.hear("a", "ana")
    desk.hear("r", "rui")

    assert sorted(desk.turns.contacts_with_work()) == sorted([ANA, RUI])
    assert said(desk.next_turn(ANA)) == "a"
    assert said(desk.next_turn(RUI)) == "r"


def test_news_starts_the_turn_over(desk: Desk) -> None:
    """A message during a turn joins it, and the turn waits for the rest of that burst."""
    desk.hear("a")
    turn = desk.next_turn()
    desk.clock.advance(3)
    desk.hear("b")

    assert desk.turns.restart(turn)
    assert desk.turns.next(ANA) == Wait(seconds=pytest.approx(1.0))
    desk.clock.advance(0.5)
    desk.hear("c")
    assert desk.turns.next(ANA) == Wait(seconds=pytest.approx(1.0))
    again = desk.next_turn()
    assert (again.id, said(again)) == (turn.id, "a + b + c")


def test_without_news_nothing_starts_over(desk: Desk) -> None:
    """A ring for another reason leaves the turn alone."""
    desk.hear("a")
    turn = desk.next_turn()

    assert not desk.turns.restart(turn)
    assert desk.turns.finish(turn, REPLY, [])


def test_a_turn_starts_over_twice_at_most(desk: Desk) -> None:
    """What comes after the second restart is left for the next turn."""
    desk.hear("a")
    turn = desk.next_turn()
    for word in "bc"[:MAX_RESTARTS]:
        desk.hear(word)
        assert desk.turns.restart(turn)
        turn = desk.next_turn()
    desk.hear("d")

    assert not desk.turns.restart(turn)
    assert desk.turns.finish(turn, REPLY, drafts("re: abc"))
    assert said(turn) == "a + b + c"
    assert said(desk.next_turn()) == "d"


def test_each_restart_gathers_for_five_windows_at_most(desk: Desk) -> None:
    """A contact who keeps writing after a restart does not put the turn off for ever."""
    desk.hear("a")
    turn = desk.next_turn()
    desk.hear("b")
    desk.turns.restart(turn)
    began = desk.clock()

    while isinstance(step := desk.turns.next(ANA), Wait):
        desk.clock.advance(min(0.7, step.seconds))
        desk.hear(".")

    assert desk.clock() - began == pytest.approx(MAX_RESTARTS * MAX_WINDOWS, abs=0.7)


def test_a_reply_that_meets_news_is_out_of_date(desk: Desk) -> None:
    """A message stored just before the reply keeps the reply back, and nothing of it leaves."""
    desk.hear("a")
    turn = desk.next_turn()
    desk.hear("b")

    assert not desk.turns.finish(turn, REPLY, drafts("re: a"))
    assert desk.outbox.next(ANA) is None
    assert said(desk.next_turn()) == "a + b"


def test_a_message_stored_by_a_slow_clock_joins_all_the_same(desk: Desk) -> None:
    """What is news is told by the order of storing, not by the time that a message carries."""
    desk.hear("a")
    turn = desk.next_turn()
    desk.clock.advance(-30)
    desk.hear("b")

    assert desk.turns.restart(turn)


def test_older_bursts_are_no_news(desk: Desk) -> None:
    """What waited already when a turn was sealed does not start it over."""
    desk.hear("a")
    desk.clock.advance(10)
    desk.hear("b")
    desk.clock.advance(10)
    turn = desk.next_turn()

    assert said(turn) == "a"
    assert not desk.turns.restart(turn)


def test_shortcuts_are_history_of_the_next_turn(desk: Desk) -> None:
    """What a shortcut answered owes nothing, and stands in the next turn with its answer."""
    desk.hear("oi", answer="Olá!")
    assert desk.turns.contacts_with_work() == []
    assert desk.turns.next(ANA) is None
    desk.clock.advance(100)
    desk.hear("quem és?")

    turn = desk.next_turn()

    assert [(m.text, m.answer) for m in turn.messages] == [("oi", "Olá!"), ("quem és?", None)]
    assert turn.id == turn.messages[1].id


def test_a_shortcut_during_a_turn_does_not_start_it_over(desk: Desk) -> None:
    """A greeting answered at the door is no news for the mind."""
    desk.hear("a")
    turn = desk.next_turn()
    desk.hear("oi", answer="Olá!")

    assert desk.turns.finish(turn, REPLY, [])


def test_a_rerun_has_the_same_messages(desk: Desk) -> None:
    """A turn whose process died is answered again from exactly its rows, one attempt later."""
    desk.hear("a")
    turn = desk.next_turn()

    run = desk.next_run()

    assert run == Run(turn=turn, attempts=2, failures=0)


def test_a_failed_attempt_waits(desk: Desk) -> None:
    """A retry comes after its pause, and counts the failure."""
    desk.hear("a")
    turn = desk.next_turn()
    desk.turns.retry(turn, 8.0, "overloaded")

    assert desk.turns.next(ANA) == Wait(seconds=pytest.approx(8.0))
    assert desk.turns.contacts_with_work() == [ANA]
    desk.clock.advance(8)
    step = desk.turns.next(ANA)
    assert isinstance(step, Run)
    assert (step.attempts, step.failures) == (2, 1)


def test_a_finished_turn_is_recorded_whole(desk: Desk) -> None:
    """Reply parts, trace and the end of the turn are one transaction."""
    desk.hear("a")
    turn = desk.next_turn()
    passage = Passage(id="p1", document="bio.md", section="Paris", text="…", score=0.51239)
    reply = Reply(
        text="x", route=("hear", "speak"), sources=(passage,), passages=(passage,), model="m",
        seconds=1.5, usage={"input": 3},
    )  # fmt: skip

    assert desk.turns.finish(turn, reply, drafts("one", "two"))

    assert desk.turns.next(ANA) is None
    part = desk.outbox.next(ANA)
    assert part is not None
    assert (part.id, part.body, part.address) == (f"{turn.id}:0", "one", "address of ana")
    with desk.database.read() as connection:
        row = desk.database.queries.turn_trace(connection, turn_id=turn.id, contact=ANA)
    assert (row["status"], row["model"], row["seconds"]) == ("done", "m", 1.5)
    assert row["route"] == '["hear", "speak"]'
    assert row["usage"] == '{"input": 3}'
    assert '"score": 0.5124' in row["sources"]


def test_a_turn_ends_once(desk: Desk) -> None:
    """A second end of a turn, whatever it is, changes nothing and sends nothing."""
    desk.hear("a")
    turn = desk.next_turn()
    desk.turns.fail(turn, "no model", drafts("sorry"))

    desk.turns.fail(turn, "no model", drafts("sorry"))
    assert not desk.turns.finish(turn, REPLY, drafts("late"))
    desk.turns.retry(turn, 1.0, "x")

    assert rows(desk, "SELECT body FROM outbox") == [("sorry",)]
    assert rows(desk, "SELECT status, error FROM turns") == [("failed", "no model")]


def test_a_failed_transaction_leaves_nothing(desk: Desk) -> None:
    """When a part cannot be stored, the turn stays open and no part of its reply exists."""
    desk.hear("a")
    turn = desk.next_turn()

    with pytest.raises(Exception, match="refused"):
        desk.turns.finish(turn, REPLY, drafts("one", None))  # type: ignore[list-item]

    assert rows(desk, "SELECT status FROM turns") == [("open",)]
    assert desk.outbox.next(ANA) is None


@pytest.mark.parametrize(("minutes", "late"), [(14.9, False), (15.1, True)])
def test_a_late_turn_is_marked(desk: Desk, minutes: float, late: bool) -> None:
    """More than 15 minutes after its message, a turn knows that it comes late."""
    desk.hear("a")
    desk.clock.advance(minutes * 60)

    assert desk.next_turn().late is late


def test_a_day_later_a_turn_is_held(desk: Desk) -> None:
    """A turn older than 24 hours is kept for the operator and owes no reply."""
    desk.hear("a")
    desk.clock.advance(24 * 3600 + 2)

    step = desk.turns.next(ANA)

    assert isinstance(step, Held)
    assert rows(desk, "SELECT id, status, error FROM turns") == [
        (step.turn_id, "held", "older than 24 hours")
    ]
    assert desk.turns.contacts_with_work() == []


def test_fresh_words_are_not_held_with_old_ones(desk: Desk) -> None:
    """A message that meets a turn left open a day ago is answered, though that one is held."""
    desk.hear("old")
    desk.next_turn()
    desk.clock.advance(25 * 3600)
    desk.hear("new")

    assert isinstance(desk.turns.next(ANA), Held)
    assert said(desk.next_turn()) == "new"


def waiting(desk: Desk) -> None:
    """A message that has just come."""
    desk.hear("a")


def retried(desk: Desk) -> None:
    """A turn whose attempt failed."""
    desk.hear("a")
    desk.turns.retry(desk.next_turn(), 10.0, "x")


def restarted(desk: Desk) -> None:
    """A turn that waits for the rest of a burst."""
    desk.hear("a")
    turn = desk.next_turn()
    desk.hear("b")
    desk.turns.restart(turn)


@pytest.mark.parametrize("state", [waiting, retried, restarted])
@pytest.mark.parametrize("seconds", [2, 3600, 30 * 86400])
def test_a_clock_set_back_keeps_nobody_waiting(
    desk: Desk, state: Callable[[Desk], None], seconds: float
) -> None:
    """When the clock is set back, what was put off is done at once instead of much later."""
    state(desk)
    desk.clock.advance(-seconds)

    assert isinstance(desk.turns.next(ANA), Run)


def test_a_delayed_part_survives_a_clock_set_back(desk: Desk) -> None:
    """A part that was to be repeated in a minute may leave when the clock is set back."""
    desk.hear("a")
    desk.turns.finish(desk.next_turn(), REPLY, drafts("one"))
    part = desk.outbox.next(ANA)
    assert part is not None
    desk.outbox.delayed(part, 60.0, "busy", False, 1)
    delayed = desk.outbox.next(ANA)
    assert delayed is not None
    assert delayed.wait == pytest.approx(60.0)

    desk.clock.advance(-3600)

    part = desk.outbox.next(ANA)
    assert part is not None
    assert part.wait == 0.0


def test_news_is_told_by_position(desk: Desk) -> None:
    """A look for news names those who wrote since the last look, and those only."""
    desk.hear("a", "ana")
    start = desk.turns.last_position()
    desk.hear("r", "rui")
    desk.hear("oi", "ana", answer="Olá!")

    contacts, position = desk.turns.contacts_with_news(start)

    assert contacts == [RUI]
    assert desk.turns.contacts_with_news(position) == ([], position)


def rows(desk: Desk, query: str) -> list[tuple[object, ...]]:
    """Return what a query finds, as plain tuples."""
    with desk.database.read() as connection:
        return [tuple(row.values()) for row in connection.execute(query)]
