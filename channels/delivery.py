"""Hands parts of replies to their channel: each one once, recorded before and after."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from agent.errors import InDoubtError, PermanentError, TemporaryError, VendorError
from channels.backoff import backoff
from channels.outbox import Outbox, Part
from channels.sender import Sender

#: A part that its channel keeps refusing for now is given up after so many attempts.
MAX_SENDS = 5
#: A part whose attempts keep ending in doubt or in a crash is given up after so many.
MAX_ATTEMPTS = 8
#: Pauses between attempts in seconds: 4, 16, 64, 256, each shortened by up to a half.
_FIRST_PAUSE, _FACTOR, _LONGEST_PAUSE = 4.0, 4.0, 600.0

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Store(Protocol):
    """Runs a transaction off the event loop."""

    async def __call__(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return `work(*arguments)`."""
        ...


class Delivery:
    """Sends one part at a time; a contact's order is kept by calling it in order."""

    def __init__(
        self,
        outbox: Outbox,
        senders: Mapping[str, Sender],
        store: Store,
        alert: Callable[[str, str], None],
    ) -> None:
        self._outbox = outbox
        self._senders = senders
        self._store = store
        self._alert = alert

    async def attempt(self, part: Part) -> None:
        """Send a part that is due, or record why it did not leave; raises `StorageError`."""
        if part.too_old:
            await self._give_up(part, "older than 24 hours")
            return
        begun = part.attempts
        try:
            provider_id = await self._find(part)
            if provider_id is None and begun >= MAX_ATTEMPTS:
                await self._give_up(part, "too many attempts")
                return
            if provider_id is None:
                begun += 1
                if not await self._store(self._outbox.sending, part):
                    return  # by a worker that took this one for dead; it is looked at again
                provider_id = await self._senders[part.channel].send(part)
        except PermanentError as error:
            await self._give_up(part, str(error))
        except VendorError as error:
            # A channel that is left alone for now was not tried.
            tried = part.attempts if error.code == "circuit" else begun
            await self._put_off(part, tried, error)
        else:
            await self._store(self._outbox.sent, part, provider_id)
            _log.info(
                "part sent",
                extra={"action": "part_sent", "part_id": part.id, "provider_id": provider_id},
            )

    async def _find(self, part: Part) -> str | None:
        """Return the channel's id of a part that an earlier attempt may have handed over."""
        if part.sending_at is None:
            return None
        known = await self._store(self._outbox.known_ids, part)
        return await self._senders[part.channel].find(part, known)

    async def _put_off(self, part: Part, tried: int, error: VendorError) -> None:
        in_doubt = isinstance(error, InDoubtError) or part.sending_at is not None
        if tried >= MAX_SENDS and not in_doubt:
            await self._give_up(part, str(error))
            return
        asked = error.retry_after if isinstance(error, TemporaryError) else None
        pause = asked or backoff(tried - 1, _FIRST_PAUSE, _FACTOR, _LONGEST_PAUSE)
        seconds = min(pause, _LONGEST_PAUSE)
        await self._store(self._outbox.delayed, part, seconds, str(error), in_doubt, tried)
        _log.warning(
            "sending failed, to be repeated",
            extra={"action": "part_delayed", "part_id": part.id, "error": str(error)},
        )

    async def _give_up(self, part: Part, error: str) -> None:
        await self._store(self._outbox.failed, part, error)
        _log.error(
            "part not sent",
            extra={"action": "part_failed", "part_id": part.id, "error": error},
        )
        self._alert("part_failed", part.id)
