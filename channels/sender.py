"""What a channel does with parts of replies, as the worker needs it."""

from collections.abc import Collection, Sequence
from typing import Protocol

from agent.errors import VendorError
from agent.messages import TurnMessage
from channels.outbox import Part


class Sender(Protocol):
    """Hands parts to one channel; vendor exceptions never come through."""

    def parts(self, text: str) -> Sequence[str]:
        """Cut a reply into the messages that the channel can carry, in order."""
        ...

    def smaller(self, body: str) -> Sequence[str]:
        """Cut a message that the channel found too long, at least in two."""
        ...

    def undelivered(self, part: Part) -> VendorError:
        """Return what it means that a part, though taken, was reported not to have arrived."""
        ...

    async def send(self, part: Part) -> str:
        """Hand one part over and return the channel's id for it.

        Raises `InDoubtError` when the answer was lost, else `TemporaryError` or `PermanentError`.
        """
        ...

    async def find(self, part: Part, known: Collection[str]) -> str | None:
        """Return the channel's id of a part whose sending ended in doubt, None if it never came.

        `known` are the ids of other parts: one of them with the same text is not this one.
        Raises `VendorError` when the channel cannot tell now.
        """
        ...

    async def typing(self, message: TurnMessage) -> None:
        """Show that an answer is on its way; a failure is nobody's concern."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
