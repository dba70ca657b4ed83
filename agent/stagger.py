"""Keeps many who come at once from taking the event loop together."""

import asyncio


class Stagger:
    """Lets one through at a time, the next one `seconds` later, in the order they came.

    Whoever comes alone does not wait. Belongs to one event loop from the first pass on.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._gate = asyncio.Lock()
        self._free_at = 0.0

    async def enter(self) -> None:
        """Return when it is the caller's turn; one who is cancelled takes nobody's."""
        clock = asyncio.get_running_loop().time
        async with self._gate:
            await asyncio.sleep(max(0.0, self._free_at - clock()))
            self._free_at = clock() + self._seconds
