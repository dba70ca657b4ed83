"""What becomes of a part that the channel refuses, at once or in a report."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.errors import (
    AccountError,
    InDoubtError,
    PermanentError,
    TemporaryError,
    TooLongError,
    UnreachableError,
    WindowClosedError,
)
from agent.messages import Reply
from channels.delivery import MAX_SENDS, TOTAL_SECONDS
from channels.outbox import Draft
from channels.steps import Run
from tests.desk import ANA, Desk
from tests.fakes import drafts

DAY = 24 * 3600.0
NOT_TAKEN_IN = PermanentError("not taken in", code="63019")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A lane on a new database."""
    desk = Desk(tmp_path / "clone.db")
    yield desk
    await desk.errands.finish(1.0)


def owe(desk: Desk, *parts: Draft) -> None:
    """Put a reply of these parts into the outbox, nothing of it sent."""
    desk.hear("a")
    step = desk.turns.next(ANA)
    assert isinstance(step, Run)
    desk.introduced.append(step.turn.introduced)
    desk.voice_introduced.append(step.turn.voice_introduced)
    assert desk.turns.finish(step.turn, desk.reply, parts)


def recording(desk: Desk, body: str) -> Draft:
    """Keep a recording of a body and return its message."""
    name = desk.media.save(body.encode(), "audio/ogg", f"spoken {body}")
    return Draft(body, "ogg", desk.links.sign(name))


class TestRefusedAtOnce:
    async def test_too_long_is_cut_smaller(self, desk: Desk) -> None:
        """The part leaves in smaller pieces, those after it behind them, in order, each once."""
        owe(desk, *drafts("abcdef", "ghij"))
        desk.sender.errors = [TooLongError("too long", code="21617")]

        await desk.work()

        assert desk.sender.bodies == ["abc", "def", "ghij"]
        assert [status for _, status, _ in desk.parts()] == ["replaced"] * 2 + ["sent"] * 3

    async def test_what_is_always_too_long_ends(self, desk: Desk) -> None:
        """A channel that finds everything too long is not asked for ever."""
        owe(desk, *drafts("abcdefghijklmnop"))
        desk.sender.errors = [TooLongError("too long", code="21617")] * 100

        await desk.work()

        assert desk.sender.sent == []
        assert len(desk.sender.sends) <= 5
        assert desk.alerts[0][0] == "part_failed"

    async def test_whoever_cannot_be_reached_is_marked(self, desk: Desk) -> None:
        """Nothing more is tried, the operator is told, and the next message clears the mark."""
        owe(desk, *drafts("one", "two"))
        desk.sender.errors = [UnreachableError("blocked", code="63014")]

        await desk.work()

        assert len(desk.sender.sends) == 1
        assert [status for _, status, _ in desk.parts()] == ["failed", "failed"]
        assert desk.rows("SELECT unreachable FROM contacts") == [("63014",)]
        assert [action for action, _ in desk.alerts] == ["contact_unreachable"]
        desk.hear("b")
        assert desk.rows("SELECT unreachable FROM contacts") == [("",)]

    async def test_a_closed_window_holds_the_reply(self, desk: Desk) -> None:
        """Free words that may not be sent now are kept for the operator to see."""
        owe(desk, *drafts("one", "two"))
        desk.sender.errors = [WindowClosedError("too late", code="63016")]

        await desk.work()

        assert len(desk.sender.sends) == 1
        assert [status for _, status, _ in desk.parts()] == ["held", "held"]
        assert [action for action, _ in desk.alerts] == ["part_held"]

    async def test_a_day_of_silence_holds_the_reply(self, desk: Desk) -> None:
        """More than 24 hours after the contact's last message nothing is even tried."""
        owe(desk, *drafts("one"))
        desk.clock.advance(DAY + 1)

        await desk.work_now()

        assert desk.sender.sends == []
        assert desk.parts() == [("one", "held", "")]

    async def test_retries_stay_inside_a_total_deadline(self, desk: Desk) -> None:
        """However long the channel asks to wait each time, a part is given up in the end."""
        owe(desk, *drafts("one"))
        desk.sender.errors = [TemporaryError("slow down", retry_after=300.0)] * 100
        began = desk.clock.now

        await desk.work()

        assert desk.parts() == [("one", "failed", "")]
        assert desk.clock.now - began < TOTAL_SECONDS + 300
        assert len(desk.sender.sends) == 4

    async def test_a_refused_recording_leaves_as_words(self, desk: Desk) -> None:
        """Whatever is wrong with the file, the contact gets what it says, once."""
        owe(desk, Draft("hello", "ogg", "file"))
        desk.sender.errors = [PermanentError("no such type", code="12300")]

        await desk.work()

        assert [(part.body, part.form, part.media) for part in desk.sender.sent] == [
            ("hello", "text", "")
        ]

    async def test_refused_words_are_not_sent_again(self, desk: Desk) -> None:
        """A refusal for good takes the rest of the reply with it."""
        owe(desk, *drafts("one", "two"))
        desk.sender.errors = [AccountError("key", code="20003")]

        await desk.work()

        assert [status for _, status, _ in desk.parts()] == ["failed", "failed"]


class TestReported:
    async def test_delivery_never_goes_back(self, desk: Desk) -> None:
        """Reports come twice and in any order; what is known only grows."""
        owe(desk, *drafts("one"))
        await desk.work()

        seen = []
        for status in ("queued", "sent", "read", "delivered", "sent", "failed", "read", "odd"):
            desk.report(0, status)
            seen += [delivery for (delivery,) in desk.rows("SELECT delivery FROM outbox")]

        assert seen == ["queued", "sent", "read", "read", "read", "read", "read", "read"]
        assert len(desk.sender.sends) == 1

    async def test_a_report_ends_a_doubt(self, desk: Desk) -> None:
        """A part whose answer was lost is known to be sent as soon as the channel reports it."""
        owe(desk, *drafts("one", "two"))
        desk.sender.errors = [InDoubtError("lost")]
        async with desk.working():
            await desk.sender.until(lambda: desk.sender.sends)
        desk.report(0, "sent", provider_id="SM7")

        await desk.work()

        assert desk.sender.finds == []
        assert [part.body for part in desk.sender.sends] == ["one", "two"]
        assert desk.parts()[0] == ("one", "sent", "SM7")

    async def test_a_limit_reported_later_is_waited_for(self, desk: Desk) -> None:
        """A part that did not arrive because of a rate limit is sent again, not for ever."""
        desk.sender.reported = {"63018": TemporaryError("too fast", code="63018")}
        owe(desk, *drafts("one"))
        await desk.work()
        for number in range(MAX_SENDS + 1):
            if number < len(desk.parts()):
                desk.report(number, "undelivered", "63018")
            await desk.work()

        assert len(desk.sender.sends) == MAX_SENDS
        assert desk.parts()[-1][1] == "failed"
        assert desk.alerts[-1][0] == "part_failed"

    async def test_a_recording_that_was_not_taken_in_is_sent_once_more(self, desk: Desk) -> None:
        """It goes as MP3, then as words, and a failure of those ends it: never a loop."""
        desk.sender.reported = {"63019": NOT_TAKEN_IN}
        owe(desk, recording(desk, "hello"))
        await desk.work()
        for number in range(4):
            if number < len(desk.parts()):
                desk.report(number, "undelivered", "63019")
                desk.report(number, "undelivered", "63019")
            await desk.work()

        assert [part.form for part in desk.sender.sends] == ["ogg", "mp3", "text"]
        assert [part.body for part in desk.sender.sends] == ["hello"] * 3
        assert desk.voice.asked == [("spoken hello", "mp3")]
        assert desk.heard(desk.sender.sends[1].media) == ("mp3: spoken hello", "spoken hello")
        assert [status for _, status, _ in desk.parts()] == ["replaced", "replaced", "failed"]

    async def test_what_goes_beside_a_recording_stays_beside_its_mp3(self, desk: Desk) -> None:
        """A recording in another form is followed by what could not be spoken, once."""
        owe(desk, recording(desk, "hello"), Draft("link"))
        desk.sender.errors = [NOT_TAKEN_IN]

        await desk.work()

        assert [(part.body, part.form) for part in desk.sender.sent] == [
            ("hello", "mp3"),
            ("link", "text"),
        ]

    @pytest.mark.parametrize(
        "error",
        [
            AccountError("quota", code="quota_exceeded"),
            TemporaryError("slow", code="timeout"),
            RuntimeError("a mistake of ours"),
        ],
    )
    async def test_a_voice_that_fails_leaves_the_words(self, desk: Desk, error: Exception) -> None:
        """Whatever keeps the second recording back, the words go, and the voice is not asked on."""
        desk.voice.error = error
        owe(desk, recording(desk, "hello"), Draft("link"))
        desk.sender.errors = [NOT_TAKEN_IN]

        await desk.work()

        assert [(part.body, part.form) for part in desk.sender.sent] == [("hello", "text")]
        assert len(desk.voice.asked) == 1

    async def test_a_recording_kept_no_more_leaves_as_words(self, desk: Desk) -> None:
        """Without the words that were spoken, nothing is asked of the voice."""
        owe(desk, recording(desk, "hello"))
        desk.media.expire(desk.clock.now + 1)
        desk.sender.errors = [NOT_TAKEN_IN]

        await desk.work()

        assert [part.form for part in desk.sender.sent] == ["text"]
        assert desk.voice.asked == []

    async def test_another_error_of_a_recording_asks_no_voice(self, desk: Desk) -> None:
        """Only a file that was not taken in is spoken again; for all else the words go at once."""
        owe(desk, recording(desk, "hello"))
        desk.sender.errors = [PermanentError("no such type", code="12300")]

        await desk.work()

        assert [part.form for part in desk.sender.sent] == ["text"]
        assert desk.voice.asked == []

    async def test_a_voice_that_was_never_heard_is_introduced_again(self, desk: Desk) -> None:
        """When its first recording ends as words, the contact has not heard about the voice."""
        desk.reply = Reply(text="hello", disclosed="voice")
        owe(desk, recording(desk, "hello"))
        desk.sender.errors = [PermanentError("no such type", code="12300")]

        await desk.work()

        assert desk.knows() == (True, False)

    async def test_a_voice_introduced_before_stays_so(self, desk: Desk) -> None:
        """A later recording that ends as words changes nothing of what was heard before."""
        desk.reply = Reply(text="hello", disclosed="voice")
        owe(desk, recording(desk, "hello"))
        await desk.work()
        owe(desk, recording(desk, "again"))
        desk.sender.errors = [PermanentError("no such type", code="12300")]

        await desk.work()

        assert desk.knows() == (True, True)

    async def test_whoever_asked_for_silence_gets_no_other_form(self, desk: Desk) -> None:
        """A stop that comes while a part is on its way is obeyed when the part does not arrive."""
        desk.sender.reported = {"63019": NOT_TAKEN_IN, "63018": TemporaryError("fast")}
        owe(desk, recording(desk, "hello"), Draft("link"))
        await desk.work()
        desk.opt_out()
        desk.report(0, "undelivered", "63019")
        desk.report(1, "undelivered", "63018")

        await desk.work()

        assert len(desk.sender.sends) == 2
        assert [status for _, status, _ in desk.parts()] == ["dropped", "dropped"]

    async def test_a_contact_who_blocked_us_is_marked(self, desk: Desk) -> None:
        """What the report says is done as if it had been said at once."""
        desk.sender.reported = {"63014": UnreachableError("blocked", code="63014")}
        owe(desk, *drafts("one"))
        await desk.work()
        desk.report(0, "failed", "63014")

        await desk.work()

        assert desk.rows("SELECT unreachable FROM contacts") == [("63014",)]
        assert desk.parts()[0][1] == "failed"

    async def test_a_window_reported_closed_holds_the_reply(self, desk: Desk) -> None:
        """63016 comes in reports only: the part is held and nothing is sent again."""
        desk.sender.reported = {"63016": WindowClosedError("too late", code="63016")}
        owe(desk, *drafts("one"))
        await desk.work()
        desk.report(0, "failed", "63016")

        await desk.work()

        assert desk.parts()[0][1] == "held"
        assert len(desk.sender.sends) == 1

    async def test_a_report_of_a_stranger_changes_nothing(self, desk: Desk) -> None:
        """Neither an unknown part nor another message's id is believed."""
        owe(desk, *drafts("one"))
        await desk.work()
        before = desk.rows("SELECT * FROM outbox")

        desk.report(0, "failed", "63014", provider_id="SM99")
        desk.report(0, "failed", "63014", part_id="nobody:0")

        assert desk.rows("SELECT * FROM outbox") == before

    async def test_a_worker_that_left_is_called(self, desk: Desk) -> None:
        """Only a report that asks for work wakes one, and the work is found by whoever looks."""
        owe(desk, *drafts("one"))
        await desk.work()
        woken = desk.woken
        desk.report(0, "delivered")
        assert (desk.woken, desk.turns.any_owed()) == (woken, False)

        owe(desk, *drafts("two"))
        await desk.work()
        desk.report(1, "failed", "30008")

        assert desk.woken == woken + 1
        assert desk.turns.any_owed()
        assert desk.turns.contacts_with_work() == [ANA]
        assert desk.turns.contacts_with_news(desk.turns.last_position())[0] == [ANA]

    async def test_a_reply_keeps_its_order_when_its_first_part_comes_back(self, desk: Desk) -> None:
        """What waits behind a part that did not arrive waits behind its second attempt too."""
        desk.sender.reported = {"63018": TemporaryError("too fast", code="63018")}
        desk.sender.errors = [None, TemporaryError("slow", code="20429", retry_after=30.0)]
        owe(desk, *drafts("one", "two", "three"))
        async with desk.working():
            await desk.until(lambda: desk.parts()[0][1] == "sent" and desk.error_of(1))
            desk.report(0, "undelivered", "63018")

        await desk.work()

        assert desk.sender.bodies == ["one", "one", "two", "three"]

    async def test_an_old_report_does_not_stop_a_new_reply(self, desk: Desk) -> None:
        """Whoever has written since can be reached, whatever is said of yesterday's part."""
        desk.sender.reported = {"63024": UnreachableError("inactive", code="63024")}
        owe(desk, *drafts("old"))
        await desk.work_now()
        desk.clock.advance(3600.0)
        owe(desk, *drafts("fresh"))
        desk.report(0, "undelivered", "63024")

        await desk.work()

        assert desk.sender.bodies == ["old", "fresh"]
        assert desk.rows("SELECT unreachable FROM contacts") == [("",)]


class TestAfterAStop:
    @pytest.mark.parametrize("code", ["63018", "63019"])
    async def test_a_late_report_brings_nothing_back(self, desk: Desk, code: str) -> None:
        """What did not arrive is not sent again to somebody who has left since."""
        desk.sender.reported = {
            "63018": TemporaryError("too fast", code="63018"),
            "63019": PermanentError("not fetched", code="63019"),
        }
        owe(desk, Draft("one", "ogg", "file"))
        await desk.work_now()
        desk.opt_out()
        desk.report(0, "undelivered", code)

        await desk.work()

        assert len(desk.sender.sends) == 1
        assert desk.parts()[0][1] == "dropped"
        assert not desk.turns.any_owed()

    async def test_a_send_under_way_brings_nothing_back(self, desk: Desk) -> None:
        """A part that is refused after the stop is not cut smaller, and alarms nobody."""
        owe(desk, *drafts("abcdef", "ghij"))
        desk.sender.open.clear()
        desk.sender.errors = [TooLongError("too long", code="21617")]
        async with desk.working() as task:
            await desk.sender.until(lambda: desk.sender.sends)
            desk.opt_out()
            desk.sender.open.set()
            await task

        assert desk.sender.bodies == []
        assert desk.alerts == []

    async def test_who_was_not_reached_was_told_nothing(self, desk: Desk) -> None:
        """A notice counts once a part with it has arrived, as far as the channel knows."""
        told = Reply(text="x", disclosed="ai")
        desk.reply = told
        owe(desk, *drafts("notice"))
        desk.opt_out()
        desk.opt_in()
        owe(desk, *drafts("notice"))
        desk.sender.errors = [UnreachableError("not joined", code="63015")]
        await desk.work()
        owe(desk, *drafts("notice"))
        await desk.work()
        desk.sender.reported = {"63015": UnreachableError("not joined", code="63015")}
        desk.report(2, "failed", "63015")
        await desk.work()
        owe(desk, *drafts("notice"))
        await desk.work()
        desk.hear("a")
        step = desk.turns.next(ANA)

        assert isinstance(step, Run)
        assert desk.introduced == [False, False, False, False]
        assert step.turn.introduced


async def test_the_voice_is_known_once_it_was_heard(desk: Desk) -> None:
    """The notice of the synthetic voice counts only where a recording has left with it."""
    for form in ("text", "ogg"):
        desk.reply = Reply(text="x", disclosed="voice")
        owe(desk, Draft("x", "ogg", "file") if form == "ogg" else Draft("x"))
        await desk.work()
    desk.hear("a")
    step = desk.turns.next(ANA)

    assert isinstance(step, Run)
    assert (desk.introduced, desk.voice_introduced) == ([False, True], [False, False])
    assert step.turn.voice_introduced


class TestDeadline:
    async def test_a_part_in_doubt_is_not_tried_for_ever(self, desk: Desk) -> None:
        """A channel that breaks every time is left after the total deadline, like any other."""
        owe(desk, *drafts("one"))
        desk.sender.errors = [InDoubtError("500", code="500")] * 50
        began = desk.clock.now

        await desk.work()

        assert desk.parts()[0][1] == "failed"
        assert desk.clock.now - began < TOTAL_SECONDS + 400

    async def test_a_part_cut_off_by_a_crash_is_sent_however_late(self, desk: Desk) -> None:
        """Nobody tried meanwhile: an hour later it is looked up, and sent."""
        owe(desk, *drafts("one"))
        part = desk.outbox.next(ANA)
        assert part is not None
        desk.outbox.sending(part)
        desk.clock.advance(3600.0)

        await desk.work()

        assert desk.sender.bodies == ["one"]

    async def test_a_wait_that_is_too_long_is_not_cut_short(self, desk: Desk) -> None:
        """Asked to wait longer than there is time, the part is given up, not sent too soon."""
        owe(desk, *drafts("one"))
        desk.sender.errors = [TemporaryError("slow", code="20429", retry_after=1000.0)]

        await desk.work()

        assert len(desk.sender.sends) == 1
        assert desk.parts()[0][1] == "failed"

    async def test_an_old_part_in_doubt_is_looked_up_before_it_is_held(self, desk: Desk) -> None:
        """It may have arrived yesterday, and then nobody is told that it did not."""
        owe(desk, *drafts("one"))
        desk.sender.errors = [InDoubtError("lost")]
        desk.sender.accepts_in_doubt = True
        async with desk.working():
            await desk.until(lambda: desk.error_of(0))
        desk.clock.advance(DAY + 1)

        await desk.work_now()

        assert desk.parts() == [("one", "sent", "SM1")]
        assert desk.alerts == []
