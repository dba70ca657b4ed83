"""A steady sender in a process of its own, so that nothing but the server decides its times.

Reads requests as JSON from standard input, posts them at the given rate whatever the answers
take, and prints the seconds each took as JSON.
"""

import asyncio
import json
import sys
import time

from aiohttp import ClientSession, ClientTimeout, TCPConnector


async def send(requests: list[dict[str, str]], rate: float) -> list[float]:
    """Return how long each request took, from the moment it was due."""
    took: list[float] = []
    connector = TCPConnector(limit=0)
    async with ClientSession(timeout=ClientTimeout(total=30), connector=connector) as session:
        start = time.perf_counter() + 0.2

        async def post(number: int) -> None:
            due = start + number / rate
            await asyncio.sleep(due - time.perf_counter())
            request = requests[number]
            headers = {
                "X-Twilio-Signature": request["signature"],
                "Content-Type": "application/x-www-form-urlencoded",
            }
            async with session.post(
                request["url"], data=request["body"], headers=headers
            ) as answer:
                answer.raise_for_status()
                await answer.read()
            took.append(time.perf_counter() - due)

        await asyncio.gather(*(post(number) for number in range(len(requests))))
    return took


if __name__ == "__main__":
    told = json.load(sys.stdin)
    json.dump(asyncio.run(send(told["requests"], told["rate"])), sys.stdout)
