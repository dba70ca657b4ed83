"""A vendor's client, made when it is first wanted and kept for life."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from agent.stagger import Stagger

#: To write a request takes the event loop 2 ms, to read its answer as much again.
_APART_SECONDS = 0.015

C = TypeVar("C")


class LateClient(Generic[C]):
    """Makes its client in a thread: importing it takes 0.4 s, reading the certificates 20 ms.

    Belongs to one event loop from the first `get` on.
    """

    def __init__(self, make: Callable[[], C], close: Callable[[C], Awaitable[None]]) -> None:
        self._make = make
        self._close = close
        self._made: asyncio.Task[C] | None = None
        self._stagger = Stagger(_APART_SECONDS)

    async def get(self) -> C:
        """Return the client; raises what making it raises, and then tries again next time.

        Callers are let through one after the other: fifty at once would keep everybody else
        waiting.
        """
        if self._made is None or (self._made.done() and self._made.exception()):
            self._made = asyncio.create_task(asyncio.to_thread(self._make))
        # A turn that has no time left must not take the client from the others.
        client = await asyncio.shield(self._made)
        await self._stagger.enter()
        return client

    async def close(self) -> None:
        """Close the client if there is one; nothing is asked of it after that."""
        made, self._made = self._made, None
        if made is not None and not (made.done() and made.exception()):
            await self._close(await made)
