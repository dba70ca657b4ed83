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
    assert desk.turns.finish(step.turn, desk.reply, parts)


def recording(desk: Desk, body: str) -> Draft:
    """Keep a recording of a body and return its message."""
    name = desk.media.save(body.encode(), "audio/ogg", f"spoken {body}")
    return Draft(body, "ogg", desk.links.sign(name))


class TestRefusedAtOnce:
    async def test_too_long_is_cut_smaller(self, desk: Desk) -> None:
        """The part and those after it leave in smaller pieces, in order, each once."""
        owe(desk, *drafts("abcdef", "ghij"))
        desk.sender.errors = [TooLongError("too long", code="21617")]

        await desk.work()

        assert desk.sender.bodies == ["abc", "def", "gh", "ij"]
        assert [status for _, status, _ in desk.parts()] == ["replaced"] * 2 + ["sent"] * 4

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
            ("link", "text"),
            ("hello", "mp3"),
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
        assert desk.rows("SELECT voice_introduced_at FROM contacts") != [(None,)]

        await desk.work()

        [(ai, voice)] = desk.rows("SELECT introduced_at, voice_introduced_at FROM contacts")
        assert (ai is not None, voice) == (True, None)

    async def test_a_voice_introduced_before_stays_so(self, desk: Desk) -> None:
        """A later recording that ends as words changes nothing of what was heard before."""
        desk.reply = Reply(text="hello", disclosed="voice")
        owe(desk, recording(desk, "hello"))
        await desk.work()
        owe(desk, recording(desk, "again"))
        desk.sender.errors = [PermanentError("no such type", code="12300")]

        await desk.work()

        assert desk.rows("SELECT voice_introduced_at FROM contacts") != [(None,)]

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
