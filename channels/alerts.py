"""Tells the operator what they should know, where they asked to be told."""

import asyncio
import logging

import httpx

_SECONDS = 10.0
_log = logging.getLogger(__name__)


class Alerts:
    """Posts `{"action", "id"}` to the operator's address; never a contact's words or number."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def send(self, action: str, subject: str) -> None:
        """Tell about an event; an address that does not answer is logged and forgotten."""
        if not self._url:
            return
        try:
            # The client's time-out counts from read to read; this one by the wall.
            async with asyncio.timeout(_SECONDS), httpx.AsyncClient(timeout=_SECONDS) as client:
                answer = await client.post(self._url, json={"action": action, "id": subject})
                answer.raise_for_status()
        except (httpx.HTTPError, TimeoutError) as error:
            _log.warning(
                "alert not delivered",
                extra={"action": "alert_failed", "error": type(error).__name__},
            )
