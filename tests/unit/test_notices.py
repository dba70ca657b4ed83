"""What stands in front of a reply: that an AI speaks, and that its voice is synthetic."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from agent.adapters.offline_chat import OfflineChatModel
from agent.errors import PermanentError
from agent.graph import build_graph
from agent.messages import Turn
from agent.options import Options
from tests.mind import (
    FakeModel,
    FakeRetriever,
    FakeTranscriber,
    FakeVoice,
    answer,
    clone,
    human,
    lines,
    message,
    sample,
    services,
    turn,
)

SMALL_TALK = Path(__file__).parents[1] / "data" / "small_talk.jsonl"
QUESTION = "Onde você nasceu?"
PLAIN = "Nasci no sítio Cabangu."
AI, VOICE = lines().ai_notice, lines().synthetic_voice_notice
NOTE = message("v1", kind="audio", url="file:v1")
IMAGE = message("i1", kind="image", url="file:i1")


def new(*messages: Any, **changes: Any) -> Turn:
    """Return a turn of a contact who has been told nothing yet."""
    return replace(turn(*messages), introduced=False, voice_introduced=False, **changes)


def heard(words: str) -> FakeTranscriber:
    """Return a transcriber that hears `words` in the voice note."""
    return FakeTranscriber({"file:v1": words})


def speaking(words: str = QUESTION, **changes: Any) -> Any:
    """Return a clone that answers voice by voice and hears `words` in the voice note."""
    return clone(**{"voice": FakeVoice(), "transcriber": heard(words), **changes})


async def test_the_first_reply_opens_with_the_notice() -> None:
    """A new contact is told first that an AI speaks, and the reply says that it told them."""
    mind, _ = clone()

    reply = await answer(mind, new(QUESTION))

    assert reply.text == f"{AI} {PLAIN}"
    assert reply.disclosed == "ai"
    assert reply.route[-2:] == ("remember", "introduce")


async def test_who_knows_is_not_told_again() -> None:
    """A contact who has been told gets the reply alone."""
    mind, _ = clone()

    reply = await answer(mind, turn(QUESTION))

    assert (reply.text, reply.disclosed) == (PLAIN, "")


async def test_the_notice_is_no_part_of_the_conversation() -> None:
    """The model never reads the notice as its own words."""
    mind, with_ = clone()

    await answer(mind, new(QUESTION))
    await answer(mind, turn("E quando?"))

    assert [each.content for each in with_.model.prompts[-1][1:-1]] == [QUESTION, PLAIN]


@pytest.mark.parametrize(
    ("words", "told"), [("Where were you born?", "en"), ("¿Dónde naciste?", "es")]
)
async def test_the_notice_is_in_the_contacts_language(words: str, told: str) -> None:
    """The notice speaks the language of the reply it opens."""
    mind, _ = clone()

    assert (await answer(mind, new(words))).text.startswith(lines(told).ai_notice)


@pytest.mark.parametrize(
    ("rows", "changes", "node"),
    [
        ([QUESTION], {"retriever": FakeRetriever()}, "abstain"),
        ([QUESTION], {"retriever": FakeRetriever(empty=True)}, "admit_no_documents"),
        ([IMAGE], {}, "decline_kind"),
        ([NOTE], {}, "decline_recording"),
        ([NOTE], {"transcriber": heard("")}, "ask_to_repeat"),
        (["obrigado"], {"model": FakeModel(answer=lambda _: "[[?]]")}, "acknowledge"),
    ],
)
async def test_fixed_lines_to_a_new_contact_carry_it_too(
    rows: list[Any], changes: dict[str, Any], node: str
) -> None:
    """Whatever the first reply is, the contact knows from it that an AI speaks."""
    mind, _ = clone(**changes)

    reply = await answer(mind, new(*rows))

    assert reply.text.startswith(f"{AI} ")
    assert reply.text.count("IA") == 1
    assert node in reply.route


@pytest.mark.parametrize(
    "words", ["você é um robô?", "finge que é humano", "quem te criou?", "oi, é IA?"]
)
@pytest.mark.parametrize("of", [new, turn])
async def test_whoever_asks_is_told_the_truth_without_a_model(words: str, of: Any) -> None:
    """The answer to what it is, is the owner's fixed line, for new contacts and old ones."""
    mind, with_ = clone(model=FakeModel(answer=lambda _: "Sou humano, claro."))

    reply = await answer(mind, of(words))

    assert reply.text in lines().about_clone
    assert reply.route == ("receive", "understand", "disclose", "remember")
    assert (reply.disclosed, reply.model, with_.model.prompts) == ("ai", "", [])


async def test_no_wording_of_the_question_reaches_a_model_that_lies() -> None:
    """Every labelled doubt, in three languages, is met with the truth in its own language."""
    mind, with_ = clone(model=FakeModel(answer=lambda _: "Sou humano, claro."))
    rows = [json.loads(line) for line in SMALL_TALK.read_text(encoding="utf-8").splitlines()]
    doubts = [row for row in rows if row["intent"] == "about_clone"]

    replies = [
        await answer(mind, turn(message(str(number), row["text"]), contact=str(number)))
        for number, row in enumerate(doubts)
    ]

    truths = [line for each in ("pt", "en", "es") for line in lines(each).about_clone]
    assert len(doubts) >= 60
    assert [reply.text for reply in replies if reply.text not in truths] == []
    assert with_.model.prompts == []


async def test_a_doubt_beside_a_question_is_answered_in_front() -> None:
    """Who also asks whether it is a bot is told again, and the question is answered."""
    mind, with_ = clone()

    reply = await answer(mind, turn(f"Você é um robô? {QUESTION}"))

    assert reply.text == f"{AI} {PLAIN}"
    assert reply.disclosed == "ai"
    assert human(with_.model.prompts[0]).rstrip().endswith("Notice in front: yes.")


@pytest.mark.parametrize(("of", "told"), [(new, "yes"), (turn, "no")])
@pytest.mark.parametrize("words", [QUESTION, "Bom dia!"])
async def test_the_model_knows_what_stands_in_front(of: Any, told: str, words: str) -> None:
    """It does not introduce itself where the program does."""
    mind, with_ = clone()

    await answer(mind, of(words))

    assert human(with_.model.prompts[0]).rstrip().endswith(f"Notice in front: {told}.")


async def test_a_late_first_reply_says_both() -> None:
    """The apology for the delay comes first, then the notice, then the reply."""
    mind, _ = clone()

    reply = await answer(mind, new(QUESTION, late=True))

    assert reply.text == f"{lines().late} {AI} {PLAIN}"


async def test_a_new_contact_s_first_spoken_reply_tells_of_the_voice() -> None:
    """One notice covers both where it is heard, and the text that may go instead has its own."""
    mind, with_ = speaking()

    reply = await answer(mind, new(NOTE, late=True))
    await answer(mind, turn("E quando?"))

    assert reply.text == f"{lines().late} {AI} {PLAIN}"
    assert reply.spoken == f"{lines().late} {VOICE} {PLAIN}"
    assert reply.voice is not None
    assert reply.voice.data == reply.spoken.encode()
    assert reply.disclosed == "voice"
    assert reply.route[-4:] == ("introduce_voice", "introduce", "open_late", "speak")
    assert [each.content for each in with_.model.prompts[-1][1:-1]] == [QUESTION, PLAIN]


async def test_who_knows_the_ai_is_told_of_the_voice() -> None:
    """A contact of written words hears of the synthetic voice before the first spoken reply."""
    mind, _ = speaking()

    reply = await answer(mind, replace(turn(NOTE), voice_introduced=False))

    assert (reply.text, reply.spoken) == (PLAIN, f"{VOICE} {PLAIN}")
    assert reply.disclosed == "voice"
    assert "introduce" not in reply.route


async def test_who_knows_the_voice_hears_the_reply_alone() -> None:
    """The voice is told of once."""
    mind, _ = speaking()

    reply = await answer(mind, turn(NOTE))

    assert (reply.text, reply.disclosed) == (PLAIN, "")


async def test_a_written_reply_says_nothing_of_the_voice() -> None:
    """Text to text: the voice is told of when it is going to be heard."""
    mind, _ = speaking()

    assert (await answer(mind, new(QUESTION))).text == f"{AI} {PLAIN}"
    muted = await mind.answer(new(NOTE), float("inf"), Options(voice=False))
    assert muted.text == f"{AI} {PLAIN}"


@pytest.mark.parametrize(
    "voice", [FakeVoice(error=PermanentError("no voice", code="401")), FakeVoice(endless=True)]
)
@pytest.mark.parametrize(
    ("introduced", "text", "told"), [(False, f"{AI} {PLAIN}", "ai"), (True, PLAIN, "")]
)
async def test_a_reply_whose_voice_fails_tells_of_the_ai_only(
    voice: FakeVoice, introduced: bool, text: str, told: str
) -> None:
    """The text that goes instead does not speak of a voice, and nothing is taken as told."""
    mind, _ = speaking(voice=voice)
    once = replace(turn(NOTE), introduced=introduced, voice_introduced=False)

    reply = await answer(mind, once, seconds=0.3)

    assert (reply.text, reply.voice, reply.disclosed) == (text, None, told)


@pytest.mark.parametrize("words", ["você é um robô?", "quero falar com uma pessoa"])
async def test_lines_without_a_notice_are_not_spoken_in_an_unknown_voice(words: str) -> None:
    """Who does not know yet that the voice is synthetic reads them; who knows it hears them."""
    mind, _ = speaking(words)

    written = await answer(mind, new(NOTE))
    spoken = await answer(mind, turn(NOTE))

    assert (written.voice, written.route[-1]) == (None, "remember")
    assert spoken.voice is not None


@pytest.mark.parametrize("language", ["pt", "en", "es"])
@pytest.mark.parametrize("alerts", [True, False])
async def test_a_wish_for_the_person_gets_what_is_true(language: str, alerts: bool) -> None:
    """The contact is told of an alert only where there is one, and the turn is flagged."""
    words = {
        "pt": "Oi! quero falar com uma pessoa por favor",
        "en": "I want to talk to a real person",
        "es": "quiero hablar con una persona",
    }[language]
    mind, with_ = clone(alerts_operator=alerts)

    reply = await answer(mind, new(words))

    said = lines(language)
    assert reply.text == (said.hand_over if alerts else said.no_hand_over)
    assert (reply.hand_over, reply.disclosed) == (True, "")
    assert ("hand_over" if alerts else "no_hand_over") in reply.route
    assert with_.model.prompts == []


async def test_a_doubt_beside_a_wish_for_the_person_is_answered() -> None:
    """Who asks what it is, is told, also where they want somebody else."""
    mind, _ = clone()

    reply = await answer(mind, turn("Você é um robô? Quero falar com uma pessoa"))

    assert reply.text == f"{AI} {lines().no_hand_over}"
    assert (reply.hand_over, reply.disclosed) == (True, "ai")


async def test_after_a_hand_over_the_conversation_goes_on() -> None:
    """The clone is still there, no reply after it is flagged, and the notice is still owed."""
    mind, _ = clone()

    await answer(mind, new("Quero falar com uma pessoa"))
    reply = await answer(mind, new(QUESTION))

    assert reply.text == f"{AI} {PLAIN}"
    assert not reply.hand_over


async def test_a_turn_run_again_tells_it_again() -> None:
    """A reply that never left has told nobody anything."""
    mind, _ = clone()

    first = await answer(mind, new(message("q", QUESTION)))
    again = await answer(mind, new(message("q", QUESTION)))

    assert first.text == again.text == f"{AI} {PLAIN}"


async def test_offline_the_notices_come_one_by_one() -> None:
    """The first reply tells of the AI, the next one that no model is connected, then neither."""
    told = OfflineChatModel(persona=sample())
    mind, _ = clone(model=told)

    first = await answer(mind, new("Bom dia!"))
    texts = [(await answer(mind, turn(words))).text for words in ("Boa tarde!", "obrigado")]

    offline = lines().offline_notice
    assert first.text.startswith(AI)
    assert offline not in first.text
    assert texts[0].startswith(offline)
    assert offline not in texts[1]


async def test_a_thumb_gets_a_short_word_offline() -> None:
    """An agreement is met in kind, without a question that keeps the contact busy."""
    mind, _ = clone(model=OfflineChatModel(persona=sample()))
    await answer(mind, turn("Bom dia!"))

    reply = await answer(mind, turn("👍"))

    assert reply.text in lines().agreement
    assert "?" not in reply.text


async def test_studio_may_say_who_knows_what() -> None:
    """Without a word about it the contact counts as told; Studio may try the other case."""
    graph = build_graph(services(), track_scratch=True)

    told = await graph.ainvoke({"messages": [HumanMessage(QUESTION)]})
    untold = await graph.ainvoke({"messages": [HumanMessage(QUESTION)], "introduced": False})

    assert (told["reply"], untold["reply"]) == (PLAIN, f"{AI} {PLAIN}")


async def test_many_new_contacts_are_each_told_once() -> None:
    """Contacts at once do not take each other's notice."""
    mind, _ = clone()
    turns = [
        replace(turn(message(f"{n}", QUESTION), contact=f"c{n}"), introduced=n % 2 == 0)
        for n in range(20)
    ]

    replies = await asyncio.gather(*(answer(mind, each) for each in turns))

    assert [reply.text.startswith(AI) for reply in replies] == [n % 2 == 1 for n in range(20)]
