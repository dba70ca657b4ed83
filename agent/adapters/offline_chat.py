"""The chat model that serves when none is connected: it answers by quoting, and never invents."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

from agent.citations import NO_ANSWER
from agent.conversation import BEHIND_NOTICE
from agent.quoting import Source, quote
from agent.recollection import recollect
from agent.understanding import asked_in, understand
from prompts.persona import Lines, Persona

OFFLINE = "offline"

# The end of prompts/question.md and prompts/conversation.md. The boundary is anchored here, after
# everything that a contact or a document can have written.
_END = re.compile(
    r"</message (?P<boundary>[^\s>]+)>\s*Kind of message: (?P<kind>\w+)\. "
    r"Language: (?P<language>\w+)\. Notice in front: (?P<notice>yes|no)\.\s*\Z"
)
_QUOTED = re.compile(r"^quoted: (.*)$", re.MULTILINE)
_BLOCK = re.compile(r"\[(\d+)\] (.*)")


@dataclass(frozen=True, slots=True)
class _Request:
    """The last message of a prompt, taken apart."""

    kind: str
    language: str
    message: str
    sources: tuple[Source, ...] = ()
    #: The words that the message replies to.
    quoted: str = ""
    behind_notice: bool = False


class OfflineChatModel(BaseChatModel):
    """Answers with sentences of the passages it is given, or with a line of the persona.

    It reads the same prompt as any model. It says once in a conversation that no AI model is
    connected, and answers `[[?]]` when the passages do not support an answer.
    """

    persona: Persona
    model_name: str = Field(default=OFFLINE, frozen=True)

    @property
    def _llm_type(self) -> str:
        return OFFLINE

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        name = kwargs.get("model", self.model_name)
        return LangSmithParams(ls_provider=OFFLINE, ls_model_name=name, ls_model_type="chat")

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text = self._reply(messages)
        reply = AIMessage(
            text,
            response_metadata={"model_name": OFFLINE},
            usage_metadata=_usage(messages, text),
        )
        return ChatResult(generations=[ChatGeneration(message=reply)])

    def _reply(self, messages: Sequence[BaseMessage]) -> str:
        earlier, last = messages[:-1], messages[-1] if messages else HumanMessage("")
        request = _read(last.text) or self._free(last.text)
        lines = self.persona.lines_in(request.language)
        if request.kind == "question":
            reply = self._quoted(request, earlier)
        elif request.kind == "recall":
            reply = self._recalled(request.message, earlier, lines)
        else:
            reply = _in_turn(_said_for(request.kind, lines), earlier)
        # One notice a reply: beside that of the AI, this one waits for the next.
        if reply == NO_ANSWER or request.behind_notice or self._has_told(earlier):
            return reply
        return f"{lines.offline_notice} {reply}"

    def _free(self, text: str) -> _Request:
        """Take a prompt that is not ours as a contact making conversation."""
        understood = understand(text, languages=self.persona.languages, names=self._names)
        kind = "statement" if understood.intent == "question" else understood.intent
        return _Request(kind, understood.language, text)

    def _quoted(self, request: _Request, earlier: Sequence[BaseMessage]) -> str:
        languages = self.persona.languages
        asked = (
            said
            for said in reversed(_said(earlier))
            if understand(said, languages=languages, names=self._names).intent == "question"
        )
        before = request.quoted or next(asked, "")
        # Whole first, since a statement may name what is asked about; else the questions alone.
        found = next(
            filter(
                None,
                (
                    quote(words, request.sources, about=before, names=self._names)
                    for words in (request.message, asked_in(request.message, names=self._names))
                ),
            ),
            None,
        )
        return f"{found.text} [[{found.number}]]" if found else NO_ANSWER

    def _recalled(self, question: str, earlier: Sequence[BaseMessage], lines: Lines) -> str:
        found = recollect(question, _said(earlier), languages=self.persona.languages)
        return lines.recall.replace("{words}", found) if found else lines.nothing_to_recall

    def _has_told(self, earlier: Sequence[BaseMessage]) -> bool:
        """Tell whether a reply still in sight has said that no model is connected."""
        notices = [lines.offline_notice for lines in self.persona.lines.values()]
        replies = [message for message in earlier if isinstance(message, AIMessage)]
        # The window lets the reply that told go; any other of ours was written after it.
        return any(
            (
                reply.response_metadata.get("model_name") == OFFLINE
                and BEHIND_NOTICE not in reply.response_metadata
                and reply.text != NO_ANSWER
            )
            or any(notice in reply.text for notice in notices)
            for reply in replies
        )

    @property
    def _names(self) -> tuple[str, ...]:
        return (self.persona.name, *self.persona.aliases)


def _read(prompt: str) -> _Request | None:
    """Take apart what prompts/question.md or prompts/conversation.md made; None for others."""
    end = _END.search(prompt)
    if end is None:
        return None
    boundary = end["boundary"]
    message = _fenced("message", boundary, prompt)
    if message is None:
        return None
    background = _fenced("background", boundary, prompt) or ""
    return _Request(
        kind=end["kind"],
        language=end["language"],
        message=message,
        sources=_sources(_fenced("passages", boundary, prompt) or ""),
        quoted=" ".join(_QUOTED.findall(background)),
        behind_notice=end["notice"] == "yes",
    )


def _fenced(name: str, boundary: str, prompt: str) -> str | None:
    _, opened, rest = prompt.partition(f"<{name} {boundary}>\n")
    inside, closed, _ = rest.partition(f"\n</{name} {boundary}>")
    return inside if opened and closed else None


def _sources(passages: str) -> tuple[Source, ...]:
    """Read the numbered blocks; a number out of order belongs to the text of a passage."""
    found: list[tuple[str, list[str]]] = []
    blank = True
    for line in passages.splitlines():
        block = _BLOCK.fullmatch(line)
        if block and blank and int(block[1]) == len(found) + 1:
            found.append((block[2].partition(" · ")[2], []))
        elif found:
            found[-1][1].append(line)
        blank = not line.strip()
    return tuple(
        Source(number, heading, "\n".join(lines).strip())
        for number, (heading, lines) in enumerate(found, 1)
    )


def _said(earlier: Sequence[BaseMessage]) -> list[str]:
    return [message.text for message in earlier if isinstance(message, HumanMessage)]


def _said_for(kind: str, lines: Lines) -> tuple[str, ...]:
    by_kind = {
        "greeting": lines.greeting,
        "thanks": lines.thanks,
        "laughter": lines.laughter,
        "farewell": lines.farewell,
        "about_clone": lines.about_clone,
        "abilities": lines.abilities,
        "agreement": lines.agreement,
    }
    return by_kind.get(kind, lines.statement)


def _in_turn(lines: Sequence[str], earlier: Sequence[BaseMessage]) -> str:
    """Return the line whose turn it is, and never the one that was said last."""
    replies = [message.text for message in earlier if isinstance(message, AIMessage)]
    turn = len(replies)
    if replies and lines[turn % len(lines)] in replies[-1]:
        turn += 1
    return lines[turn % len(lines)]


def _usage(messages: Sequence[BaseMessage], text: str) -> UsageMetadata:
    """Return approximate counts, so that a report of usage has no gap."""
    read = count_tokens_approximately(messages)
    written = count_tokens_approximately([AIMessage(text)])
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
