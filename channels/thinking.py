"""One attempt at a turn: the mind thinks until it has a reply, its time is over, or news comes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

from agent.errors import StorageError, TemporaryError
from agent.messages import Reply, Turn

#: The mind keeps its deadline by itself; this much later the turn is taken from it.
_GRACE_SECONDS = 1.0
#: How long a cancelled mind may take to put its things away.
CANCEL_SECONDS = 5.0

_log = logging.getLogger(__name__)


class Mind(Protocol):
    """Answers turns; `agent.clone.Clone` does."""

    async def answer(self, turn: Turn, deadline: float) -> Reply:
        """Return the reply, before `deadline` (of the event loop's clock) or with an error."""
        ...

    def line(self, turn: Turn, which: Literal["apology", "later"]) -> str:
        """Return what the contact is told when the turn failed, or is one too many."""
        ...


async def think(
    mind: Mind,
    turn: Turn,
    deadline: float,
    *,
    news: asyncio.Event,
    is_over: Callable[[], Awaitable[bool]],
) -> Reply | None:
    """Return the reply, or None when `is_over` found, after some news, that none is wanted.

    Raises what the mind raises, and `TemporaryError` when `deadline` passed.
    """
    thinking = asyncio.ensure_future(mind.answer(turn, deadline))
    try:
        while await _news_before(thinking, news, deadline + _GRACE_SECONDS):
            if await is_over():
                return None
        return _result(thinking)
    finally:
        await _cancel(thinking, turn)


async def _news_before(thinking: "asyncio.Future[Reply]", news: asyncio.Event, end: float) -> bool:
    """Wait for the reply; True when the contact may have said something before it came."""
    told = asyncio.ensure_future(news.wait())
    try:
        left = max(0.0, end - asyncio.get_running_loop().time())
        await asyncio.wait((thinking, told), timeout=left, return_when="FIRST_COMPLETED")
    finally:
        told.cancel()
    if thinking.done():
        return False
    if not news.is_set():
        raise TemporaryError("the turn's time is over", code="deadline")
    news.clear()
    return True


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
