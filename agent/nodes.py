"""The steps of a turn: each reads the state and returns only what it changed."""

from typing import Any, Literal

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage
from langgraph.graph import END
from langgraph.runtime import Runtime

from agent.citations import read_citations
from agent.errors import TemporaryError, VendorError
from agent.guard import guard_reply
from agent.memory import forget
from agent.messages import Media
from agent.options import Options
from agent.prompt import conversation_prompt, question_prompt
from agent.services import Services
from agent.state import FoundPassage, Speech, State
from agent.text import clean
from agent.understanding import understand
from prompts.persona import Lines


class Nodes:
    """The nodes of the graph as bound methods, which name themselves."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._persona = services.persona

    async def receive(self, state: State) -> dict[str, Any]:
        """Settle which messages are answered, and let the conversation's oldest part go."""
        messages = state["messages"]
        ids = state.get("message_ids") or [str(m.id) for m in _unanswered(messages)]
        turn_id = state.get("turn_id") or (ids[0] if ids else "turn")
        stale = [m for m in messages if m.id == reply_id(turn_id)]
        kept = [m for m in messages if m not in stale]
        removed = forget(kept, self._services.window_tokens)
        gone = {message.id for message in removed} - set(ids)
        removals = [message for message in removed if message.id in gone]
        spoken = [str(m.content) for m in messages if m.id in ids and m.content]
        return {
            "messages": [*removals, *(RemoveMessage(id=str(m.id)) for m in stale)],
            "message_ids": ids,
            "turn_id": turn_id,
            "words": clean("\n".join(spoken)),
        }

    async def transcribe(self, state: State) -> dict[str, Any]:
        """Turn voice notes into the words of their messages."""
        assert self._services.transcriber is not None  # noqa: S101  # nosec B101 - the router saw it
        heard: list[AnyMessage] = []
        for recording in state.get("recordings", []):
            media = Media(url=recording["url"], content_type=recording["content_type"])
            words = clean(await self._services.transcriber.transcribe(media)).strip()
            if words:
                heard.append(HumanMessage(words, id=recording["message_id"]))
        said = {str(message.id): str(message.content) for message in heard}
        texts = [
            said.get(str(message.id), str(message.content))
            for message in state["messages"]
            if message.id in state["message_ids"]
        ]
        return {"messages": heard, "words": "\n".join(filter(None, texts))}

    async def understand(self, state: State) -> dict[str, Any]:
        """Tell conversation from questions about the person, and the language."""
        found = understand(
            state["words"],
            languages=self._persona.languages,
            names=(self._persona.name, *self._persona.aliases),
        )
        return {"intent": found.intent, "language": found.language}

    async def retrieve(self, state: State, runtime: Runtime[Options]) -> dict[str, Any]:
        """Find what the clone has read about the question."""
        limit = _options(runtime).passages
        found = await self._services.retriever.find(state["words"], limit)
        passages = [
            FoundPassage(
                id=each.id,
                document=each.document,
                section=each.section,
                text=each.text,
                score=each.score,
            )
            for each in found
        ]
        empty = not passages and await self._services.retriever.is_empty()
        return {"passages": passages, "knows_nothing": empty}

    async def generate(self, state: State) -> dict[str, Any]:
        """Answer the question from the passages, or leave the reply empty."""
        prompt = question_prompt(
            self._persona,
            self._history(state),
            state["words"],
            state["passages"],
            language=state["language"],
            today=self._services.today(),
        )
        answer = await self._ask(prompt)
        text, cited = read_citations(answer.text, len(state["passages"]))
        return {"reply": text, "cited": cited, **_told_by(answer)}

    async def converse(self, state: State) -> dict[str, Any]:
        """Make conversation; no fact about the person is asked."""
        prompt = conversation_prompt(
            self._persona,
            self._history(state),
            state["words"],
            intent=state["intent"],
            language=state["language"],
            today=self._services.today(),
        )
        answer = await self._ask(prompt)
        text, _ = read_citations(answer.text, 0)
        return {"reply": text or self._lines(state).statement[0], **_told_by(answer)}

    async def abstain(self, state: State) -> dict[str, Any]:
        """Say that the answer is not known: never twice running in the same words."""
        lines = self._lines(state).dont_know
        history = self._history(state)
        last = next((str(m.content) for m in reversed(history) if isinstance(m, AIMessage)), "")
        fresh = [line for line in lines if line not in last] or list(lines)
        return {"reply": fresh[len(history) // 2 % len(fresh)], "cited": []}

    async def admit_no_documents(self, state: State) -> dict[str, Any]:
        """Say that there is nothing to go by yet."""
        return {"reply": self._lines(state).no_documents}

    async def decline_recording(self, state: State) -> dict[str, Any]:
        """Say kindly that this clone does not hear."""
        return {"reply": self._lines(state).hearing_off}

    async def ask_to_repeat(self, state: State) -> dict[str, Any]:
        """Say that the recording held no words."""
        return {"reply": self._lines(state).could_not_hear}

    async def decline_kind(self, state: State) -> dict[str, Any]:
        """Say kindly that this kind of message cannot be taken in."""
        return {"reply": self._lines(state).cannot_take}

    async def guard(self, state: State) -> dict[str, Any]:
        """Take out of the reply what no reply may carry."""
        allowed = guard_reply(
            state["reply"],
            sources=[
                *(passage["text"] for passage in state.get("passages", [])),
                *self._persona.give_out.values(),
            ],
            domains=self._services.link_domains,
        )
        return {"reply": allowed or self._lines(state).dont_know[0]}

    async def open_late(self, state: State) -> dict[str, Any]:
        """Open with a short apology for the delay."""
        return {"reply": f"{self._lines(state).late} {state['reply']}"}

    async def remember(self, state: State) -> dict[str, Any]:
        """Put the reply into the conversation."""
        reply = AIMessage(
            state["reply"],
            id=reply_id(state["turn_id"]),
            response_metadata={"model_name": state.get("model", "")},
        )
        return {"messages": [reply]}

    async def speak(self, state: State) -> dict[str, Any]:
        """Say the reply in the person's voice; whatever fails, the text still goes."""
        assert self._services.voice is not None  # noqa: S101  # nosec B101 - the router saw it
        try:
            audio = await self._services.voice.speak(state["reply"])
        except VendorError:
            return {}
        return {"speech": Speech(data=audio.data, content_type=audio.content_type)}

    def route_received(
        self, state: State
    ) -> Literal["transcribe", "decline_recording", "understand", "decline_kind"]:
        """Recordings are heard first; words are answered even beside what cannot be taken in."""
        if state.get("recordings") and self._services.transcriber is not None:
            return "transcribe"
        if state["words"].strip():
            return "understand"
        return "decline_recording" if state.get("recordings") else "decline_kind"

    def route_heard(self, state: State) -> Literal["understand", "ask_to_repeat"]:
        """Only words can be understood."""
        return "understand" if state["words"].strip() else "ask_to_repeat"

    def route_understood(self, state: State) -> Literal["retrieve", "converse"]:
        """Only questions about the person need passages."""
        return "retrieve" if state["intent"] == "question" else "converse"

    def route_found(self, state: State) -> Literal["generate", "abstain", "admit_no_documents"]:
        """Without a passage no model is asked: it could only invent."""
        if state["passages"]:
            return "generate"
        return "admit_no_documents" if state["knows_nothing"] else "abstain"

    def route_answered(self, state: State) -> Literal["guard", "abstain"]:
        """A model that found no answer in the passages said so."""
        return "guard" if state["reply"] else "abstain"

    def route_guarded(self, state: State) -> Literal["open_late", "remember"]:
        """A reply that comes late says so first."""
        return "open_late" if state.get("late") else "remember"

    def route_remembered(self, state: State, runtime: Runtime[Options]) -> str:
        """Voice answers voice, or everything, as the settings and the run's options say."""
        mode = self._services.voice_replies
        wanted = mode == "always" or (mode == "mirror" and bool(state.get("recordings")))
        allowed = _options(runtime).voice and self._services.voice is not None
        return "speak" if wanted and allowed else END

    async def _ask(self, prompt: list[AnyMessage]) -> AIMessage:
        answer = await self._services.model_vendor.call(
            lambda: self._services.model.ainvoke(prompt)
        )
        if not answer.text.strip():
            raise TemporaryError(f"{self._services.model_vendor.name} gave an empty answer")
        return answer

    def _history(self, state: State) -> list[AnyMessage]:
        """Return the conversation before this turn, without a reply of an earlier attempt."""
        own = {*state["message_ids"], reply_id(state["turn_id"])}
        return [message for message in state["messages"] if message.id not in own]

    def _lines(self, state: State) -> Lines:
        return self._persona.lines_in(state.get("language", ""))


def reply_id(turn_id: str) -> str:
    """Return the id of a turn's reply in the conversation, the same at every attempt."""
    return f"{turn_id}:reply"


def _unanswered(messages: list[AnyMessage]) -> list[AnyMessage]:
    """Return the contact's messages after the clone's last one: what Studio's chat sends."""
    after: list[AnyMessage] = []
    for message in reversed(messages):
        if isinstance(message, AIMessage):
            break
        if isinstance(message, HumanMessage):
            after.insert(0, message)
    return after


def _told_by(answer: AIMessage) -> dict[str, Any]:
    usage = answer.usage_metadata
    counts = {key: value for key, value in (usage or {}).items() if isinstance(value, int)}
    return {"model": answer.response_metadata.get("model_name", ""), "usage": counts}


def _options(runtime: Runtime[Options]) -> Options:
    """LangGraph gives None where a caller passed no context."""
    context: Options | None = runtime.context
    return context or Options()
