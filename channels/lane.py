"""One contact's work in order: parts still to send, then the next turn, then rest."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from agent.errors import CloneError, StorageError, TemporaryError
from agent.messages import Reply, Turn, TurnMessage
from channels.backoff import backoff
from channels.delivery import Delivery, Store
from channels.errands import Errands
from channels.outbox import Draft, Outbox
from channels.recorder import Recorder
from channels.sender import Sender
from channels.steps import Held, Refuse, Run, Wait
from channels.thinking import Mind, think
from channels.turns import Turns
from channels.typing import Typing

#: A turn whose attempts fail is given up after so many; one whose worker dies, after so many.
MAX_FAILURES = 3
MAX_ATTEMPTS = 8

_log = logging.getLogger(__name__)


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
        recorder: Recorder | None = None,
    ) -> None:
        """Without a `recorder` every reply goes as words."""
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
        self._recorder = recorder
        self._delivery = Delivery(outbox, senders, store, alert, recorder)
        self._typing: Typing | None = None
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
        try:
            while await self._step():
                pass
        finally:
            self._stop_typing()

    async def _step(self) -> bool:
        """Do the next thing; False when there is none, or when stopped."""
        self._news.clear()
        part = await self._store(self._outbox.next, self._contact)
        if part is not None and part.wait <= 0.0:
            await self._delivery.attempt(part)
        elif self._stopping:
            return False
        elif part is not None:
            await self._pause(part.wait)
        else:
            return await self._take_turn() or self._news.is_set()
        return True

    async def _take_turn(self) -> bool:
        """Deal with the contact's next turn; False when there is none."""
        # Sealed only once there is a place for it: until then its burst may grow.
        async with self._places:
            if self._stopping:
                return True
            step = await self._store(self._turns.next, self._contact)
            if isinstance(step, Run):
                await self._answer(step)
            elif isinstance(step, Refuse):
                await self._refuse(step)
        if isinstance(step, Wait):
            if step.message is not None:
                self._show_typing(step.channel, step.message)
            await self._pause(step.seconds)
        elif isinstance(step, Held):
            _log.warning(
                "turn held: too old to answer",
                extra={"action": "turn_held", "turn_id": step.turn_id},
            )
        return step is not None

    async def _answer(self, run: Run) -> None:
        # What cannot be sent as sound is not spoken, and paid for, either.
        mute = self._recorder is None or self._recorder.is_mute(run.turn.channel)
        turn = replace(run.turn, takes_sound=not mute)
        if run.attempts > MAX_ATTEMPTS:
            await self._give_up(turn, "every attempt was cut short")
            return
        try:
            self._show_typing(turn.channel, turn.messages[-1])
            reply = await think(
                self._mind,
                turn,
                self._deadline_of(turn),
                news=self._news,
                is_over=lambda: self._store(self._turns.restart, turn),
            )
            told = None if reply is None else await self._write_down(turn, reply)
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
            if told is not None:
                await self._finish(turn, *told)

    def _show_typing(self, channel: str, message: TurnMessage) -> None:
        if self._typing is None:
            self._typing = Typing(self._senders[channel].typing, self._errands)
        self._typing.show(message)

    def _stop_typing(self) -> None:
        if self._typing is not None:
            self._typing.stop()

    def _deadline_of(self, turn: Turn) -> float:
        """One deadline bounds a turn, however often it is started over."""
        if self._deadline[0] != turn.id:
            self._deadline = (turn.id, asyncio.get_running_loop().time() + self._turn_seconds)
        return self._deadline[1]

    async def _finish(self, turn: Turn, reply: Reply, drafts: Sequence[Draft]) -> None:
        if not await self._store(self._turns.finish, turn, reply, drafts):
            return
        self._stop_typing()
        if reply.hand_over:
            self._alert("hand_over", turn.id)
        for action in reply.alerts:
            self._alert(action, turn.id)
        _log.info(
            "turn answered",
            extra={
                "action": "turn_answered",
                "turn_id": turn.id,
                "contact": turn.contact,
                "route": ">".join(reply.route),
                "model": reply.model,
                "seconds": round(reply.seconds, 3),
                "parts": len(drafts),
            },
        )

    async def _write_down(self, turn: Turn, reply: Reply) -> tuple[Reply, Sequence[Draft]]:
        """Return the messages of a reply, and the reply as these tell it."""
        drafts = self._drafts(turn, reply.text)
        if reply.voice is None:
            return reply, drafts
        body = "\n\n".join(draft.body for draft in drafts)
        spoken = self._recorder and await self._recorder.record(turn.channel, reply, body)
        if spoken:
            return reply, [spoken, *(self._drafts(turn, reply.beside) if reply.beside else ())]
        # Nobody hears that the voice is synthetic: that is told another time.
        return replace(reply, disclosed="ai" if reply.disclosed else ""), drafts

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

    async def _refuse(self, step: Refuse) -> None:
        """Meet a turn that is one too many with a word about it, or with silence."""
        drafts = () if step.told else self._line(step.turn, "later")
        await self._store(self._turns.refuse, step.turn, drafts)
        _log.warning(
            "turn refused: too many",
            extra={
                "action": "turn_refused",
                "turn_id": step.turn.id,
                "contact": step.turn.contact,
            },
        )

    async def _give_up(self, turn: Turn, error: str) -> None:
        await self._store(self._turns.fail, turn, error, self._line(turn, "apology"))
        self._stop_typing()
        _log.error(
            "turn failed",
            extra={"action": "turn_failed", "turn_id": turn.id, "error": error},
        )
        self._alert("turn_failed", turn.id)

    def _line(self, turn: Turn, which: Literal["apology", "later"]) -> Sequence[Draft]:
        try:
            return self._drafts(turn, self._mind.line(turn, which))
        except Exception:  # noqa: BLE001 - a turn that cannot even fail would come back for ever
            _log.exception("no line", extra={"action": "line_broke", "turn_id": turn.id})
            return ()

    def _drafts(self, turn: Turn, text: str) -> Sequence[Draft]:
        return [Draft(body) for body in self._senders[turn.channel].parts(text)]

    async def _pause(self, seconds: float) -> None:
        """Rest for some seconds, or until something rings."""
        # Not `wait_for`, which before Python 3.12 may take a cancel for the news it waits for.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
