"""A vendor's client, made when it is first wanted and kept for life."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

C = TypeVar("C")


class LateClient(Generic[C]):
    """Makes its client in a thread: importing it takes 0.4 s, reading the certificates 20 ms.

    Belongs to one event loop from the first `get` on.
    """

    def __init__(self, make: Callable[[], C], close: Callable[[C], Awaitable[None]]) -> None:
        self._make = make
        self._close = close
        self._made: asyncio.Task[C] | None = None
        self._gate = asyncio.Lock()

    async def get(self) -> C:
        """Return the client; raises what making it raises, and then tries again next time.

        To write a request takes 2 ms, so only one caller is let through in each pass of the loop:
        fifty at once would keep everybody else waiting.
        """
        if self._made is None or (self._made.done() and self._made.exception()):
            self._made = asyncio.create_task(asyncio.to_thread(self._make))
        # A turn that has no time left must not take the client from the others.
        client = await asyncio.shield(self._made)
        async with self._gate:
            await asyncio.sleep(0)
        return client

    async def close(self) -> None:
        """Close the client if there is one; nothing is asked of it after that."""
        made, self._made = self._made, None
        if made is not None and not (made.done() and made.exception()):
            await self._close(await made)
