"""One contact's work in order: parts still to send, then the next turn, then rest."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from agent.errors import CloneError, StorageError, TemporaryError
from agent.messages import Reply, Turn
from channels.backoff import backoff
from channels.delivery import Delivery, Store
from channels.errands import Errands
from channels.outbox import Outbox
from channels.sender import Sender
from channels.turns import Held, Run, Turns, Wait

#: A turn whose attempts fail is given up after so many; one whose worker dies, after so many.
MAX_FAILURES = 3
MAX_ATTEMPTS = 8
#: The mind keeps its deadline by itself; this much later the lane takes the turn from it.
_GRACE_SECONDS = 1.0
#: How long a cancelled mind may take to put its things away.
CANCEL_SECONDS = 5.0

_log = logging.getLogger(__name__)


class Mind(Protocol):
    """Answers turns; `agent.clone.Clone` does."""

    async def answer(self, turn: Turn, deadline: float) -> Reply:
        """Return the reply, before `deadline` (of the event loop's clock) or with an error."""
        ...

    def apology(self, turn: Turn) -> str:
        """Return what the contact is told when the turn failed."""
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
        errands: Errands,
        alert: Callable[[str, str], None],
        turn_seconds: float,
        places: asyncio.Semaphore,
    ) -> None:
        self._contact = contact
        self._turns = turns
        self._outbox = outbox
        self._mind = mind
        self._senders = senders
        self._store = store
        self._errands = errands
        self._alert = alert
        self._turn_seconds = turn_seconds
        self._places = places
        self._delivery = Delivery(outbox, senders, store, alert)
        self._news = asyncio.Event()
        self._deadline: tuple[str, float] = ("", 0.0)
        self._stopping = False

    def ring(self) -> None:
        """Tell the lane that something of its contact may have changed."""
        self._news.set()

    def stop(self) -> None:
        """Let the lane end after what it has begun and what can leave now."""
        self._stopping = True
        self._news.set()

    async def work(self) -> None:
        """Return when nothing is left for the contact, or when stopped.

        Raises `StorageError` when the database does not take part; the work is still in it.
        """
        while True:
            self._news.clear()
            part = await self._store(self._outbox.next, self._contact)
            if part is not None and part.wait <= 0.0:
                await self._delivery.attempt(part)
            elif self._stopping:
                return
            elif part is not None:
                await self._pause(part.wait)
            elif not await self._take_turn() and not self._news.is_set():
                return

    async def _take_turn(self) -> bool:
        """Deal with the contact's next turn; False when there is none."""
        # Sealed only once there is a place for it: until then its burst may grow.
        async with self._places:
            if self._stopping:
                return True
            step = await self._store(self._turns.next, self._contact)
            if isinstance(step, Run):
                await self._answer(step)
        if isinstance(step, Wait):
            await self._pause(step.seconds)
        elif isinstance(step, Held):
            _log.warning(
                "turn held: too old to answer",
                extra={"action": "turn_held", "turn_id": step.turn_id},
            )
        return step is not None

    async def _answer(self, run: Run) -> None:
        turn = run.turn
        if run.attempts > MAX_ATTEMPTS:
            await self._give_up(turn, "every attempt was cut short")
            return
        try:
            sender = self._senders[turn.channel]
            self._errands.start(sender.typing(turn.messages[-1]))
            reply = await self._think(turn, self._deadline_of(turn))
            parts = () if reply is None else sender.parts(reply.text)
        except StorageError:
            raise  # ours, not the mind's: nothing can be recorded now, so nothing is decided
        except TemporaryError as error:
            await self._try_again(run, error)
        except CloneError as error:
            await self._give_up(turn, str(error))
        except Exception as error:  # noqa: BLE001 - one contact's trouble must not end the worker
            _log.exception("unexpected error", extra={"action": "turn_broke", "turn_id": turn.id})
            await self._give_up(turn, type(error).__name__)
        else:
            if reply is not None:
                await self._finish(turn, reply, parts)

    def _deadline_of(self, turn: Turn) -> float:
        """One deadline bounds a turn, however often it is started over."""
        if self._deadline[0] != turn.id:
            self._deadline = (turn.id, asyncio.get_running_loop().time() + self._turn_seconds)
        return self._deadline[1]

    async def _think(self, turn: Turn, deadline: float) -> Reply | None:
        """Return the reply, or None when the contact said more and the turn starts over."""
        thinking = asyncio.ensure_future(self._mind.answer(turn, deadline))
        try:
            while await self._news_before(thinking, deadline + _GRACE_SECONDS):
                if await self._store(self._turns.restart, turn):
                    return None
            return _result(thinking)
        finally:
            await _cancel(thinking, turn)

    async def _news_before(self, thinking: "asyncio.Future[Reply]", end: float) -> bool:
        """Wait for the reply; True when the contact may have said something before it came."""
        news = asyncio.ensure_future(self._news.wait())
        try:
            left = max(0.0, end - asyncio.get_running_loop().time())
            await asyncio.wait((thinking, news), timeout=left, return_when="FIRST_COMPLETED")
        finally:
            news.cancel()
        if thinking.done():
            return False
        if not self._news.is_set():
            raise TemporaryError("the turn's time is over", code="deadline")
        self._news.clear()
        return True

    async def _finish(self, turn: Turn, reply: Reply, parts: Sequence[str]) -> None:
        if not await self._store(self._turns.finish, turn, reply, parts):
            return
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

    async def _try_again(self, run: Run, error: TemporaryError) -> None:
        pause = error.retry_after or backoff(run.failures, first=1.0, factor=2.0, most=30.0)
        too_late = asyncio.get_running_loop().time() + pause >= self._deadline_of(run.turn)
        if too_late or run.failures + 1 >= MAX_FAILURES:
            await self._give_up(run.turn, str(error))
            return
        await self._store(self._turns.retry, run.turn, pause, str(error))
        _log.warning(
            "attempt failed, to be repeated",
            extra={"action": "turn_retried", "turn_id": run.turn.id, "error": str(error)},
        )

    async def _give_up(self, turn: Turn, error: str) -> None:
        await self._store(self._turns.fail, turn, error, self._apology(turn))
        _log.error(
            "turn failed",
            extra={"action": "turn_failed", "turn_id": turn.id, "error": error},
        )
        self._alert("turn_failed", turn.id)

    def _apology(self, turn: Turn) -> Sequence[str]:
        try:
            return self._senders[turn.channel].parts(self._mind.apology(turn))
        except Exception:  # noqa: BLE001 - a turn that cannot even fail would come back for ever
            _log.exception("no apology", extra={"action": "apology_broke", "turn_id": turn.id})
            return ()

    async def _pause(self, seconds: float) -> None:
        """Rest for some seconds, or until something rings."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)


def _result(thinking: "asyncio.Future[Reply]") -> Reply:
    """Return the mind's reply, or raise what the lane knows what to do with."""
    if thinking.cancelled():
        raise TemporaryError("the attempt was cancelled", code="cancelled")
    try:
        return thinking.result()
    except StorageError as error:
        raise TemporaryError(f"the memory failed: {error}", code="storage") from error


async def _cancel(thinking: "asyncio.Future[Reply]", turn: Turn) -> None:
    """End a mind that still thinks, so that its checkpoint is written, or not, before a re-run."""
    if thinking.done():
        return
    thinking.cancel()
    await asyncio.wait((thinking,), timeout=CANCEL_SECONDS)
    if not thinking.done():
        _log.error("mind does not stop", extra={"action": "mind_stuck", "turn_id": turn.id})
    elif not thinking.cancelled():
        thinking.exception()  # looked at, so that it is not reported as forgotten
