"""The steps of a turn: each reads the state and returns only what it changed."""

from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage
from langgraph.runtime import Runtime

from agent.citations import read_citations
from agent.conversation import (
    BEHIND_NOTICE,
    history,
    lately_said,
    reply_id,
    said,
    turn_at_hand,
)
from agent.errors import PermanentError, TemporaryError
from agent.guard import guard_reply
from agent.lexicon import kindred
from agent.memory import forget
from agent.notices import Notices
from agent.options import Options, options_of
from agent.prompt import Circumstances, conversation_prompt, question_prompt, shortened
from agent.services import Services
from agent.state import FoundPassage, State, blank_scratch
from agent.understanding import Understanding, understand


class Nodes:
    """The nodes of the graph as bound methods, which name themselves."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._persona = services.persona
        self._notices = Notices(services)

    async def receive(self, state: State) -> dict[str, Any]:
        """Settle which messages are answered, and let the conversation's oldest part go."""
        messages = state.get("messages", [])
        turn = turn_at_hand(state)
        ids, stale = turn["message_ids"], reply_id(turn["turn_id"])
        # An attempt before this one may have come as far as a reply, to fewer messages.
        current = [message for message in messages if message.id != stale]
        gone = forget(current, self._services.window_tokens, keep=ids)
        gone += [RemoveMessage(id=stale)] if len(current) < len(messages) else []
        asked = [message for message in current if message.id in ids]
        cleaned = [HumanMessage(said(m), id=m.id) for m in asked if m.content != said(m)]
        before = lately_said(history(current, ids))
        return {
            **blank_scratch(),
            **turn,
            "messages": [*gone, *cleaned],
            "words": "\n".join(filter(None, map(said, asked))),
            "language": self._understand(before, self._persona.languages).language,
        }

    async def understand(self, state: State) -> dict[str, Any]:
        """Tell conversation from questions about the person, and the language."""
        # The first language is the one when unsure: an "ok" is in that of the conversation.
        usual = state["language"]
        others = (each for each in self._persona.languages if each != usual)
        found = self._understand(state["words"], (usual, *others))
        return {
            "intent": found.intent,
            "asks_identity": found.asks_identity,
            "voice_wish": found.voice_wish,
            "language": found.language,
        }

    async def retrieve(self, state: State, runtime: Runtime[Options]) -> dict[str, Any]:
        """Find what the clone has read about the question."""
        limit = options_of(runtime).passages
        found = await self._services.retriever.find(self._search_words(state), limit)
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

    async def generate(self, state: State, runtime: Runtime[Options]) -> dict[str, Any]:
        """Answer the question from the passages, or leave the reply empty."""
        prompt = question_prompt(
            self._persona,
            self._history(state),
            state["words"],
            state["passages"],
            circumstances=self._circumstances(state, runtime),
        )
        answer = await self._ask(prompt)
        text, cited = read_citations(answer.text, len(state["passages"]))
        return {"reply": text, "cited": cited, **self._told_by(answer)}

    async def converse(self, state: State, runtime: Runtime[Options]) -> dict[str, Any]:
        """Make conversation; no fact about the person is asked."""
        prompt = conversation_prompt(
            self._persona,
            self._history(state),
            state["words"],
            intent=state["intent"],
            circumstances=self._circumstances(state, runtime),
        )
        answer = await self._ask(prompt)
        text, _ = read_citations(answer.text, 0)
        return {"reply": text, **self._told_by(answer)}

    async def guard(self, state: State) -> dict[str, Any]:
        """Take out of the reply what no reply may carry."""
        allowed = guard_reply(
            state["reply"],
            sources=[
                *(passage["text"] for passage in state["passages"]),
                *self._persona.give_out.values(),
            ],
            domains=self._services.link_domains,
        )
        return {"reply": allowed}

    async def remember(self, state: State, runtime: Runtime[Options]) -> dict[str, Any]:
        """Put the reply into the conversation."""
        about: dict[str, Any] = {"model_name": state["author"]} if state["author"] else {}
        if self._notices.any_owed(state, runtime):
            about[BEHIND_NOTICE] = True
        reply = AIMessage(state["reply"], id=reply_id(state["turn_id"]), response_metadata=about)
        return {"messages": [reply]}

    async def _ask(self, prompt: list[AnyMessage]) -> AIMessage:
        model, vendor = self._services.model, self._services.model_vendor

        async def ask_once() -> AIMessage:
            answer = await model.ainvoke(prompt)
            if not answer.text.strip() and not answer.additional_kwargs.get("refusal"):
                raise TemporaryError(f"{vendor.name} gave an empty answer", code="empty")
            return answer

        try:
            return await vendor.call(ask_once)
        except TemporaryError as error:
            if error.code == "empty":
                # Asked again already: another attempt at the turn would only be paid for.
                raise PermanentError(str(error), code=error.code) from error
            raise

    def _told_by(self, answer: AIMessage) -> dict[str, Any]:
        name = answer.response_metadata.get("model_name") or self._services.model_vendor.name
        usage = answer.usage_metadata
        counts = {key: value for key, value in (usage or {}).items() if isinstance(value, int)}
        if usage and (cached := usage.get("input_token_details", {}).get("cache_read")):
            counts["cached_tokens"] = cached
        return {"author": name, "model": name, "usage": counts}

    def _circumstances(self, state: State, runtime: Runtime[Options]) -> Circumstances:
        return Circumstances(
            language=state["language"],
            today=self._services.today(),
            behind_notice=self._notices.any_owed(state, runtime),
            background=state["background"],
        )

    def _search_words(self, state: State) -> str:
        """Words bring their kin with them: "morreu" finds "faleci", "born" finds "nasci".

        Those of a quoted message tell what "and where was that?" is about.
        """
        quoted = (each["words"] for each in state["background"] if each["source"] == "quoted")
        words = (state["words"], *kindred(state["words"]), *map(shortened, quoted))
        return " ".join(words)

    def _history(self, state: State) -> list[AnyMessage]:
        return history(state["messages"], state["message_ids"])

    def _understand(self, words: str, languages: tuple[str, ...]) -> Understanding:
        names = (self._persona.name, *self._persona.aliases)
        return understand(words, languages=languages, names=names)
