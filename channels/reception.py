"""Takes a message in, whatever its channel: shortcut or inbox, then the worker is woken."""

import logging
from collections.abc import Callable, Mapping

from agent.messages import IncomingMessage
from agent.text import fold
from channels.inbox import Inbox

#: How long a redelivered message still gets the answer its shortcut gave.
REPEAT_SECONDS = 60

_log = logging.getLogger(__name__)


class Reception:
    """The one way in; answers exact-match shortcuts itself, without a model or a worker."""

    def __init__(
        self, inbox: Inbox, shortcuts: Mapping[str, str], wake: Callable[[], None]
    ) -> None:
        self._inbox = inbox
        self._shortcuts = {_key(phrase): answer for phrase, answer in shortcuts.items()}
        self._wake = wake

    def receive(self, message: IncomingMessage) -> str | None:
        """Store the message once; return the answer to give at once, if a shortcut has one.

        Raises `StorageError` when the message could not be stored: it must not be acknowledged.
        """
        answer = self._shortcuts.get(_key(message.text)) if message.kind == "text" else None
        accepted = self._inbox.accept(message, answer)
        _log.info(
            "message accepted" if accepted.new else "repeated message refused",
            extra={
                "action": "message_accepted" if accepted.new else "message_repeated",
                "message_id": accepted.id,
                "contact": accepted.contact,
                "channel": message.channel,
            },
        )
        if accepted.answer is None:
            # A repeat wakes too: the first delivery may have been cut before it could.
            self._wake()
            return None
        return (
            accepted.answer if accepted.new or self._inbox.age(accepted) <= REPEAT_SECONDS else None
        )


def _key(text: str) -> str:
    return " ".join(fold(text).split())
