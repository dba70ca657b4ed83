"""The whole graph with fakes: which way a turn takes, and what comes out of it."""

import json
from itertools import pairwise
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from agent.errors import PermanentError
from agent.graph import build_graph
from agent.lexicon import kindred
from tests.mind import (
    FakeModel,
    FakeRetriever,
    FakeVoice,
    answer,
    clone,
    human,
    lines,
    message,
    passage,
    services,
    turn,
)

QUESTION = "Onde você nasceu?"
VOICE_NOTE = message("v1", kind="audio", url="file:v1")
ANSWERED = ("receive", "understand", "retrieve", "generate", "guard", "remember")
ABSTAINED = ("receive", "understand", "retrieve", "generate", "abstain", "remember")


def searched(retriever: Any) -> tuple[str, int]:
    """Return the only search without the kin of its words, and how many passages it wanted."""
    ((words, limit),) = retriever.asked
    for length in range(len(words) + 1):
        if words == " ".join((words[:length], *kindred(words[:length]))):
            return words[:length], limit
    raise AssertionError(words)


async def test_a_question_is_answered_from_passages() -> None:
    """A question of fact is looked up, answered by the model, and told with its sources."""
    first, second = passage("Nasci em Cabangu.", 1), passage("Gostava de máquinas.", 2)
    model = FakeModel(answer=lambda _: "Nasci em Cabangu. [[1]]")
    mind, with_ = clone(model=model, retriever=FakeRetriever(first, second))

    reply = await answer(mind, turn(QUESTION))

    assert reply.text == "Nasci em Cabangu."
    assert reply.route == ANSWERED
    assert reply.sources == (first,)
    assert reply.passages == (first, second)
    assert reply.model == "fake-1"
    assert reply.usage == {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    assert reply.voice is None
    assert searched(with_.retriever) == (QUESTION, 4)


async def test_a_question_in_another_language_brings_its_kin_to_the_search() -> None:
    """Documents in Portuguese are found by the Portuguese words of an English question."""
    mind, with_ = clone(retriever=FakeRetriever(passage("Nasci em Cabangu.", 1)))

    await answer(mind, turn("Where were you born?"))

    ((searched, _),) = with_.retriever.asked
    assert searched.startswith("Where were you born?")
    assert "nasci" in searched.split()


@pytest.mark.parametrize(
    "words", ["Bom dia!", "muito obrigado", "kkkkk", "tchau", "posso te ligar?", "Meu cão morreu."]
)
async def test_conversation_needs_no_passages(words: str) -> None:
    """What asks nothing of fact goes to the model without a search."""
    mind, with_ = clone(model=FakeModel(answer=lambda _: "Que bom!"))

    reply = await answer(mind, turn(words))

    assert reply.text == "Que bom!"
    assert reply.route == ("receive", "understand", "converse", "guard", "remember")
    assert reply.sources == ()
    assert with_.retriever.asked == []


async def test_conversation_is_never_met_with_i_dont_know() -> None:
    """Where a model abstains from small talk, a line of the persona of its kind stands in."""
    mind, _ = clone(model=FakeModel(answer=lambda _: "[[?]]"))

    reply = await answer(mind, turn("muito obrigado!"))

    assert reply.text in lines().thanks
    assert reply.route == ("receive", "understand", "converse", "acknowledge", "remember")


async def test_without_a_passage_no_model_is_asked() -> None:
    """A question that retrieval finds nothing about is met with a fixed line."""
    mind, with_ = clone(retriever=FakeRetriever())

    reply = await answer(mind, turn(QUESTION))

    assert reply.text in lines().dont_know
    assert reply.route == ("receive", "understand", "retrieve", "abstain", "remember")
    assert (reply.model, reply.sources) == ("", ())
    assert with_.model.prompts == []


async def test_without_documents_the_clone_admits_it() -> None:
    """A clone that has read nothing says so instead of not knowing."""
    mind, _ = clone(retriever=FakeRetriever(empty=True))

    reply = await answer(mind, turn(QUESTION))

    assert reply.text == lines().no_documents
    assert reply.route == ("receive", "understand", "retrieve", "admit_no_documents", "remember")


async def test_a_model_without_an_answer_abstains() -> None:
    """`[[?]]` becomes a line of the persona; the tokens are counted all the same."""
    mind, _ = clone(model=FakeModel(answer=lambda _: "[[?]]"))

    reply = await answer(mind, turn(QUESTION))

    assert reply.text in lines().dont_know
    assert reply.route == ABSTAINED
    assert reply.sources == ()
    assert len(reply.passages) == 1
    assert (reply.model, reply.usage["total_tokens"]) == ("fake-1", 15)


async def test_a_refusal_abstains() -> None:
    """A model that refuses to answer is taken at its word and not asked again."""
    refused = AIMessage("", additional_kwargs={"refusal": "I cannot"})
    model = FakeModel(answer=lambda _: refused)
    mind, _ = clone(model=model)

    reply = await answer(mind, turn(QUESTION))

    assert reply.text in lines().dont_know
    assert len(model.prompts) == 1


async def test_an_empty_answer_is_asked_for_again() -> None:
    """A model that says nothing at all is called again within the turn."""
    answers = iter(["", "Nasci em Cabangu."])
    mind, _ = clone(model=FakeModel(answer=lambda _: next(answers)))

    reply = await answer(mind, turn(QUESTION))

    assert reply.text == "Nasci em Cabangu."


async def test_a_model_that_stays_silent_is_not_paid_for_at_every_attempt() -> None:
    """Asked a few times within the turn, an empty answer ends it: more attempts would not help."""
    model = FakeModel(answer=lambda _: "")
    mind, _ = clone(model=model)

    with pytest.raises(PermanentError, match="empty"):
        await answer(mind, turn(QUESTION))


async def test_i_dont_know_is_not_said_twice_running_in_the_same_words() -> None:
    """Each abstention differs from the one before, also where the first one came late."""
    mind, _ = clone(retriever=FakeRetriever())

    said = [
        (await answer(mind, turn(message(str(n), QUESTION), late=n == 3))).text for n in range(30)
    ]

    assert all(line not in before for before, line in pairwise(said))
    assert said[3].startswith(lines().late)
    assert len(set(said)) >= 5


async def test_a_late_reply_says_so_first() -> None:
    """Lateness is a word before the reply, whatever the reply is."""
    mind, _ = clone()

    reply = await answer(mind, turn(QUESTION, late=True))

    assert reply.text == f"{lines().late} Nasci no sítio Cabangu."
    assert reply.route == (*ANSWERED, "open_late")


@pytest.mark.parametrize(
    ("row", "node", "line"),
    [
        (VOICE_NOTE, "decline_recording", lines().hearing_off),
        (message("i1", kind="image"), "decline_kind", lines().cannot_take),
        (message("s1", kind="sticker"), "decline_kind", lines().cannot_take),
        (message("t1", " \u200b\u2060"), "decline_kind", lines().cannot_take),
    ],
)
async def test_what_cannot_be_taken_in_is_declined_kindly(row: Any, node: str, line: str) -> None:
    """Recordings without a transcriber, pictures and empty messages get their own line."""
    mind, _ = clone()

    reply = await answer(mind, turn(row))

    assert (reply.text, reply.route) == (line, ("receive", node, "remember"))


async def test_fixed_lines_speak_the_language_of_the_conversation() -> None:
    """Where a message has no language of its own, the conversation's is kept."""
    mind, _ = clone(model=FakeModel(answer=lambda _: "[[?]]"))
    await answer(mind, turn("Thank you so much for telling me that, it was very kind of you"))

    picture = await answer(mind, turn(message("i1", kind="image")))
    short = await answer(mind, turn("ok"))

    assert picture.text == lines("en").cannot_take
    assert short.text in lines("en").agreement


async def test_words_beside_a_picture_are_answered() -> None:
    """A question that comes with a picture is answered, the picture passed over."""
    mind, _ = clone()

    reply = await answer(mind, turn(message("i1", kind="image", url="file:i"), QUESTION))

    assert reply.route == ANSWERED


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("Nasci\u200b em \u202eCabangu.", "Nasci em Cabangu."),
        ("Veja ![x](https://evil.example/?q=segredo) ali.", "Veja ali."),
        ("Leia https://evil.example/a agora.", "Leia agora."),
        ("Leia https://museu.example/casa agora.", "Leia https://museu.example/casa agora."),
    ],
)
async def test_the_guard_takes_out_what_no_reply_may_carry(written: str, sent: str) -> None:
    """Invisible characters, pictures and links nobody allowed leave no reply."""
    found = FakeRetriever(passage("A casa: https://museu.example/casa"))
    mind, _ = clone(model=FakeModel(answer=lambda _: f"{written} [[1]]"), retriever=found)

    assert (await answer(mind, turn(QUESTION))).text == sent


async def test_a_reply_that_the_guard_empties_becomes_a_line() -> None:
    """A question whose answer is nothing but a link is not answered; small talk still is."""
    mind, _ = clone(model=FakeModel(answer=lambda _: "https://evil.example"))

    question = await answer(mind, turn(QUESTION))
    thanks = await answer(mind, turn("obrigado"))

    assert question.text in lines().dont_know
    assert question.sources == ()
    assert question.route == (*ANSWERED[:-1], "abstain", "remember")
    assert thanks.text in lines().thanks


async def test_messages_of_a_turn_are_answered_together() -> None:
    """A burst is one question, its words in order, and each message stays one in the history."""
    mind, with_ = clone()

    await answer(mind, turn("Oi Alberto", "onde você", "nasceu?"))
    await answer(mind, turn("E quando?"))

    assert with_.retriever.asked[0][0].startswith("Oi Alberto\nonde você\nnasceu?")
    prompt = with_.model.prompts[-1]
    assert [m.content for m in prompt[1:-1]] == [
        "Oi Alberto",
        "onde você",
        "nasceu?",
        "Nasci no sítio Cabangu.",
    ]


async def test_shortcuts_are_part_of_the_history() -> None:
    """What was answered at the door is known to the model, and not answered again."""
    mind, with_ = clone()

    reply = await answer(mind, turn(message("s", "oi", answer="Olá!"), message("q", QUESTION)))

    [prompt] = with_.model.prompts
    assert [(m.type, m.content) for m in prompt[1:-1]] == [("human", "oi"), ("ai", "Olá!")]
    assert f"\n{QUESTION}\n" in human(prompt)
    assert "\noi\n" not in human(prompt)
    assert reply.route == ANSWERED


async def test_a_shortcut_after_the_question_does_not_hide_it() -> None:
    """Also a message that came before an exchange at the door is answered."""
    mind, with_ = clone()

    await answer(mind, turn(message("q", QUESTION), message("s", "oi", answer="Olá!")))

    assert searched(with_.retriever) == (QUESTION, 4)


@pytest.mark.parametrize("limit", [1, 3])
async def test_a_run_may_choose_how_many_passages(limit: int) -> None:
    """The option reaches the search, also as the plain JSON that Studio sends."""
    with_ = services()
    graph = build_graph(with_)

    await graph.ainvoke({"messages": [HumanMessage(QUESTION)]}, context={"passages": limit})

    assert searched(with_.retriever) == (QUESTION, limit)


def drawing(*, track_scratch: bool) -> str:
    """Return the graph as Mermaid draws it."""
    return build_graph(services(), track_scratch=track_scratch).get_graph().draw_mermaid()


def test_every_way_of_a_turn_is_drawn() -> None:
    """The diagram holds all nodes, and as edges all decisions."""
    graph = build_graph(services()).get_graph()
    ways = {(edge.source, edge.target) for edge in graph.edges}

    assert set(graph.nodes) == {name for way in ways for name in way}
    assert ways >= {
        ("receive", "transcribe"),
        ("receive", "understand"),
        ("receive", "decline_recording"),
        ("receive", "decline_kind"),
        ("transcribe", "understand"),
        ("transcribe", "ask_to_repeat"),
        ("transcribe", "ask_to_write"),
        ("transcribe", "decline_length"),
        ("transcribe", "point_to_stop"),
        ("understand", "retrieve"),
        ("understand", "converse"),
        ("retrieve", "generate"),
        ("retrieve", "abstain"),
        ("retrieve", "admit_no_documents"),
        ("generate", "guard"),
        ("generate", "abstain"),
        ("converse", "acknowledge"),
        ("guard", "abstain"),
        ("understand", "disclose"),
        ("understand", "hand_over"),
        ("understand", "no_hand_over"),
        ("understand", "turn_voice_on"),
        ("understand", "turn_voice_off"),
        ("understand", "decline_voice"),
        ("disclose", "remember"),
        ("remember", "echo"),
        ("remember", "admit_gap"),
        ("remember", "excuse_voice"),
        ("excuse_voice", "introduce"),
        ("echo", "introduce_voice"),
        ("echo", "speak"),
        ("admit_gap", "introduce"),
        ("remember", "introduce_voice"),
        ("remember", "introduce"),
        ("remember", "open_late"),
        ("introduce_voice", "introduce"),
        ("introduce", "open_late"),
        ("introduce", "speak"),
        ("open_late", "speak"),
        ("guard", "remember"),
        ("remember", "speak"),
        ("remember", "__end__"),
    }
    assert ("receive", "generate") not in ways
    assert ("speak", "introduce") not in ways


def test_studio_sees_the_graph_of_the_worker() -> None:
    """Keeping the scratch changes no node and no edge, and no checkpointer is built in."""
    assert drawing(track_scratch=True) == drawing(track_scratch=False)
    assert build_graph(services(), track_scratch=True).checkpointer is None


def test_schemas_are_json() -> None:
    """Studio can show what goes in, what comes out and what may be chosen."""
    graph = build_graph(services(), track_scratch=True)

    schemas = [
        graph.get_input_jsonschema(),
        graph.get_output_jsonschema(),
        graph.get_context_jsonschema(),
    ]

    assert json.loads(json.dumps(schemas)) == schemas
    assert set(schemas[0]["properties"]) == {
        "messages",
        "turn_id",
        "message_ids",
        "recordings",
        "late",
        "introduced",
        "voice_introduced",
        "voice_preference",
        "background",
    }
    assert set(schemas[2]["properties"]) == {"passages", "voice"}


async def test_studios_chat_needs_only_messages() -> None:
    """A conversation in Studio works message by message, in either form that it sends."""
    with_ = services(model=FakeModel(answer=lambda prompt: human(prompt)[-80:]))
    graph = build_graph(with_, checkpointer=InMemorySaver(), track_scratch=True)
    thread: Any = {"configurable": {"thread_id": "studio"}}
    blocks = [{"type": "text", "text": "E onde voou?"}]

    first = await graph.ainvoke({"messages": [{"role": "user", "content": QUESTION}]}, thread)
    second = await graph.ainvoke({"messages": [{"role": "user", "content": blocks}]}, thread)
    third = await graph.ainvoke({"messages": [{"role": "user", "content": "obrigado"}]}, thread)

    assert [first["words"], second["words"], third["words"]] == [
        QUESTION,
        "E onde voou?",
        "obrigado",
    ]
    assert [m.type for m in third["messages"]] == ["human", "ai"] * 3
    assert (third["passages"], third["cited"], third["intent"]) == ([], [], "thanks")


async def test_a_turn_can_be_replayed_from_any_node() -> None:
    """With the scratch kept, Studio runs the rest of a turn again from every step of it."""
    with_ = services(voice=FakeVoice(), voice_replies="always")
    graph = build_graph(with_, checkpointer=InMemorySaver(), track_scratch=True)
    thread: Any = {"configurable": {"thread_id": "studio"}}
    done = await graph.ainvoke({"messages": [HumanMessage(QUESTION, id="q")]}, thread)
    steps = [step async for step in graph.aget_state_history(thread) if step.next]

    for step in steps:
        again = await graph.ainvoke(None, step.config)
        assert again["reply"] == done["reply"]
        assert [m.id for m in again["messages"]] == ["q", "q:reply"]

    assert [step.next[0] for step in reversed(steps)][1:] == [*ANSWERED, "speak"]
