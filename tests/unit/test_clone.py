"""The clone over many turns: repeated, cancelled and failed ones, and many contacts at once."""

import asyncio
import random
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import pytest

from agent.clone import Clone
from agent.errors import PermanentError, TemporaryError
from agent.messages import Turn
from tests.mind import (
    FakeModel,
    FakeRetriever,
    FakeServices,
    FakeTranscriber,
    Prompt,
    answer,
    clone,
    human,
    lines,
    message,
    turn,
)

QUESTION = "Onde você nasceu?"


def said(with_: FakeServices) -> list[tuple[str, str]]:
    """Return the conversation as the last prompt told it."""
    return [(each.type, str(each.content)) for each in with_.model.prompts[-1][1:-1]]


async def test_a_turn_run_twice_leaves_one_reply() -> None:
    """A re-run neither sees its own earlier reply nor leaves two of them."""
    mind, with_ = clone(model=FakeModel(answer=lambda p: f"Resposta {len(p)}"))
    once = turn(message("q", QUESTION))

    await answer(mind, once)
    await answer(mind, once)
    assert said(with_) == []
    await answer(mind, turn("E quando?"))

    assert said(with_) == [("human", QUESTION), ("ai", "Resposta 2")]


async def test_a_turn_that_gained_messages_is_answered_after_them() -> None:
    """The reply of a restarted turn stands after all its messages, in their order."""
    mind, with_ = clone(model=FakeModel(answer=lambda p: f"Resposta {len(human(p))}"))

    stale = await answer(mind, turn("Onde você"))
    reply = await answer(mind, turn("Onde você", "nasceu?"))
    assert said(with_) == []
    await answer(mind, turn("E quando?"))

    assert stale.text != reply.text
    assert said(with_) == [("human", "Onde você"), ("human", "nasceu?"), ("ai", reply.text)]


async def test_a_cancelled_turn_leaves_nothing_that_confuses() -> None:
    """A turn cancelled while the model thinks runs again as if for the first time."""
    model = FakeModel(held=asyncio.Event())
    mind, with_ = clone(model=model)
    await answer_first(mind, model)
    thinking = asyncio.ensure_future(answer(mind, turn("E quando")))
    await model.asked.wait()
    thinking.cancel()
    with suppress(asyncio.CancelledError):
        await thinking

    model.held.set()
    reply = await answer(mind, turn("E quando", "foi isso?"))
    assert said(with_) == [("human", QUESTION), ("ai", "Nasci no sítio Cabangu.")]
    await answer(mind, turn("Obrigado"))

    assert said(with_)[2:] == [("human", "E quando"), ("human", "foi isso?"), ("ai", reply.text)]


async def answer_first(mind: Clone, model: FakeModel) -> None:
    """Hold one whole exchange before the one that matters."""
    held, model.held = model.held, None
    await answer(mind, turn(QUESTION))
    model.held = held
    model.asked.clear()


async def test_a_failed_turn_leaves_nothing_that_confuses() -> None:
    """After an error the turn runs again, and the next one sees each message once."""
    answers = iter([RuntimeError("broken"), "Em 1873.", "De nada!"])
    mind, with_ = clone(model=FakeModel(answer=lambda _: next(answers)))

    with pytest.raises(PermanentError):
        await answer(mind, turn(QUESTION))
    reply = await answer(mind, turn(QUESTION))
    assert (reply.text, said(with_)) == ("Em 1873.", [])
    await answer(mind, turn("Obrigado"))

    assert said(with_) == [("human", QUESTION), ("ai", "Em 1873.")]


async def test_a_turn_that_was_given_up_stays_in_the_history() -> None:
    """The words of a turn that failed for good are known to the next one."""
    answers = iter([RuntimeError("broken"), "Que bom!"])
    mind, with_ = clone(model=FakeModel(answer=lambda _: next(answers)))

    with pytest.raises(PermanentError):
        await answer(mind, turn(QUESTION))
    await answer(mind, turn("Obrigado"))

    assert said(with_) == [("human", QUESTION)]
    assert QUESTION not in human(with_.model.prompts[-1])


async def test_the_deadline_ends_a_turn() -> None:
    """A model that never answers is left at the deadline, as an error worth repeating."""
    model = FakeModel(held=asyncio.Event())
    mind, _ = clone(model=model)
    began = asyncio.get_running_loop().time()

    with pytest.raises(TemporaryError):
        await answer(mind, turn(QUESTION), seconds=0.3)

    assert 0.25 < asyncio.get_running_loop().time() - began < 1.0


async def test_a_deadline_that_has_passed_asks_nobody() -> None:
    """A turn whose time is over before it began costs no call."""
    mind, with_ = clone()

    with pytest.raises(TemporaryError):
        await answer(mind, turn(QUESTION), seconds=-1)

    assert with_.model.prompts == []


async def test_the_deadline_bounds_a_search_too() -> None:
    """Whatever hangs, the turn ends on time."""

    class Endless(FakeRetriever):
        async def find(self, query: str, limit: int) -> list[object]:  # type: ignore[override]
            await asyncio.Event().wait()
            return []

    mind, _ = clone(retriever=Endless())

    with pytest.raises(TemporaryError, match="time is over"):
        await answer(mind, turn(QUESTION), seconds=0.2)


async def test_contacts_never_see_each_others_words() -> None:
    """Fifty contacts at once, and no prompt or reply holds another's secret."""

    def echo(prompt: Prompt) -> str:
        return " | ".join(str(each.content) for each in prompt[1:]).replace("[", "(")

    mind, with_ = clone(model=FakeModel(answer=echo), window_tokens=400)
    shuffled = random.Random(7)
    seen: dict[str, list[str]] = {}

    async def talk(contact: str) -> None:
        for number in range(3):
            await asyncio.sleep(shuffled.random() / 100)
            words = message(f"{contact}-{number}", f"Meu segredo é {contact}. Onde você nasceu?")
            reply = await answer(mind, turn(words, contact=contact), seconds=60)
            seen.setdefault(contact, []).append(reply.text)

    contacts = [f"segredo{number:02d}" for number in range(50)]
    await asyncio.gather(*map(talk, contacts))

    prompts = [" ".join(str(each.content) for each in prompt) for prompt in with_.model.prompts]
    assert len(prompts) == 150
    for text in [*prompts, *(reply for replies in seen.values() for reply in replies)]:
        assert len([contact for contact in contacts if contact in text]) == 1
    assert all(contact in reply for contact, replies in seen.items() for reply in replies)


async def test_invisible_characters_are_stripped_at_the_door() -> None:
    """Neither this turn's prompt nor the history carries what a person cannot see."""
    mind, with_ = clone()

    await answer(mind, turn(message("q", f"{QUESTION}\u200b\U000e0041\u202e")))
    await answer(mind, turn("E quando?"))

    assert said(with_)[0] == ("human", QUESTION)
    assert not any(
        set("\u200b\U000e0041\u202e") & set(str(each.content))
        for prompt in with_.model.prompts
        for each in prompt
    )


async def test_wordless_messages_are_not_shown_to_the_model() -> None:
    """A picture leaves no empty message in later prompts, which some providers refuse."""
    mind, with_ = clone()

    await answer(mind, turn(message("i", kind="image")))
    await answer(mind, turn(QUESTION))

    assert said(with_) == [("ai", lines().cannot_take)]


async def test_a_long_conversation_keeps_its_prompts_beginning_between_drops() -> None:
    """The window is cut in blocks, so that nearly every prompt continues the one before."""
    model = FakeModel(answer=lambda _: "Nasci no sítio Cabangu, em Minas Gerais, em julho.")
    mind, with_ = clone(model=model, window_tokens=600)

    for number in range(60):
        await answer(mind, turn(message(str(number), f"{QUESTION} Pergunta de número {number}.")))

    talks = [[str(each.content) for each in prompt[:-1]] for prompt in with_.model.prompts]
    continued = [after[: len(before)] == before for before, after in pairwise(talks)]
    assert 1 <= continued.count(False) <= 8
    assert max(map(len, talks)) < 42
    assert all(talk[1:2] == [] or talk[1].startswith(QUESTION) for talk in talks)


@pytest.mark.parametrize(
    ("words", "language"),
    [("Onde você nasceu?", "pt"), ("Where were you born?", "en"), ("¿Dónde naciste?", "es")],
)
async def test_a_turn_without_an_answer_is_met_in_the_contacts_language(
    words: str, language: str
) -> None:
    """A turn that failed, or was one too many, is met in the language in which it was written."""
    mind, _ = clone()

    assert mind.line(turn(words), "apology") == lines(language).apology
    assert mind.line(turn(words), "later") == lines(language).later


async def test_a_turn_without_words_gets_a_line_too() -> None:
    """A voice note that could not be answered gets the first language's line."""
    mind, _ = clone()
    empty: Turn = replace(turn("x"), messages=(message("v", kind="audio"),))

    assert mind.line(empty, "apology") == lines("pt").apology
    assert mind.line(empty, "later") == lines("pt").later


async def test_what_was_received_in_silence_stays_without_an_answer() -> None:
    """An empty answer at the door leaves the contact's words in the history, and no reply."""
    mind, with_ = clone()

    silent = message("s", "estou de volta?", answer="")
    reply = await answer(mind, turn(silent, message("q", QUESTION)))
    await answer(mind, turn(message("q2", "E quando?"), message("s2", "psiu", answer="")))
    await answer(mind, turn("Obrigado"))

    assert reply.text == "Nasci no sítio Cabangu."
    assert said(with_) == [
        ("human", "estou de volta?"),
        ("human", QUESTION),
        ("ai", reply.text),
        ("human", "E quando?"),
        ("human", "psiu"),
        ("ai", "Nasci no sítio Cabangu."),
    ]
    assert "psiu" not in human(with_.model.prompts[1])


async def test_a_recording_received_in_silence_is_not_heard() -> None:
    """A voice note that nobody is to answer costs no transcription."""
    mind, _ = clone(transcriber=FakeTranscriber({}))
    silent = message("v", kind="audio", url="file:v", answer="")

    assert (await answer(mind, turn(silent, QUESTION))).text == "Nasci no sítio Cabangu."


async def test_what_messages_refer_to_reaches_the_model_and_not_the_history() -> None:
    """Quoted words and an ad's words are read once, with the message that brought them."""
    mind, with_ = clone()
    pointing = replace(message("q", "E onde foi isso?"), quoted="Voei em 1906.", referral="Balões!")

    await answer(mind, turn(pointing))
    first = human(with_.model.prompts[-1])
    await answer(mind, turn("E quando?"))

    assert "\nquoted: Voei em 1906.\nadvertisement: Balões!\n" in first
    assert "Voei em 1906." in with_.retriever.asked[0][0]
    assert "Balões!" not in with_.retriever.asked[0][0]
    assert "1906" not in str(with_.model.prompts[-1])
