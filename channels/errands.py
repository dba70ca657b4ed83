"""Small things done beside the work: a typing indicator, an alert. Nobody waits for them."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

_log = logging.getLogger(__name__)


class Errands:
    """Keeps hold of running tasks: the event loop alone would let them be collected."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, errand: Coroutine[Any, Any, None]) -> None:
        """Let an errand run; its failure is logged and changes nothing."""
        task = asyncio.create_task(errand)
        self._running.add(task)
        task.add_done_callback(self._ended)

    async def finish(self, seconds: float) -> None:
        """Wait for the errands under way, at most so long, and drop the rest."""
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning(
                "errand failed",
                extra={"action": "errand_failed", "error": type(error).__name__},
            )
