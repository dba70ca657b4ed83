"""One contact's work: thinking, starting over, failing, and sending in order."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.errors import (
    InDoubtError,
    PermanentError,
    StorageError,
    TemporaryError,
    VendorError,
)
from agent.messages import Reply, Turn
from channels import delivery, lane
from channels.lane import Lane
from channels.outbox import LOOK_UP_SECONDS
from channels.reception import Reception
from channels.recorder import Recorder
from channels.standing import Limits
from channels.turns import Held, Run, Turns, Wait
from tests.desk import ANA, Desk
from tests.fakes import DOOR, FakeMind, incoming, said, sound


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A lane on a new database."""
    desk = Desk(tmp_path / "clone.db")
    yield desk
    await desk.errands.finish(1.0)


async def test_a_message_is_answered(desk: Desk) -> None:
    """A turn is thought about once, and its reply leaves once and is recorded with its id."""
    desk.hear("olá")

    await desk.lane.work()

    assert desk.sender.bodies == ["re: olá"]
    assert desk.parts() == [("re: olá", "sent", "SM1")]
    assert desk.statuses() == ["done"]
    await desk.lane.work()
    assert len(desk.mind.turns) == len(desk.sender.sends) == 1


async def test_typing_is_shown_at_pickup(desk: Desk) -> None:
    """The indicator goes out for the last message of the turn while the mind still thinks."""
    desk.hear_now("a")
    desk.hear("b")
    desk.mind.open.clear()

    async with desk.working():
        await desk.sender.until(lambda: desk.sender.typed)

        assert [message.text for message in desk.sender.typed] == ["b"]
        assert desk.sender.sent == []


async def test_typing_that_fails_changes_nothing(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """A channel that cannot show the indicator still gets the reply."""

    async def broken(message: object) -> None:
        raise RuntimeError("+5511999999999")

    desk.sender.typing = broken  # type: ignore[method-assign]
    desk.hear("olá")

    await desk.lane.work()
    await desk.errands.finish(1.0)

    assert desk.sender.bodies == ["re: olá"]
    assert [record.action for record in caplog.records if record.levelno == logging.WARNING] == [
        "errand_failed"
    ]


async def test_parts_leave_in_order(desk: Desk) -> None:
    """The parts of one reply, and the replies of two turns, leave one after the other."""
    desk.mind.answers = ["1|2|3", "4|5"]
    desk.hear("a")
    desk.clock.advance(60)
    desk.hear("b")

    await desk.lane.work()

    assert desk.sender.bodies == ["1", "2", "3", "4", "5"]
    ids = [part.id for part in desk.sender.sent]
    assert [each.rpartition(":")[2] for each in ids] == ["0", "1", "2", "0", "1"]


async def test_an_empty_reply_sends_nothing(desk: Desk) -> None:
    """A mind that keeps silent on purpose ends the turn without a message."""
    desk.mind.answers = [""]
    desk.hear("a")

    await desk.lane.work()

    assert (desk.statuses(), desk.sender.sends) == (["done"], [])


async def test_new_words_cancel_the_thinking(desk: Desk) -> None:
    """A message during the thinking cancels it, and one reply answers both messages."""
    desk.hear("a")
    desk.mind.open.clear()

    async with desk.working() as task:
        await desk.mind.until(lambda: desk.mind.turns)
        desk.hear_now("b")
        desk.lane.ring()
        await desk.mind.until(lambda: desk.mind.cancelled)
        desk.mind.open.set()
        desk.clock.advance(1)
        desk.lane.ring()
        await task

    assert [said(turn) for turn in desk.mind.turns] == ["a", "a + b"]
    assert desk.sender.bodies == ["re: a + b"]
    assert desk.statuses() == ["done"]


async def test_a_ring_without_news_does_not_disturb(desk: Desk) -> None:
    """A repeated delivery while the mind thinks leaves it thinking."""
    desk.hear("a")
    desk.mind.open.clear()

    async with desk.working() as task:
        await desk.mind.until(lambda: desk.mind.turns)
        for _ in range(5):
            desk.lane.ring()
            await asyncio.sleep(0)
        desk.mind.open.set()
        await task

    assert len(desk.mind.turns) == 1
    assert desk.mind.cancelled == []


async def test_the_third_interruption_waits_for_the_next_turn(desk: Desk) -> None:
    """A turn is started over twice; what comes after that is answered by another reply."""
    desk.hear("a")
    desk.mind.open.clear()

    async with desk.working() as task:
        for number, word in enumerate("bcd", 1):
            await desk.mind.until(lambda number=number: len(desk.mind.turns) == number)
            desk.hear_now(word)
            desk.lane.ring()
            if word != "d":
                await desk.mind.until(lambda number=number: len(desk.mind.cancelled) == number)
                desk.clock.advance(1)
                desk.lane.ring()
        desk.clock.advance(1)
        desk.mind.open.set()
        await task

    assert desk.sender.bodies == ["re: a + b + c", "re: d"]


async def test_words_that_meet_the_finished_reply_join_it(desk: Desk) -> None:
    """A message stored between the reply and its recording is answered with it, once."""
    desk.hear("a")

    def interrupt(name: str) -> None:
        if name == "finish" and len(desk.mind.turns) == 1:
            desk.hear("b")

    desk.before = interrupt
    await desk.work()

    assert [said(turn) for turn in desk.mind.turns] == ["a", "a + b"]
    assert desk.sender.bodies == ["re: a + b"]


async def test_a_ring_while_the_lane_looks_its_last_is_not_lost(desk: Desk) -> None:
    """A message that comes while the lane finds nothing to do keeps it from leaving."""

    class Late(Turns):
        def next(self, contact: str) -> Run | Held | Wait | None:
            step = super().next(contact)
            if step is None and not desk.mind.turns:
                # Nothing was found; now the message comes, before the lane hears of that.
                desk.hear("a")
                desk.lane.ring()
            return step

    desk.turns = Late(desk.database, 1.0, desk.clock)
    desk.lane = desk.new_lane()

    await desk.lane.work()

    assert desk.sender.bodies == ["re: a"]


async def test_a_temporary_failure_is_repeated(desk: Desk) -> None:
    """A turn that fails for now is tried again after a pause and then answered."""
    desk.mind.answers = [TemporaryError("overloaded", retry_after=4.0)]
    desk.hear("a")

    await desk.work()

    assert desk.sender.bodies == ["re: a"]
    assert len(desk.mind.turns) == 2
    assert desk.rows("SELECT status, attempts, failures FROM turns") == [("done", 2, 1)]
    assert desk.alerts == []


async def test_failures_are_bounded(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """After three failures the turn is kept as failed, and the contact and the operator hear."""
    desk.mind.answers = [TemporaryError(f"overloaded {n}", retry_after=0.1) for n in range(9)]
    desk.hear("a")

    await desk.work()

    assert len(desk.mind.turns) == lane.MAX_FAILURES
    assert desk.sender.bodies == ["sorry"]
    ((turn_id, status, error),) = desk.rows("SELECT id, status, error FROM turns")
    assert (status, error) == ("failed", "overloaded 2")
    assert desk.alerts == [("turn_failed", turn_id)]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [(record.action, record.turn_id) for record in errors] == [("turn_failed", turn_id)]


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (PermanentError("quota used up"), "quota used up"),
        (VendorError("something else"), "something else"),
        (KeyError("a contact's words"), "KeyError"),
    ],
)
async def test_what_does_not_pass_fails_at_once(desk: Desk, failure: Exception, error: str) -> None:
    """A refusal, and a bug, are not tried again; a bug's text is not kept."""
    desk.mind.answers = [failure]
    desk.hear("a")

    await desk.work()

    assert len(desk.mind.turns) == 1
    assert desk.sender.bodies == ["sorry"]
    assert desk.rows("SELECT status, error FROM turns") == [("failed", error)]
    assert [action for action, _ in desk.alerts] == ["turn_failed"]


async def test_a_wait_beyond_the_deadline_is_not_begun(desk: Desk) -> None:
    """When the vendor asks for a longer wait than the turn has left, the turn fails now."""
    desk.mind.answers = [TemporaryError("busy", retry_after=120.0)]
    desk.hear("a")

    await desk.lane.work()

    assert desk.sender.bodies == ["sorry"]
    assert len(desk.mind.turns) == 1


async def test_the_deadline_bounds_a_mind_that_does_not_keep_it(desk: Desk) -> None:
    """A mind that thinks beyond the deadline is stopped, and the turn fails."""
    desk.mind.open.clear()
    desk.lane = desk.new_lane(turn_seconds=-0.9)
    desk.hear("a")

    await desk.work()

    assert len(desk.mind.cancelled) == 1
    assert desk.rows("SELECT status, error FROM turns") == [("failed", "the turn's time is over")]
    assert desk.sender.bodies == ["sorry"]


async def test_one_deadline_bounds_all_attempts(desk: Desk) -> None:
    """Starting over does not give a turn more time."""
    deadlines: list[float] = []

    class Hasty(FakeMind):
        async def answer(self, turn: Turn, deadline: float) -> Reply:
            deadlines.append(deadline)
            return await super().answer(turn, deadline)

    desk.mind = Hasty()
    desk.mind.answers = [TemporaryError("busy", retry_after=0.1)]
    desk.lane = desk.new_lane()
    desk.hear("a")

    await desk.work()

    assert len(deadlines) == 2
    assert len(set(deadlines)) == 1


async def test_a_mind_cancelled_from_within_is_tried_again(desk: Desk) -> None:
    """A cancellation that nobody asked for is a failure like others, not the lane's end."""
    desk.mind.answers = [asyncio.CancelledError()]
    desk.hear("a")

    await desk.work()

    assert desk.sender.bodies == ["re: a"]


async def test_a_turn_that_kills_its_worker_is_given_up(desk: Desk) -> None:
    """After eight attempts that never came to an end the turn fails without another one."""
    desk.hear("a")
    for _ in range(lane.MAX_ATTEMPTS):
        assert isinstance(desk.turns.next(ANA), Run)

    await desk.lane.work()

    assert desk.mind.turns == []
    assert desk.sender.bodies == ["sorry"]
    assert desk.statuses() == ["failed"]


async def test_a_failed_turn_does_not_keep_the_next_waiting(desk: Desk) -> None:
    """After an apology the contact's next message is answered as ever."""
    desk.mind.answers = [PermanentError("no")]
    desk.hear("a")
    desk.clock.advance(60)
    desk.hear("b")

    await desk.lane.work()

    assert desk.sender.bodies == ["sorry", "re: b"]


async def test_a_turn_fails_though_the_apology_does_too(desk: Desk) -> None:
    """A turn that breaks even the apology ends, instead of coming back for ever."""

    class Speechless(FakeMind):
        def line(self, turn: Turn, which: str) -> str:
            raise RuntimeError("no words")

    desk.mind = Speechless()
    desk.mind.answers = [PermanentError("no")]
    desk.lane = desk.new_lane()
    desk.hear("a")

    await desk.lane.work()

    assert (desk.statuses(), desk.parts()) == (["failed"], [])


async def test_a_database_that_fails_decides_nothing(desk: Desk) -> None:
    """When the reply cannot be stored, the turn stays open and no apology goes out."""
    desk.hear("a")

    def fail(name: str) -> None:
        if name == "finish":
            desk.before = lambda _: None
            desk.broken = [StorageError("disk full")]

    desk.before = fail
    with pytest.raises(StorageError):
        await desk.lane.work()

    assert (desk.statuses(), desk.parts()) == (["open"], [])
    await desk.new_lane().work()
    assert desk.sender.bodies == ["re: a"]


async def test_a_database_that_fails_while_the_mind_thinks_ends_the_lane(desk: Desk) -> None:
    """When a restart cannot be recorded, the thinking ends and the worker decides what is next."""
    desk.hear("a")
    desk.mind.open.clear()

    async with desk.working() as task:
        await desk.mind.until(lambda: desk.mind.turns)
        desk.broken = [StorageError("locked")]
        desk.lane.ring()
        with pytest.raises(StorageError):
            await task

    assert len(desk.mind.cancelled) == 1
    assert desk.statuses() == ["open"]


async def test_the_minds_own_database_is_tried_again(desk: Desk) -> None:
    """A memory that fails for now is a failed attempt, and the turn is repeated."""
    desk.mind.answers = [StorageError("memory locked")]
    desk.hear("a")

    await desk.work()

    assert desk.sender.bodies == ["re: a"]
    assert desk.rows("SELECT failures FROM turns") == [(1,)]


async def test_a_reply_that_was_stored_is_not_thought_again(desk: Desk) -> None:
    """A worker that dies between the reply and its sending leaves parts, not a turn."""
    desk.hear("a")

    def die(name: str) -> None:
        if name == "sending":
            raise KeyboardInterrupt

    desk.before = die
    with pytest.raises(KeyboardInterrupt):
        await desk.lane.work()
    desk.before = lambda _: None
    assert desk.parts() == [("re: a", "pending", "")]

    await desk.new_lane().work()

    assert len(desk.mind.turns) == 1
    assert desk.sender.bodies == ["re: a"]


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_part_cut_off_in_sending_is_looked_up(desk: Desk, accepted: bool) -> None:
    """After a crash in a send the channel is asked; the part is repeated only if it never came."""
    desk.hear("a")
    desk.sender.accepts_in_doubt = accepted
    desk.sender.errors = [KeyboardInterrupt()]  # type: ignore[list-item]
    with pytest.raises(KeyboardInterrupt):
        await desk.lane.work()
    assert desk.parts() == [("re: a", "sending", "")]

    desk.lane = desk.new_lane()
    async with desk.working() as task:
        await asyncio.wait({task}, timeout=0.02)
        # The channel had no time yet to list the message.
        assert desk.sender.finds == []
        desk.clock.advance(LOOK_UP_SECONDS)
        desk.lane.ring()
        await task

    assert len(desk.sender.finds) == 1
    assert desk.sender.bodies == ["re: a"]
    assert len(desk.sender.sends) == (1 if accepted else 2)
    assert desk.parts() == [("re: a", "sent", "SM1")]


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_lost_answer_is_looked_up(desk: Desk, accepted: bool) -> None:
    """A send that timed out is never repeated before the channel was asked for it."""
    desk.hear("a")
    desk.sender.accepts_in_doubt = accepted
    desk.sender.errors = [InDoubtError("timeout")]

    await desk.work()

    assert desk.sender.bodies == ["re: a"]
    assert len(desk.sender.sends) == (1 if accepted else 2)
    assert len(desk.sender.finds) == 1


async def test_a_look_up_knows_the_other_parts(desk: Desk) -> None:
    """An equal text that left before is not taken for the part in doubt."""
    desk.mind.answers = ["same|same"]
    desk.sender.errors = [None, InDoubtError("timeout")]
    desk.hear("a")

    await desk.work()

    assert [known for _, known in desk.sender.finds] == [{"SM1"}]
    assert desk.parts() == [("same", "sent", "SM1"), ("same", "sent", "SM2")]


async def test_a_look_up_that_fails_is_repeated_before_any_send(desk: Desk) -> None:
    """While the channel cannot tell, a part in doubt is not sent again."""
    desk.sender.accepts_in_doubt = True
    desk.sender.errors = [InDoubtError("timeout")]
    desk.sender.find_errors = [TemporaryError("busy"), TemporaryError("busy")]
    desk.hear("a")

    await desk.work()

    assert len(desk.sender.finds) == 3
    assert len(desk.sender.sends) == 1
    assert desk.parts() == [("re: a", "sent", "SM1")]


async def test_a_refused_part_takes_the_rest_of_its_reply_with_it(desk: Desk) -> None:
    """Half an answer misleads: after a refusal nothing more of that reply leaves."""
    desk.mind.answers = ["1|2|3", "4"]
    desk.sender.errors = [None, PermanentError("63024")]
    desk.hear("a")
    desk.clock.advance(60)
    desk.hear("b")

    await desk.lane.work()

    assert desk.sender.bodies == ["1", "4"]
    assert [status for _, status, _ in desk.parts()] == ["sent", "failed", "failed", "sent"]
    assert [action for action, _ in desk.alerts] == ["part_failed"]


async def test_sending_is_repeated_in_order(desk: Desk) -> None:
    """A part that its channel refuses for now holds the later ones back until it has left."""
    desk.mind.answers = ["1|2"]
    desk.sender.errors = [TemporaryError("429"), TemporaryError("429", retry_after=9.0)]
    desk.hear("a")

    await desk.work()

    assert desk.sender.bodies == ["1", "2"]
    assert [part.body for part in desk.sender.sends] == ["1", "1", "1", "2"]
    assert desk.sender.finds == []


async def test_sends_are_bounded(desk: Desk) -> None:
    """A channel that keeps refusing for now gets five attempts, then the operator hears."""
    desk.sender.errors = [TemporaryError(f"429 {n}") for n in range(20)]
    desk.hear("a")

    await desk.work()

    assert len(desk.sender.sends) == delivery.MAX_SENDS
    assert desk.rows("SELECT status, error FROM outbox") == [("failed", "429 4")]
    assert [action for action, _ in desk.alerts] == ["part_failed"]


async def test_doubts_are_bounded(desk: Desk) -> None:
    """A part whose sends always end in doubt is given up, after a last look for it."""
    desk.sender.errors = [InDoubtError("timeout") for _ in range(20)]
    desk.hear("a")

    await desk.work()

    assert 5 <= len(desk.sender.sends) <= delivery.MAX_ATTEMPTS
    assert len(desk.sender.finds) == len(desk.sender.sends)
    assert desk.parts() == [("re: a", "failed", "")]


async def test_a_channel_left_alone_costs_no_attempt(desk: Desk) -> None:
    """While the channel's circuit is open a part waits; its attempts are kept for later."""
    circuit = [TemporaryError("left alone", code="circuit", retry_after=20.0) for _ in range(10)]
    desk.sender.errors = [*circuit]
    desk.hear("a")

    await desk.work()

    assert desk.sender.bodies == ["re: a"]
    assert desk.alerts == []


async def test_a_reply_a_day_old_is_not_sent(desk: Desk) -> None:
    """A part that could not leave for 24 hours is held instead of arriving out of the blue."""
    desk.hear("a")
    desk.sender.errors = [TemporaryError("429")]
    async with desk.working():
        await desk.sender.until(lambda: desk.sender.sends)
    desk.clock.advance(24 * 3600 + 1)

    await desk.new_lane().work()

    assert desk.sender.sent == []
    assert desk.rows("SELECT status, error FROM outbox") == [("held", "older than 24 hours")]


async def test_a_stopped_lane_finishes_what_it_has_begun(desk: Desk) -> None:
    """A stop lets the turn at hand finish and its parts leave; the next turn stays for later."""
    desk.mind.open.clear()
    desk.mind.answers = ["1|2"]
    desk.hear("a")
    desk.clock.advance(60)
    desk.hear("b")

    async with desk.working() as task:
        await desk.mind.until(lambda: desk.mind.turns)
        desk.lane.stop()
        desk.mind.open.set()
        await task

    assert desk.sender.bodies == ["1", "2"]
    assert len(desk.mind.turns) == 1
    assert desk.turns.contacts_with_work() == [ANA]


async def test_a_stopped_lane_does_not_wait(desk: Desk) -> None:
    """A stop ends the wait for a burst, and the message is still there for the next worker."""
    desk.hear_now("a")

    async with desk.working() as task:
        await asyncio.wait({task}, timeout=0.01)
        desk.lane.stop()
        await task

    assert desk.mind.turns == []
    assert desk.turns.contacts_with_work() == [ANA]


async def test_a_turn_held_is_told_and_passed_over(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """A message older than a day is logged as held, and the contact's fresh one is answered."""
    desk.hear("old")
    desk.clock.advance(24 * 3600 + 5)
    desk.hear("new")

    await desk.lane.work()

    assert desk.sender.bodies == ["re: new"]
    assert desk.statuses() == ["held", "done"]
    assert "turn_held" in [getattr(record, "action", "") for record in caplog.records]


async def test_an_unknown_channel_fails_its_turn(desk: Desk) -> None:
    """A message of a channel that this installation lost does not stop the worker."""
    desk.lane = Lane(
        ANA,
        turns=desk.turns,
        outbox=desk.outbox,
        mind=desk.mind,
        senders={},
        store=desk.store,
        errands=desk.errands,
        alert=lambda action, subject: None,
        turn_seconds=60.0,
        places=asyncio.Semaphore(1),
    )
    desk.hear("a")

    await desk.lane.work()

    assert desk.statuses() == ["failed"]


async def test_typing_is_shown_while_the_burst_is_open(desk: Desk) -> None:
    """The contact sees that they were heard at once, not only when their window has closed."""
    desk.hear_now("a")

    async with desk.working():
        await desk.sender.until(lambda: desk.sender.typed)

        assert desk.mind.turns == []
        desk.clock.advance(1.0)
        desk.lane.ring()
        await desk.sender.until(lambda: desk.sender.sent)
    assert [message.text for message in desk.sender.typed] == ["a"]


async def test_a_wish_to_be_left_alone_drops_the_turn_at_hand(desk: Desk) -> None:
    """What the mind was still making is not sent, and nothing is retried."""
    desk.mind.open.clear()
    desk.hear("a")
    async with desk.working() as task:
        await desk.mind.until(lambda: desk.mind.running)
        desk.opt_out()
        desk.mind.open.set()
        await task

    assert desk.sender.sends == []
    assert desk.statuses() == ["dropped"]


async def test_a_wish_to_be_left_alone_ends_the_thinking(desk: Desk) -> None:
    """The mind is not paid for what nobody will read, and nothing shows as being written."""
    desk.mind.open.clear()
    reception = Reception(desk.inbox, DOOR, desk.lane.ring)
    desk.hear("a")
    async with desk.working() as task:
        await desk.mind.until(lambda: desk.mind.running)
        assert reception.receive(incoming("parar", number=99))
        await task

    assert len(desk.mind.cancelled) == 1
    assert desk.turns.contacts_with_news(0)[0] == [ANA]


async def test_a_wish_to_be_left_alone_drops_parts_that_wait(desk: Desk) -> None:
    """Parts that wait for another attempt do not leave after it, nor are they looked up."""
    desk.mind.answers = ["1|2"]
    desk.sender.errors = [InDoubtError("lost")]
    desk.hear("a")
    async with desk.working():
        await desk.sender.until(lambda: desk.sender.sends)
    desk.opt_out()

    await desk.new_lane().work()

    assert desk.sender.bodies == desk.sender.finds == []
    assert [status for _, status, _ in desk.parts()] == ["dropped", "dropped"]


async def test_one_turn_too_many_gets_one_kind_sentence(tmp_path: Path) -> None:
    """Beyond the limit no model is asked: a sentence once a day, then silence, then answers."""
    desk = Desk(tmp_path / "clone.db", Limits(per_minute=2, per_day=5))
    for word in "abcd":
        desk.hear(word)
        desk.clock.advance(2.0)

    await desk.work_now()

    assert [said(turn) for turn in desk.mind.turns] == ["a", "b"]
    assert desk.sender.bodies == ["re: a", "re: b", "later"]
    assert desk.statuses() == ["done", "done", "refused", "refused"]
    for word in "efgh":
        desk.clock.advance(61.0)
        desk.hear(word)
        await desk.work_now()
    assert desk.sender.bodies[3:] == ["re: e", "re: f", "re: g"]
    desk.clock.advance(24 * 3600.0)
    desk.hear("i")
    await desk.work_now()
    assert desk.sender.bodies[6:] == ["re: i"]


async def test_fragments_are_not_turns(tmp_path: Path) -> None:
    """A burst of many messages counts once."""
    desk = Desk(tmp_path / "clone.db", Limits(per_minute=1))
    for word in "abcde":
        desk.hear_now(word)
    desk.clock.advance(1.0)

    await desk.work_now()

    assert desk.sender.bodies == ["re: a + b + c + d + e"]


async def test_who_is_limited_is_not_made_to_wait(tmp_path: Path) -> None:
    """No typing indicator is shown for a message that gets no answer."""
    desk = Desk(tmp_path / "clone.db", Limits(per_minute=1))
    desk.hear("a")
    await desk.work_now()
    desk.clock.advance(2.0)
    desk.hear_now("b")

    async with desk.working():
        await desk.until_idle()
        desk.clock.advance(1.0)
        desk.lane.ring()
        await desk.sender.until(lambda: len(desk.sender.sent) == 2)

    assert [message.text for message in desk.sender.typed] == ["a"]


async def test_a_second_apology_waits_ten_minutes(desk: Desk) -> None:
    """What fails turn after turn is apologised for once in ten minutes."""
    for seconds in (0.0, 60.0, 700.0):
        desk.clock.advance(seconds)
        desk.mind.answers = [PermanentError("no key")]
        desk.hear("a")
        await desk.work_now()

    assert desk.sender.bodies == ["sorry", "sorry"]
    assert desk.statuses() == ["failed"] * 3


async def test_who_asks_for_the_person_is_told_to_the_operator(desk: Desk) -> None:
    """Every hand-over is flagged on its turn and told, with nothing but the turn's id."""
    desk.mind.answers = [Reply(text="I told her.", hand_over=True)]
    desk.hear("a")

    await desk.work_now()

    ((turn_id, flagged),) = desk.rows("SELECT id, hand_over FROM turns")
    assert flagged
    assert desk.alerts == [("hand_over", turn_id)]


async def test_an_introduction_is_remembered(desk: Desk) -> None:
    """The next turn knows that this contact has been told that an AI speaks, and not before."""
    for told in ("ai", "", "voice"):
        desk.mind.answers = [Reply(text="hi", disclosed=told)]
        desk.hear("a")
        await desk.work_now()
        desk.clock.advance(2.0)
    desk.hear("b")
    await desk.work_now()

    told = [(turn.introduced, turn.voice_introduced) for turn in desk.mind.turns]
    assert told == [(False, False), (True, False), (True, False), (True, False)]


async def test_a_swiped_message_comes_with_its_words(desk: Desk) -> None:
    """The mind is given the words that a message replies to, ours or the contact's own."""
    desk.hear("a")
    await desk.work_now()
    desk.clock.advance(2.0)
    desk.hear("ours?", quoted_id="SM1")
    desk.clock.advance(2.0)
    desk.hear("mine?", quoted_id="SMana1")
    desk.clock.advance(2.0)
    desk.hear("whose?", quoted_id="SM99")
    await desk.work_now()

    assert [turn.messages[0].quoted for turn in desk.mind.turns] == ["", "re: a", "a", ""]


SPOKEN = Reply(
    text="see|link",
    spoken="see this",
    beside="link",
    voice=sound("oggs"),
    disclosed="voice",
)


class TestSpoken:
    async def test_a_spoken_reply_leaves_as_a_recording(self, desk: Desk) -> None:
        """The sound goes with the words of the reply, then what could not be spoken."""
        desk.mind.answers = [SPOKEN]
        desk.hear("a")

        await desk.lane.work()

        first, second = desk.sender.sent
        assert (first.body, first.form) == ("see\n\nlink", "ogg")
        assert desk.heard(first.media) == ("oggs", "see this")
        assert (second.body, second.form, second.media) == ("link", "text", "")
        assert desk.voice.asked == []

    async def test_a_spoken_reply_may_need_nothing_beside(self, desk: Desk) -> None:
        """One message is enough where all could be spoken."""
        desk.mind.answers = [Reply(text="hi", voice=sound("oggs", "mp3"))]
        desk.hear("a")

        await desk.lane.work()

        [part] = desk.sender.sent
        assert (part.body, part.form) == ("hi", "mp3")
        assert desk.heard(part.media) == ("oggs", "hi")

    async def test_a_recording_that_cannot_be_kept_goes_as_words(self, desk: Desk) -> None:
        """A full disk costs the sound only; what it would have told is told another time."""
        desk.folder.write_bytes(b"no folder can be made here")
        desk.mind.answers = [SPOKEN]
        desk.hear("a")

        await desk.lane.work()

        assert [(part.body, part.form) for part in desk.sender.sent] == [
            ("see", "text"),
            ("link", "text"),
        ]
        assert desk.knows() == (True, False)

    async def test_a_channel_without_sound_gets_the_words(self, desk: Desk) -> None:
        """Where a recording could not be fetched, none is kept."""
        desk.recorder = Recorder(desk.media, desk.links, desk.voice, mute=["fake"])
        desk.mind.answers = [SPOKEN]
        desk.hear("a")

        await desk.work_now()

        assert [turn.takes_sound for turn in desk.mind.turns] == [False]
        assert desk.sender.bodies == ["see", "link"]
        assert desk.media.oldest() is None

    async def test_what_the_operator_should_know_is_told(self, desk: Desk) -> None:
        """Every action that a reply names is an alert about its turn."""
        desk.mind.answers = [Reply(text="hi", hand_over=True, alerts=("voice_refused",))]
        desk.hear("a")

        await desk.lane.work()

        [turn] = desk.mind.turns
        assert desk.alerts == [("hand_over", turn.id), ("voice_refused", turn.id)]

    async def test_how_a_contact_wants_to_be_answered_is_remembered(self, desk: Desk) -> None:
        """A wish holds for the turns that follow, until there is another one."""
        wishes: list[Reply | str] = [
            Reply(text="1", voice_preference="voice"),
            "2",
            Reply(text="3", voice_preference="text"),
            "4",
        ]
        for wish in wishes:
            desk.mind.answers = [wish]
            desk.hear("a")
            await desk.lane.work()

        assert [turn.voice_preference for turn in desk.mind.turns] == ["", "voice", "voice", "text"]
