"""Keeps one contact's typing indicator alive while their answer is being made."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from agent.messages import TurnMessage
from channels.errands import Errands

#: WhatsApp takes the indicator away after 25 s.
AGAIN_SECONDS = 20.0


class Timer(Protocol):
    """Something that happens later, unless it is cancelled."""

    def cancel(self) -> None:
        """Let it not happen."""
        ...


def _on_the_loop(seconds: float, action: Callable[[], None]) -> Timer:
    return asyncio.get_running_loop().call_later(seconds, action)


class Typing:
    """Shows that an answer is on its way, from the first message of a turn until it is over.

    Nobody waits for it, and its failure is nobody's concern.
    """

    def __init__(
        self,
        send: Callable[[TurnMessage], Coroutine[Any, Any, None]],
        errands: Errands,
        later: Callable[[float, Callable[[], None]], Timer] = _on_the_loop,
    ) -> None:
        self._send = send
        self._errands = errands
        self._later = later
        self._shown = ""
        self._timer: Timer | None = None

    def show(self, message: TurnMessage) -> None:
        """Show it at once for the newest message; it stays for 25 s, and is renewed after 20.

        A message that it is shown for already changes nothing.
        """
        if message.id != self._shown:
            self.stop()
            self._shown = message.id
            self._begin(message)

    def stop(self) -> None:
        """Let it fade; nothing of it runs afterwards but a request that is under way."""
        self._shown = ""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self, message: TurnMessage) -> None:
        self._timer = self._later(AGAIN_SECONDS, lambda: self._begin(message))
        self._errands.start(self._send(message))
