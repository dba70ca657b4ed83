"""Many who come at once pass one after the other."""

import asyncio

from agent.stagger import Stagger


async def test_who_comes_alone_does_not_wait() -> None:
    """Nothing is waited for by the first, however far apart they are kept."""
    async with asyncio.timeout(1):
        await Stagger(3600).enter()


async def test_all_pass_apart_and_in_order() -> None:
    """Each passes some time after the one before, in the order they came."""
    stagger, clock = Stagger(0.01), asyncio.get_running_loop().time
    passed: list[tuple[int, float]] = []

    async def come(number: int) -> None:
        await stagger.enter()
        passed.append((number, clock()))

    await asyncio.gather(*map(come, range(4)))

    assert [number for number, _ in passed] == [0, 1, 2, 3]
    assert passed[-1][1] - passed[0][1] > 0.025


async def test_who_gives_up_takes_nobodys_turn() -> None:
    """One who is cancelled while waiting leaves the next as near as they were."""
    stagger = Stagger(3600)
    await stagger.enter()
    waiting = [asyncio.create_task(stagger.enter()) for _ in range(2)]
    await asyncio.sleep(0)

    waiting[0].cancel()
    await asyncio.wait([waiting[0]])

    assert not waiting[1].done()
    waiting[1].cancel()
    await asyncio.wait([waiting[1]])
    assert waiting[1].cancelled()
