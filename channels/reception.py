"""Takes a message in, whatever its channel: answered at the door, or stored for the worker."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.consent import Command, command_in, offered
from agent.messages import IncomingMessage
from agent.text import fold
from channels.inbox import Inbox, Verdict
from channels.standing import Standing

#: How long a redelivered message still gets the answer it was given at the door.
REPEAT_SECONDS = 60

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DoorLines:
    """What is said at the door, in the persona's words."""

    #: Phrase → answer.
    shortcuts: Mapping[str, str]
    #: Language → line; the persona's own language first.
    opted_out: Mapping[str, str]
    opted_in: Mapping[str, str]


class Reception:
    """The one way in; what needs neither a model nor a worker is answered here.

    That is the persona's exact-match shortcuts, and whether the contact wants to be written to:
    a wish to be left alone must not wait behind anything.
    """

    def __init__(self, inbox: Inbox, lines: DoorLines, wake: Callable[[], None]) -> None:
        self._inbox = inbox
        self._lines = lines
        self._shortcuts = {_key(phrase): answer for phrase, answer in lines.shortcuts.items()}
        self._wake = wake

    def receive(self, message: IncomingMessage) -> str | None:
        """Store the message once; return the answer to give at once, if there is one.

        Raises `StorageError` when the message could not be stored: it must not be acknowledged.
        """
        accepted = self._inbox.accept(message, lambda standing: self._judge(message, standing))
        _log.info(
            "message accepted" if accepted.new else "repeated message refused",
            extra={
                "action": "message_accepted" if accepted.new else "message_repeated",
                "message_id": accepted.id,
                "contact": accepted.contact,
                "channel": message.channel,
            },
        )
        if accepted.answer is None or accepted.ended_turn:
            # A repeat wakes too: the first delivery may have been cut before it could.
            self._wake()
        if not accepted.answer:
            return None
        if accepted.new:
            return accepted.answer
        # Who has left since is not even repeated anything, but the words of farewell.
        wanted = not accepted.opted_out or accepted.answer in self._lines.opted_out.values()
        return accepted.answer if wanted and self._inbox.age(accepted) <= REPEAT_SECONDS else None

    def _judge(self, message: IncomingMessage, standing: Standing) -> Verdict:
        if message.kind != "text":
            return Verdict("" if standing.opted_out else None)
        command = command_in(message.text, tuple(self._lines.opted_out))
        if command is not None and self._counts(command, message.text, standing):
            return self._obey(command, standing)
        if standing.opted_out:
            return Verdict("")
        answer = self._shortcuts.get(_key(message.text))
        return Verdict(None if answer is None or standing.is_limited() else answer)

    def _counts(self, command: Command, text: str, standing: Standing) -> bool:
        """Tell whether a word is a wish here, and not an answer or just a word."""
        if command.kind == "return":
            return standing.opted_out
        return not (command.soft and offered(text, standing.last_said()))

    def _obey(self, command: Command, standing: Standing) -> Verdict:
        """Do as told; beyond the limit quietly, or coming and going would be answered for ever."""
        if command.kind == "return":
            told = self._said(self._lines.opted_in, command)
            return Verdict("" if standing.is_limited() else told, "given")
        told = self._said(self._lines.opted_out, command)
        # Said once: who is left alone already is not written to again.
        quiet = standing.opted_out or (standing.is_limited() and standing.was_lately_told(told))
        return Verdict("" if quiet else told, "withdrawn")

    def _said(self, lines: Mapping[str, str], command: Command) -> str:
        return lines.get(command.language) or next(iter(lines.values()))


def _key(text: str) -> str:
    return " ".join(fold(text).split())
