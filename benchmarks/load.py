"""A sender in a process of its own, so that nothing but the server decides its times.

Reads requests as JSON from standard input, posts each when it is due whatever the answers take,
and prints as JSON, in the order given, when each was due and how many seconds it took.
"""

import asyncio
import json
import sys
import time
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector


async def send(requests: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """Return when each request was due (monotonic), and how long it took from then on."""
    connector = TCPConnector(limit=0)
    async with ClientSession(timeout=ClientTimeout(total=30), connector=connector) as session:
        start = time.monotonic() + 0.2

        async def post(request: dict[str, Any]) -> tuple[float, float]:
            due = start + request["after"]
            await asyncio.sleep(due - time.monotonic())
            headers = {
                "X-Twilio-Signature": request["signature"],
                "Content-Type": "application/x-www-form-urlencoded",
            }
            async with session.post(
                request["url"], data=request["body"], headers=headers
            ) as answer:
                answer.raise_for_status()
                await answer.read()
            return due, time.monotonic() - due

        return await asyncio.gather(*map(post, requests))


if __name__ == "__main__":
    json.dump(asyncio.run(send(json.load(sys.stdin))), sys.stdout)
