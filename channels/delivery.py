"""Hands parts of replies to their channel: each one once, recorded before and after."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, TypeVar

from agent.errors import (
    InDoubtError,
    TemporaryError,
    TooLongError,
    UnreachableError,
    VendorError,
    WindowClosedError,
)
from channels.backoff import backoff
from channels.outbox import Draft, Outbox, Part
from channels.recorder import Recorder
from channels.sender import Sender

#: A part that its channel keeps refusing for now is given up after so many attempts.
MAX_SENDS = 5
#: A part whose attempts keep ending in doubt or in a crash is given up after so many.
MAX_ATTEMPTS = 8
#: However few the attempts: nobody waits longer for a part that could not leave at first.
TOTAL_SECONDS = 15 * 60.0
#: Pauses between attempts in seconds: 4, 16, 64, 256, each shortened by up to a half.
_FIRST_PAUSE, _FACTOR, _LONGEST_PAUSE = 4.0, 4.0, 256.0
#: Twilio's code for a file that WhatsApp could not take in. An Ogg file may meet it for no reason
#: that can be seen, where MP3 passes: https://github.com/chatwoot/chatwoot/issues/14692
_NOT_TAKEN_IN = "63019"
#: A message that is still refused as too long after so many attempts is not too long.
_MOST_CUTS = 3

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
        recorder: Recorder | None = None,
    ) -> None:
        self._outbox = outbox
        self._senders = senders
        self._store = store
        self._alert = alert
        self._recorder = recorder

    async def attempt(self, part: Part) -> None:
        """Send a part that is due, or record why it did not arrive; raises `StorageError`."""
        if part.undelivered:
            await self._settle(part, self._senders[part.channel].undelivered(part), part.attempts)
            return
        begun = part.attempts
        try:
            provider_id = await self._find(part)
            if provider_id is None and (end := _end_of(part)):
                await self._close(part, *end)
                return
            if provider_id is None:
                begun += 1
                if not await self._store(self._outbox.sending, part):
                    return  # dropped since, or sent by a worker that took this one for dead
                provider_id = await self._senders[part.channel].send(part)
        except VendorError as error:
            # A channel that is left alone for now was not tried.
            tried = part.attempts if error.code == "circuit" else begun
            await self._settle(part, error, tried)
        else:
            await self._store(self._outbox.sent, part, provider_id)
            _log.info(
                "part sent",
                extra={"action": "part_sent", "part_id": part.id, "provider_id": provider_id},
            )

    async def _find(self, part: Part) -> str | None:
        """Return the channel's id of a part that an earlier attempt may have handed over."""
        if not part.in_doubt:
            return None
        known = await self._store(self._outbox.known_ids, part)
        return await self._senders[part.channel].find(part, known)

    async def _settle(self, part: Part, error: VendorError, tried: int) -> None:
        """Do what an error asks for, whether it came at once or in a report."""
        if isinstance(error, TemporaryError):
            await self._put_off(part, tried, error)
        elif isinstance(error, WindowClosedError):
            await self._close(part, "held", str(error))
        elif isinstance(error, UnreachableError) and not part.outdated:
            await self._store(self._outbox.unreachable, part, error.code, str(error))
            self._tell("contact_unreachable", part, str(error))
        elif isinstance(error, TooLongError) and tried <= _MOST_CUTS:
            pieces = self._senders[part.channel].smaller(part.body)
            await self._replace(part, [Draft(piece) for piece in pieces], tried, error)
        elif part.form != "text" and not isinstance(error, TooLongError):
            await self._send_otherwise(part, tried, error)
        else:
            await self._close(part, "failed", str(error))

    async def _put_off(self, part: Part, tried: int, error: TemporaryError) -> None:
        in_doubt = isinstance(error, InDoubtError) or part.in_doubt
        seconds = error.retry_after or backoff(tried - 1, _FIRST_PAUSE, _FACTOR, _LONGEST_PAUSE)
        spent = tried >= MAX_SENDS or part.age + seconds > TOTAL_SECONDS
        if spent and not in_doubt:
            await self._close(part, "failed", str(error))
        elif part.undelivered:
            draft = Draft(part.body, part.form, part.media)
            await self._replace(part, [draft], tried, error, seconds=seconds)
        else:
            await self._store(self._outbox.delayed, part, seconds, str(error), in_doubt, tried)
            _log.warning(
                "sending failed, to be repeated",
                extra={"action": "part_delayed", "part_id": part.id, "error": str(error)},
            )

    async def _send_otherwise(self, part: Part, tried: int, error: VendorError) -> None:
        """Send a recording that was refused as another file, once, or else as its words.

        The words hold what would have gone beside the sound: that need not follow them.
        """
        draft = None
        # Nothing is spoken, nor paid for, that will not be sent.
        again = error.code == _NOT_TAKEN_IN and not part.unwanted
        if again and self._recorder is not None:
            draft = await self._recorder.again(part)
        if draft is not None:
            await self._replace(part, [draft], tried, error)
        else:
            await self._replace(part, [Draft(part.body)], tried, error, whole=True)

    async def _replace(
        self,
        part: Part,
        drafts: list[Draft],
        tried: int,
        error: VendorError,
        *,
        seconds: float = 0.0,
        whole: bool = False,
    ) -> None:
        told = (part, drafts, seconds, str(error), tried, whole)
        await self._store(self._outbox.replace, *told)
        _log.warning(
            "part sent again in another way",
            extra={"action": "part_replaced", "part_id": part.id, "error": str(error)},
        )

    async def _close(self, part: Part, status: Literal["failed", "held"], error: str) -> None:
        await self._store(self._outbox.closed, part, status, error)
        self._tell({"failed": "part_failed", "held": "part_held"}[status], part, error)

    def _tell(self, action: str, part: Part, error: str) -> None:
        _log.error("part not sent", extra={"action": action, "part_id": part.id, "error": error})
        self._alert(action, part.id)


def _end_of(part: Part) -> tuple[Literal["failed", "held"], str] | None:
    """Return how a part that the channel does not have ends, None while it may be sent.

    One that was only begun (the process died) may be sent however late: nobody tried since.
    """
    if part.too_old:
        return "held", "older than 24 hours"
    tried_long = part.in_doubt and part.attempts > 1 and part.age > TOTAL_SECONDS
    if part.attempts >= MAX_ATTEMPTS or tried_long:
        return "failed", "too many attempts"
    return None
