"""Tells the operator what they should know, where they asked to be told."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable

import httpx

_SECONDS = 10.0
#: A cause that fails every turn, such as a revoked key, is told once in so long.
_PAUSE_SECONDS = 60.0
#: Behind each of these waits a person: every one is told.
_ALWAYS = frozenset({"hand_over"})
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
    ) -> None:
        self._url = url
        self._clock = clock
        # Called once, at the first alert: reading the certificates holds the loop up.
        self._connect = connect
        self._client: httpx.AsyncClient | None = None
        self._silent_until: dict[str, float] = {}
        self._untold: Counter[str] = Counter()

    async def send(self, action: str, subject: str) -> None:
        """Tell about an event, or count it; an address that does not answer is logged only."""
        if not self._url:
            return
        now = self._clock()
        if action not in _ALWAYS and now < self._silent_until.get(action, now):
            self._untold[action] += 1
            return
        self._silent_until[action] = now + _PAUSE_SECONDS
        count = self._untold.pop(action, 0)
        try:
            await self._post({"action": action, "id": subject, "count": count})
        except (httpx.HTTPError, TimeoutError) as error:
            self._untold[action] += count + 1
            _log.warning(
                "alert not delivered",
                extra={"action": "alert_failed", "error": type(error).__name__},
            )

    async def close(self) -> None:
        """Close the connections; nothing is sent after it."""
        if self._client is not None:
            await self._client.aclose()

    async def _post(self, told: dict[str, str | int]) -> None:
        if self._client is None:
            self._client = self._connect()
        # The client's time-out counts from read to read; this one by the wall.
        async with asyncio.timeout(_SECONDS):
            answer = await self._client.post(self._url, json=told)
        answer.raise_for_status()
