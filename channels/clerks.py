"""Runs transactions on threads, as the event loop must never wait for a disk or a server."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from channels.ledger import Ledger

T = TypeVar("T")


class Clerks:
    """The worker's threads before its ledger, as many as may profitably wait for it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._threads = ThreadPoolExecutor(ledger.most_at_once, thread_name_prefix="clerk")

    async def __call__(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return what `work` gives once it is stored; raises what it raises, or `StorageError`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._ledger.share, work, *arguments)

    def close(self) -> None:
        """Return when the last transaction under way has ended."""
        self._threads.shutdown()
