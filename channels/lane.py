"""One contact's work in order: parts still to send, then the next turn, then rest."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from agent.errors import CloneError, InDoubtError, PermanentError, TemporaryError, VendorError
from agent.messages import Reply, Turn
from channels.outbox import Outbox, Part
from channels.sender import Sender
from channels.turns import Held, Run, Turns, Wait

#: A turn whose attempts fail is given up after so many; one whose worker dies, after so many.
MAX_FAILURES = 3
MAX_ATTEMPTS = 8
#: A part that cannot be handed over is given up after so many attempts.
MAX_SENDS = 5
#: A lost answer is looked up only when the channel had the time to list the message.
LOOK_UP_SECONDS = 3.0

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Mind(Protocol):
    """Answers turns; `agent.clone.Clone` does."""

    async def answer(self, turn: Turn, deadline: float) -> Reply:
        """Return the reply, before `deadline` (of the event loop's clock) or with an error."""
        ...

    def apology(self, turn: Turn) -> str:
        """Return what the contact is told when the turn failed."""
        ...


class Store(Protocol):
    """Runs a transaction off the event loop."""

    async def __call__(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return `work(*arguments)`."""
        ...


class Lane:
    """Works through what one contact is owed, one thing at a time."""

    def __init__(
        self,
        contact: str,
        *,
        turns: Turns,
        outbox: Outbox,
        mind: Mind,
        senders: Mapping[str, Sender],
        store: Store,
        alert: Callable[[str, str], Awaitable[None]],
        turn_seconds: float,
        places: asyncio.Semaphore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._contact = contact
        self._turns = turns
        self._outbox = outbox
        self._mind = mind
        self._senders = senders
        self._store = store
        self._alert = alert
        self._turn_seconds = turn_seconds
        self._places = places
        self._clock = clock
        self._news = asyncio.Event()
        self._deadlines: dict[str, float] = {}
        self.stopping = False

    def ring(self) -> None:
        """Tell the lane that something of its contact may have changed."""
        self._news.set()

    async def work(self) -> None:
        """Return when nothing is left for the contact; when stopping, after what can leave now."""
        while True:
            self._news.clear()
            part = await self._store(self._outbox.next, self._contact)
            if part is not None and not (self.stopping and self._is_early(part)):
                await self._send_when_due(part)
                continue
            if self.stopping:
                return
            step = await self._store(self._turns.next, self._contact)
            if isinstance(step, Run):
                async with self._places:
                    await self._answer(step)
            elif isinstance(step, Wait):
                await self._pause(step.until)
            elif isinstance(step, Held):
                _log.warning(
                    "turn held: too old to answer",
                    extra={"action": "turn_held", "turn_id": step.turn_id},
                )
            elif not self._news.is_set():
                return

    async def _answer(self, run: Run) -> None:
        turn, clock = run.turn, asyncio.get_running_loop().time
        deadline = self._deadlines.setdefault(turn.id, clock() + self._turn_seconds)
        if run.attempts > MAX_ATTEMPTS:
            await self._give_up(turn, "the worker died in every attempt")
            return
        self._show_typing(turn)
        try:
            reply = await self._think(turn, deadline)
            if reply is None or not await self._finish(turn, reply):
                return
        except TemporaryError as error:
            pause = error.retry_after or 2.0**run.failures * random.uniform(0.5, 1.0)  # noqa: S311  # nosec B311
            if run.failures + 1 < MAX_FAILURES and clock() + pause < deadline:
                _log.warning(
                    "attempt failed, to be repeated",
                    extra={"action": "turn_retried", "turn_id": turn.id, "error": str(error)},
                )
                await self._store(self._turns.retry_at, turn, self._clock() + pause, str(error))
                return
            await self._give_up(turn, str(error))
        except CloneError as error:
            await self._give_up(turn, str(error))
        except Exception as error:
            _log.exception("unexpected error", extra={"action": "turn_broke", "turn_id": turn.id})
            await self._give_up(turn, type(error).__name__)
        self._deadlines.pop(turn.id, None)

    async def _think(self, turn: Turn, deadline: float) -> Reply | None:
        """Return the reply, or None when the contact said more and the turn starts over."""
        thinking = asyncio.ensure_future(self._mind.answer(turn, deadline))
        try:
            while not thinking.done():
                news = asyncio.ensure_future(self._news.wait())
                await asyncio.wait({thinking, news}, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                if self._news.is_set() and not thinking.done():
                    self._news.clear()
                    if await self._store(self._turns.restart, turn):
                        return None
            return await thinking
        finally:
            if not thinking.done():
                thinking.cancel()
                # The checkpoint must be written, or not, before the turn runs again.
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await thinking

    async def _finish(self, turn: Turn, reply: Reply) -> bool:
        parts = self._senders[turn.channel].parts(reply.text)
        if not await self._store(self._turns.finish, turn, reply, parts):
            return False
        _log.info(
            "turn answered",
            extra={
                "action": "turn_answered",
                "turn_id": turn.id,
                "contact": turn.contact,
                "route": ">".join(reply.route),
                "model": reply.model,
                "seconds": round(reply.seconds, 3),
                "parts": len(parts),
            },
        )
        return True

    async def _give_up(self, turn: Turn, error: str) -> None:
        parts = self._senders[turn.channel].parts(self._mind.apology(turn))
        await self._store(self._turns.fail, turn, error, parts)
        _log.error(
            "turn failed",
            extra={"action": "turn_failed", "turn_id": turn.id, "error": error},
        )
        await self._alert("turn_failed", turn.id)

    async def _send_when_due(self, part: Part) -> None:
        if self._is_early(part):
            await self._pause(_due_at(part))
            return
        sender = self._senders[part.channel]
        try:
            if part.sending_at is not None:
                known = await self._store(self._outbox.known_ids, part)
                if found := await sender.find(part, known):
                    await self._store(self._outbox.sent, part, found)
                    return
            await self._store(self._outbox.sending, part)
            provider_id = await sender.send(part)
        except VendorError as error:
            await self._not_sent(part, error)
            return
        await self._store(self._outbox.sent, part, provider_id)
        _log.info(
            "part sent",
            extra={"action": "part_sent", "part_id": part.id, "provider_id": provider_id},
        )

    def _is_early(self, part: Part) -> bool:
        return _due_at(part) > self._clock()

    async def _not_sent(self, part: Part, error: VendorError) -> None:
        if isinstance(error, PermanentError) or part.attempts + 1 >= MAX_SENDS:
            await self._store(self._outbox.failed, part, str(error))
            _log.error(
                "part not sent",
                extra={"action": "part_failed", "part_id": part.id, "error": str(error)},
            )
            await self._alert("part_failed", part.id)
            return
        in_doubt = isinstance(error, InDoubtError) or part.sending_at is not None
        asked = error.retry_after if isinstance(error, TemporaryError) else None
        pause = asked or 2.0**part.attempts * random.uniform(0.5, 1.5)  # noqa: S311  # nosec B311
        await self._store_delay(part, self._clock() + pause, error, in_doubt)

    async def _store_delay(
        self, part: Part, due_at: float, error: VendorError, in_doubt: bool
    ) -> None:
        def delay() -> None:
            self._outbox.delayed(part, due_at, str(error), in_doubt=in_doubt)

        await self._store(delay)
        _log.warning(
            "sending failed, to be repeated",
            extra={"action": "part_delayed", "part_id": part.id, "error": str(error)},
        )

    def _show_typing(self, turn: Turn) -> None:
        last = turn.messages[-1]
        self._typing = asyncio.ensure_future(self._senders[turn.channel].typing(last))

    async def _pause(self, until: float) -> None:
        """Rest until a time of the clock, or until something rings."""
        seconds = max(0.0, until - self._clock())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)


def _due_at(part: Part) -> float:
    """When a part may leave; one in doubt first needs the time to appear at the channel."""
    if part.sending_at is None:
        return part.due_at
    return max(part.due_at, part.sending_at + LOOK_UP_SECONDS)
