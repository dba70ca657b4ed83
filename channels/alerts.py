"""Tells the operator what they should know, where they asked to be told."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import httpx

_SECONDS = 10.0
#: A cause that fails every turn, such as a revoked key, is told once in so long.
_PAUSE_SECONDS = 60.0
#: Behind each of these waits a person: every one is told, if need be after so many seconds.
_ALWAYS = frozenset({"hand_over"})
_INSISTING = (2.0, 10.0, 60.0)
_log = logging.getLogger(__name__)


def _connect() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=_SECONDS)


class Alerts:
    """Posts `{"action", "id", "count"}` to the operator's address, each failure once a minute.

    `count` is how many events of the action went untold before this one. Never a contact's
    words or number.
    """

    def __init__(
        self,
        url: str,
        clock: Callable[[], float] = time.monotonic,
        connect: Callable[[], httpx.AsyncClient] = _connect,
        rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url = url
        self._clock = clock
        self._rest = rest
        # Called once, at the first alert: reading the certificates holds the loop up.
        self._connect = connect
        self._client: httpx.AsyncClient | None = None
        self._silent_until: dict[str, float] = {}
        self._untold: Counter[str] = Counter()

    async def send(self, action: str, subject: str) -> bool:
        """Tell about an event, or count it; return whether it was told.

        Behind some events waits a person: these are tried again for a while.
        """
        if not self._url:
            return False
        if action in _ALWAYS:
            return await self._insist(action, subject)
        now = self._clock()
        if now < self._silent_until.get(action, now):
            self._untold[action] += 1
            return False
        self._silent_until[action] = now + _PAUSE_SECONDS
        count = self._untold.pop(action, 0)
        told = await self._post({"action": action, "id": subject, "count": count})
        if not told:
            self._untold[action] += count + 1
        return told

    async def _insist(self, action: str, subject: str) -> bool:
        for pause in (*_INSISTING, None):
            if await self._post({"action": action, "id": subject, "count": 0}):
                return True
            if pause is not None:
                await self._rest(pause)
        return False

    async def close(self) -> None:
        """Close the connections; nothing is sent after it."""
        if self._client is not None:
            await self._client.aclose()

    async def _post(self, told: dict[str, str | int]) -> bool:
        """Return whether the address took it; one that does not answer is logged only."""
        if self._client is None:
            self._client = self._connect()
        try:
            # The client's time-out counts from read to read; this one by the wall.
            async with asyncio.timeout(_SECONDS):
                answer = await self._client.post(self._url, json=told)
            answer.raise_for_status()
        except (httpx.HTTPError, TimeoutError) as error:
            _log.warning(
                "alert not delivered",
                extra={"action": "alert_failed", "error": type(error).__name__},
            )
            return False
        return True
