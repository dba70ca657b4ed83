"""A worker like any other, with a heartbeat on its event loop: started with a house's settings.

When it ends it prints every beat that came late as JSON: when, by how much, and how much of the
processor the loop's own thread had meanwhile, all in seconds. A beat that is late for want of a
processor, or of the interpreter's lock, shows little of that.
"""

import asyncio
import json
import logging
import os
import sys
import time
from contextlib import suppress

from app import Application

_BEAT_SECONDS = 0.002
#: Less than this is the scheduler's doing.
_LATE_SECONDS = 0.005


async def beat(late: list[tuple[float, float, float]]) -> None:
    """Note every beat that came late, until cancelled; the first comes when the loop first can."""
    while True:
        due, used = time.monotonic() + _BEAT_SECONDS, time.thread_time()
        await asyncio.sleep(_BEAT_SECONDS)
        if (by := time.monotonic() - due) > _LATE_SECONDS:
            late.append((due, by, time.thread_time() - used))


async def _work(application: Application) -> list[tuple[float, float, float]]:
    late: list[tuple[float, float, float]] = []
    beating = asyncio.create_task(beat(late))
    await application.work()
    beating.cancel()
    with suppress(asyncio.CancelledError):
        await beating
    return late


def main() -> None:
    """Work until idle or stopped, then tell."""
    application = Application(os.environ)
    application.log_to(logging.WARNING)
    with application.doorbell as doorbell:
        if not doorbell.claim():
            sys.exit("a worker serves this data folder already")
        json.dump(asyncio.run(_work(application)), sys.stdout)


if __name__ == "__main__":
    main()
