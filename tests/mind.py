"""Fakes of what the mind works with, and the turns that tests bring before it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import Field

from agent.clone import Clone
from agent.errors import PermanentError, VendorError
from agent.graph import build_graph
from agent.memory import serializer
from agent.messages import (
    Audio,
    Kind,
    Media,
    Passage,
    Reply,
    Transcript,
    Turn,
    TurnMessage,
    VoicePreference,
)
from agent.ports import SoundForm
from agent.services import Services
from agent.settings import SAMPLE
from agent.vendors import Vendor
from prompts.persona import Lines, Persona, load_persona

Prompt = Sequence[BaseMessage]
Answer = str | AIMessage | Exception


class FakeModel(BaseChatModel):
    """Answers by a function of the prompt, records every prompt, and hangs while `held`."""

    answer: Callable[[Prompt], Answer] = lambda _: "Nasci no sítio Cabangu. [[1]]"
    prompts: list[list[BaseMessage]] = Field(default_factory=list)
    #: Set it to an event to keep the model thinking until the event is set.
    held: Any = None
    #: Set whenever the model is asked.
    asked: Any = Field(default_factory=asyncio.Event)

    @property
    def _llm_type(self) -> str:
        return "fake"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError("the graph never blocks its loop")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self.prompts.append(messages)
        self.asked.set()
        if self.held is not None:
            await self.held.wait()
        answer = self.answer(messages)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            answer = AIMessage(
                answer,
                response_metadata={"model_name": "fake-1"},
                usage_metadata={"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
            )
        return ChatResult(generations=[ChatGeneration(message=answer)])


class FakeRetriever:
    """Finds the same passages for every question, and records the questions."""

    def __init__(self, *passages: Passage, empty: bool = False) -> None:
        self.passages = passages
        self.empty = empty
        self.asked: list[tuple[str, int]] = []

    async def find(self, query: str, limit: int) -> Sequence[Passage]:
        self.asked.append((query, limit))
        return self.passages[:limit]

    async def is_empty(self) -> bool:
        return self.empty


class FakeRecordings:
    """Brings for every address a sound that holds the address itself; raises what it is told to."""

    def __init__(self, errors: Mapping[str, VendorError] | None = None) -> None:
        self.errors = errors or {}

    async def fetch(self, media: Media) -> Audio:
        if error := self.errors.get(media.url):
            raise error
        return Audio(data=media.url.encode(), content_type=media.content_type)


class FakeTranscriber:
    """Hears the words written for each address, or raises the error that stands there."""

    def __init__(self, heard: Mapping[str, str | Transcript | VendorError]) -> None:
        self.heard = heard
        #: Every recording it was given, in order; hearing waits while `open` is clear.
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.begun = asyncio.Event()

    async def transcribe(self, audio: Audio) -> Transcript:
        self.asked.append(audio.data.decode())
        self.begun.set()
        await self.open.wait()
        found = self.heard[audio.data.decode()]
        if isinstance(found, VendorError):
            raise found
        return Transcript(text=found) if isinstance(found, str) else found


class FakeVoice:
    """Says a text as its own bytes; raises `error`, or speaks for ever, when told to."""

    def __init__(self, *, error: VendorError | None = None, endless: bool = False) -> None:
        self.error = error
        self.endless = endless
        self.asked: list[str] = []

    async def speak(self, text: str, form: SoundForm = "ogg") -> Audio:
        self.asked.append(text)
        if self.error:
            raise self.error
        if self.endless:
            await asyncio.Event().wait()
        return Audio(data=text.encode(), content_type="audio/ogg")


@dataclass(frozen=True, kw_only=True)
class FakeServices(Services):
    """Services whose fakes a test may look into."""

    model: FakeModel
    retriever: FakeRetriever


@cache
def sample() -> Persona:
    """Return the sample persona, in Portuguese, English and Spanish."""
    return load_persona(SAMPLE / "persona.toml")


def lines(language: str = "pt") -> Lines:
    """Return the sample's fixed lines."""
    return sample().lines_in(language)


def passage(text: str = "Nasci no sítio Cabangu.", number: int = 1) -> Passage:
    """Return a passage as retrieval finds it."""
    return Passage(
        id=f"p{number}", document="vida.md", section="Infância", text=text, score=1 / number
    )


def services(**changes: Any) -> FakeServices:
    """Return services of fakes, with the given ones changed."""
    ordinary = FakeServices(
        persona=sample(),
        model=FakeModel(),
        model_vendor=Vendor("fake", _as_permanent, pause=_at_once),
        retriever=FakeRetriever(passage()),
        recordings=FakeRecordings(),
        today=lambda: date(2026, 11, 3),
    )
    return replace(ordinary, **changes)


def remembering() -> InMemorySaver:
    """Return a memory for the life of a test."""
    return InMemorySaver(serde=serializer())


def clone(
    checkpointer: BaseCheckpointSaver[str] | None = None, **changes: Any
) -> tuple[Clone, FakeServices]:
    """Return a clone of fakes, and what it was built with."""
    with_ = services(**changes)
    graph = build_graph(with_, checkpointer=checkpointer or remembering())
    return Clone(graph, with_.persona), with_


def message(
    id: str, text: str = "", *, kind: Kind = "text", url: str = "", answer: str | None = None
) -> TurnMessage:
    """Return one stored message; `url` gives it a file."""
    media = (Media(url=url, content_type="audio/ogg"),) if url else ()
    return TurnMessage(id=id, kind=kind, text=text, media=media, received_at=0.0, answer=answer)


def turn(
    *messages: TurnMessage | str,
    contact: str = "ana",
    late: bool = False,
    introduced: bool = True,
    voice_introduced: bool = True,
    voice_preference: VoicePreference = "",
) -> Turn:
    """Return a turn; plain texts become messages named after themselves."""
    rows = tuple(message(each, each) if isinstance(each, str) else each for each in messages)
    return Turn(
        id=rows[0].id,
        contact=contact,
        channel="test",
        messages=rows,
        late=late,
        introduced=introduced,
        voice_introduced=voice_introduced,
        voice_preference=voice_preference,
    )


async def answer(clone: Clone, turn: Turn, *, seconds: float = 10.0) -> Reply:
    """Return the reply to a turn that may take so many seconds."""
    return await clone.answer(turn, asyncio.get_running_loop().time() + seconds)


def human(prompt: Prompt) -> str:
    """Return the last message of a prompt: this turn's passages and words."""
    assert prompt[-1].type == "human"
    return str(prompt[-1].content)


def _as_permanent(error: Exception) -> VendorError:
    return PermanentError(f"{type(error).__name__}: {error}")


async def _at_once(_seconds: float) -> None:
    return None
