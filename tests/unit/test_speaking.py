"""Voice replies: who gets them, what is spoken in them, and what goes where they fail."""

import asyncio
from typing import Any

import pytest

from agent.errors import AccountError, PermanentError, TemporaryError
from agent.messages import Audio
from agent.options import Options
from agent.ports import SoundForm
from agent.vendors import Vendor
from tests.mind import FakeModel, FakeTranscriber, FakeVoice, answer, clone, lines, message, turn

QUESTION = "Onde você nasceu?"
PLAIN = "Nasci no sítio Cabangu."
NOTE = message("v1", kind="audio", url="file:v1")
WRITTEN = message("t", QUESTION)


def speaking(words: str = QUESTION, **changes: Any) -> Any:
    """Return a clone that answers voice by voice and hears `words` in the voice note."""
    transcriber = FakeTranscriber({"file:v1": words})
    return clone(**{"voice": FakeVoice(), "transcriber": transcriber, **changes})


def saying(text: str, **changes: Any) -> Any:
    """Return a clone that always speaks and whose model answers `text`."""
    model = FakeModel(answer=lambda _: text)
    return speaking(model=model, voice_replies="always", **changes)


@pytest.mark.parametrize(
    ("mode", "row", "options", "spoken"),
    [
        ("mirror", NOTE, Options(), True),
        ("mirror", WRITTEN, Options(), False),
        ("always", WRITTEN, Options(), True),
        ("never", NOTE, Options(), False),
        ("always", WRITTEN, Options(voice=False), False),
    ],
)
async def test_who_is_answered_by_voice(
    mode: str, row: Any, options: Options, spoken: bool
) -> None:
    """Voice answers voice, everything or nothing, and never where the run forbids it."""
    mind, _ = speaking(voice_replies=mode)

    reply = await mind.answer(turn(row), float("inf"), options)

    assert (reply.voice is not None) is spoken
    assert (reply.route[-1] == "speak") is spoken
    assert (reply.text, reply.spoken) == (PLAIN, PLAIN if spoken else "")


@pytest.mark.parametrize(
    ("mode", "row", "preference", "spoken"),
    [
        ("mirror", WRITTEN, "voice", True),
        ("mirror", NOTE, "text", False),
        ("always", WRITTEN, "text", False),
        ("never", NOTE, "voice", False),
    ],
)
async def test_what_the_contact_asked_for_goes_first(
    mode: str, row: Any, preference: Any, spoken: bool
) -> None:
    """A remembered wish overrules the mode, but for an owner who wants no voice at all."""
    mind, _ = speaking(voice_replies=mode)

    reply = await answer(mind, turn(row, voice_preference=preference))

    assert (reply.voice is not None) is spoken
    assert reply.voice_preference == ""


@pytest.mark.parametrize(
    ("words", "language"),
    [("me responde por áudio", "pt"), ("send me a voice note", "en"), ("mándame un audio", "es")],
)
async def test_a_wish_for_voice_is_granted_aloud(words: str, language: str) -> None:
    """The confirmation is a fixed line, itself spoken, and the wish is there to be remembered."""
    mind, with_ = speaking()

    reply = await answer(mind, turn(words))

    assert reply.text == reply.spoken == lines(language).voice_on
    assert reply.voice_preference == "voice"
    assert reply.route == ("receive", "understand", "turn_voice_on", "remember", "speak")
    assert with_.model.prompts == []


@pytest.mark.parametrize("row", [message("t", "prefiro texto"), NOTE])
async def test_a_wish_for_text_is_granted_in_writing(row: Any) -> None:
    """Also where it was spoken, and where every reply would be."""
    mind, _ = speaking("sem áudio, por favor", voice_replies="always")

    reply = await answer(mind, turn(row, voice_preference="voice"))

    assert (reply.text, reply.voice) == (lines().voice_off, None)
    assert reply.voice_preference == "text"


@pytest.mark.parametrize("changes", [{"voice": None}, {"voice_replies": "never"}])
async def test_a_wish_that_cannot_be_granted_is_declined_kindly(changes: dict[str, Any]) -> None:
    """Without a voice, or where the owner wants none used, the contact is told so."""
    mind, _ = speaking(**changes)

    reply = await answer(mind, turn("pode mandar áudio"))

    assert (reply.text, reply.voice) == (lines().voice_unavailable, None)
    assert "decline_voice" in reply.route


@pytest.mark.parametrize(
    ("words", "row", "wish"),
    [
        ("me responde por áudio: onde você nasceu?", WRITTEN, "voice"),
        ("Onde você nasceu? Responde em texto", NOTE, "text"),
    ],
)
async def test_a_wish_beside_a_question_is_granted_with_the_answer(
    words: str, row: Any, wish: str
) -> None:
    """The question is answered in the way that was asked for, and the wish remembered."""
    mind, _ = speaking(words)

    reply = await answer(mind, turn(row if row is NOTE else words))

    assert reply.text == PLAIN
    assert reply.voice_preference == wish
    assert (reply.voice is not None) is (wish == "voice")


async def test_a_wish_beside_a_question_that_cannot_be_granted_is_excused() -> None:
    """The answer is written behind the word that there is no voice."""
    mind, _ = speaking(voice=None)

    reply = await answer(mind, turn("me responde por áudio: onde você nasceu?"))

    assert reply.text == f"{lines().voice_unavailable} {PLAIN}"
    assert reply.route[-2:] == ("remember", "excuse_voice")


async def test_who_asks_for_voice_first_is_told_that_it_is_synthetic() -> None:
    """The notice of the voice opens the confirmation that is heard, that of the AI the written."""
    mind, _ = speaking()

    reply = await answer(mind, turn("prefiro áudio", introduced=False, voice_introduced=False))

    assert reply.spoken == f"{lines().synthetic_voice_notice} {lines().voice_on}"
    assert reply.text == f"{lines().ai_notice} {lines().voice_on}"
    assert reply.disclosed == "voice"


async def test_without_a_voice_text_answers_voice() -> None:
    """A clone that has no voice writes."""
    mind, _ = clone(voice_replies="always")

    assert (await answer(mind, turn(QUESTION))).route[-1] == "remember"


async def test_what_cannot_be_spoken_goes_beside() -> None:
    """A link is named in the recording, and written in full beside it."""
    mind, with_ = saying(
        "Veja a casa em https://museu.example/casa, **por favor** 😀 [[1]]",
        link_domains=("museu.example",),
    )

    reply = await answer(mind, turn(QUESTION))

    assert reply.text == "Veja a casa em https://museu.example/casa, **por favor** 😀"
    assert reply.spoken == f"Veja a casa em {lines().in_writing}, por favor"
    assert reply.beside == "https://museu.example/casa"
    assert with_.voice.asked == [reply.spoken]


@pytest.mark.parametrize(
    "text", ["- um\n- dois\n- três", "```\nx = 1\n```", "Foi assim. " * 150, "😀"]
)
@pytest.mark.parametrize("voice_introduced", [True, False])
async def test_what_is_for_the_eye_stays_text(text: str, voice_introduced: bool) -> None:
    """Lists, code and long replies are not spoken, and no notice speaks of a voice."""
    mind, with_ = saying(text)

    reply = await answer(mind, turn(QUESTION, voice_introduced=voice_introduced))

    assert (reply.text, reply.voice, reply.disclosed) == (text.strip(), None, "")
    assert with_.voice.asked == []


async def test_a_reply_that_its_notice_makes_too_long_stays_text() -> None:
    """What would not fit in a voice note is written, with the notice that writing owes."""
    text = "Foi assim. " * 136
    mind, _ = saying(text)

    reply = await answer(mind, turn(QUESTION, introduced=False, voice_introduced=False))

    assert (reply.voice, reply.disclosed) == (None, "ai")
    assert reply.text == f"{lines().ai_notice} {text.strip()}"


@pytest.mark.parametrize(
    ("error", "alerts"),
    [
        (PermanentError("no", code="voice_not_found"), ()),
        (TemporaryError("later", code="429"), ()),
        (TemporaryError("left alone", code="circuit"), ()),
        (AccountError("no", code="quota_exceeded"), ("voice_refused",)),
    ],
)
async def test_a_voice_that_fails_leaves_the_text(error: Any, alerts: tuple[str, ...]) -> None:
    """Whatever a voice does, the text goes; of a refused account the operator is told once."""
    mind, with_ = speaking(voice=FakeVoice(error=error), voice_replies="always")

    reply = await answer(mind, turn(QUESTION))
    await answer(mind, turn("E quando?"))

    assert (reply.text, reply.voice, reply.spoken, reply.beside) == (PLAIN, None, "", "")
    assert reply.alerts == alerts
    assert [m.content for m in with_.model.prompts[-1][1:-1]] == [QUESTION, PLAIN]


async def test_a_voice_that_never_ends_leaves_the_text() -> None:
    """A reply that only waits for its voice goes as text when the turn's time is over."""
    mind, with_ = clone(voice=FakeVoice(endless=True), voice_replies="always")

    reply = await answer(mind, turn(QUESTION), seconds=0.2)
    await answer(mind, turn("E quando?"), seconds=0.2)

    assert (reply.text, reply.voice) == (PLAIN, None)
    prompt = with_.model.prompts[-1]
    assert [m.content for m in prompt[1:-1]] == [QUESTION, PLAIN]


async def test_a_voice_is_left_before_the_turn_s_time_is_over() -> None:
    """A vendor that hangs is given up while there is time to hand the text over."""
    vendor = Vendor("slow", lambda error: PermanentError(str(error)))

    class Hanging(FakeVoice):
        async def speak(self, text: str, form: SoundForm = "ogg") -> Audio:
            async def never() -> Audio:
                await asyncio.Event().wait()
                raise AssertionError

            return await vendor.call(never)

    mind, _ = speaking(voice=Hanging(), voice_replies="always")
    loop = asyncio.get_running_loop()
    began = loop.time()

    reply = await answer(mind, turn(QUESTION), seconds=0.5)

    assert (reply.text, reply.route[-1]) == (PLAIN, "speak")
    assert loop.time() - began < 0.5
