"""The worker: who gets a lane, when it leaves, how it stops, what a broken database does."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.errors import StorageError, TemporaryError
from agent.keys import Keys
from agent.settings import Secret
from channels.clerks import Clerks
from channels.database import Database
from channels.doorbell import Doorbell, ring, socket_path, stop_worker
from channels.errands import Errands
from channels.inbox import Inbox
from channels.lane import Lane
from channels.outbox import Outbox
from channels.standing import Limits
from channels.turns import Run, Turns
from channels.worker import Worker
from tests.fakes import FakeMind, FakeSender, incoming, said

KEYS = Keys(Secret("k" * 32))
#: The flood guard is not what is tested here.
PLENTY = Limits(per_minute=10_000, per_day=10_000)


class BreakableTurns(Turns):
    """Turns whose database refuses the next so many looks at everything, and steps of lanes."""

    bad_looks = 0
    bad_steps = 0
    refused = 0

    def next(self, contact: str) -> Any:
        """Refuse, or say what is next."""
        if self.bad_steps:
            self.bad_steps -= 1
            self._refuse()
        return super().next(contact)

    def contacts_with_work(self) -> list[str]:
        """Refuse, or say who is owed something."""
        self._look()
        return super().contacts_with_work()

    def any_owed(self) -> bool:
        """Refuse, or say whether anybody is."""
        self._look()
        return super().any_owed()

    def _look(self) -> None:
        if self.bad_looks:
            self.bad_looks -= 1
            self._refuse()

    def _refuse(self) -> None:
        self.refused += 1
        raise StorageError("database is locked")


class House:
    """A data folder with a worker in it, and a door that rings it."""

    def __init__(self, data: Path, burst: float = 0.0) -> None:
        self.data = data
        self.database = Database(data / "clone.db")
        with self.database.read() as connection:
            # No power fails during a test, and a commit then takes no time.
            connection.execute("PRAGMA synchronous = OFF")
        self.inbox = Inbox(self.database, KEYS)
        self.turns = BreakableTurns(self.database, burst, limits=PLENTY)
        self.mind = FakeMind()
        self.sender = FakeSender()
        self.doorbell = Doorbell(data)
        self.errands = Errands()
        self.clerks = Clerks(self.database)
        self._number = 0

    def worker(self, idle: float = 0.05, concurrency: int = 1000, stop: float = 20.0) -> Worker:
        """Return a worker on the claimed doorbell."""
        new_lane = partial(
            Lane,
            turns=self.turns,
            outbox=Outbox(self.database),
            mind=self.mind,
            senders={"fake": self.sender},
            store=self.clerks,
            errands=self.errands,
            alert=lambda action, subject: None,
            turn_seconds=10.0,
            places=asyncio.Semaphore(concurrency),
        )
        return Worker(
            turns=self.turns,
            store=self.clerks,
            new_lane=new_lane,
            doorbell=self.doorbell,
            idle_seconds=idle,
            stop_seconds=stop,
            first_pause=0.02,
        )

    @asynccontextmanager
    async def working(self, **settings: Any) -> AsyncIterator[tuple[Worker, asyncio.Task[None]]]:
        """Run a worker beside the test, which must have ended when the block does."""
        async with asyncio.timeout(20):
            worker = self.worker(**settings)
            task = asyncio.create_task(worker.run())
            try:
                yield worker, task
            finally:
                worker.stop()
                await task
                await self.errands.finish(1.0)

    def close(self) -> None:
        """Let go of the threads and of the database."""
        self.clerks.close()
        self.database.close()

    def hear(self, text: str, contact: str = "ana", *, silently: bool = False) -> None:
        """Store a message and ring."""
        self._number += 1
        self.inbox.accept(incoming(text, number=self._number, contact=contact))
        if not silently:
            ring(socket_path(self.data))

    def owed(self) -> int:
        """Return how many contacts are owed something."""
        self.turns.bad_looks = 0
        return len(self.turns.contacts_with_work())


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house whose doorbell is claimed."""
    house = House(tmp_path)
    with house.doorbell as doorbell:
        assert doorbell.claim()
        yield house
    house.close()


async def test_what_waits_is_answered_at_the_start(house: House) -> None:
    """A worker deals with everything stored before it came, then leaves when idle."""
    for contact in ("ana", "rui"):
        house.hear("a", contact, silently=True)

    async with house.working() as (_, task):
        await task

    assert sorted(house.sender.bodies) == ["re: a", "re: a"]
    assert house.owed() == 0


async def test_a_ring_brings_the_message_to_its_lane(house: House) -> None:
    """A worker at rest answers a message that is stored and rung for."""
    async with house.working(idle=10.0):
        for number in range(3):
            house.hear(str(number))
            await house.sender.until(lambda number=number: len(house.sender.sent) == number + 1)

    assert house.sender.bodies == ["re: 0", "re: 1", "re: 2"]


async def test_contacts_do_not_wait_for_each_other(house: House) -> None:
    """Two hundred contacts are thought about at the same time, each in one lane."""
    house.mind.open.clear()
    for number in range(200):
        house.hear("a", f"c{number}", silently=True)

    async with house.working() as (_, task):
        await house.mind.until(lambda: house.mind.running == 200, seconds=15)
        house.mind.open.set()
        await task

    assert len(house.sender.sent) == 200
    assert len(house.mind.turns) == 200
    assert house.owed() == 0


async def test_the_places_are_limited(house: House) -> None:
    """No more turns are thought about at once than the setting allows, and all are answered."""
    for number in range(20):
        house.hear("a", f"c{number}", silently=True)

    house.mind.open.clear()
    async with house.working(concurrency=3) as (_, task):
        await house.mind.until(lambda: house.mind.running == 3)
        house.mind.open.set()
        await task

    assert house.mind.most_running == 3
    assert len(house.sender.sent) == 20


async def test_one_contact_has_one_turn_at_a_time(house: House) -> None:
    """Rings during a turn start no second one for the contact."""
    house.mind.open.clear()
    async with house.working(idle=10.0) as (worker, _):
        house.hear("a")
        await house.mind.until(lambda: house.mind.running)
        for _ in range(20):
            ring(socket_path(house.data))
            await asyncio.sleep(0.001)

        assert house.mind.most_running == 1
        assert len(house.mind.turns) == 1
        house.mind.open.set()
        worker.stop()


async def test_no_ring_is_lost_under_load(house: House) -> None:
    """Messages stored and rung for from another thread, at any moment, are all answered."""

    def write() -> None:
        for number in range(150):
            house.hear(f"<{number}>", f"c{number % 7}")

    async with house.working(idle=0.2) as (_, task):
        writer = threading.Thread(target=write)
        writer.start()
        await task
        writer.join()

    words = " ".join(said(turn) for turn in house.mind.turns)
    assert all(f"<{number}>" in words for number in range(150))
    assert house.owed() == 0


async def test_a_message_that_rang_nobody_is_seen_at_the_last_look(tmp_path: Path) -> None:
    """A message stored while the worker closes its socket keeps it from leaving."""
    house = House(tmp_path)

    class Closing(Doorbell):
        looks = 0

        def close(self) -> None:
            super().close()
            self.looks += 1
            if self.looks == 1:
                house.hear("late")

    house.doorbell = Closing(tmp_path)
    with house.doorbell as doorbell:
        assert doorbell.claim()
        async with house.working(idle=0.0) as (_, task):
            await task

        assert house.sender.bodies == ["re: late"]
        assert doorbell.looks == 2
    house.close()


async def test_what_is_due_later_keeps_the_worker(house: House) -> None:
    """A reply to be repeated in a while counts as work: the worker does not leave before."""
    house.sender.errors = [TemporaryError("429", retry_after=0.4)]
    house.hear("a", silently=True)

    async with house.working(idle=0.01) as (_, task):
        await task

    assert house.sender.bodies == ["re: a"]
    assert house.owed() == 0


async def test_an_open_burst_keeps_the_worker(tmp_path: Path) -> None:
    """A burst that is not over counts as work."""
    house = House(tmp_path, burst=0.3)
    with house.doorbell as doorbell:
        assert doorbell.claim()
        house.hear("a", silently=True)
        async with house.working(idle=0.0) as (_, task):
            await task

    assert house.sender.bodies == ["re: a"]
    house.close()


async def test_a_stop_finishes_the_turn_at_hand_and_begins_no_other(house: House) -> None:
    """After a stop the running turn is answered, and what else waits stays in the database."""
    house.mind.open.clear()
    house.hear("a", "ana", silently=True)
    house.hear("b", "rui", silently=True)

    async with house.working(idle=10.0, concurrency=1) as (worker, task):
        await house.mind.until(lambda: house.mind.running)
        worker.stop()
        house.mind.open.set()
        await task

    assert len(house.sender.sent) == 1
    assert house.owed() == 1
    assert not ring(socket_path(house.data))


async def test_a_stop_at_rest_ends_at_once(house: House) -> None:
    """A worker that waits for rings ends when it is told to."""
    async with house.working(idle=100.0) as (worker, task):
        await asyncio.sleep(0.01)
        worker.stop()
        await asyncio.wait_for(task, 1.0)


async def test_a_stop_may_come_through_the_bell(house: House) -> None:
    """A web process that did not start the worker can stop it all the same."""
    async with house.working(idle=100.0) as (_, task):
        stopping = asyncio.to_thread(stop_worker, house.data, 5.0)
        asking = asyncio.create_task(stopping)
        await asyncio.wait_for(task, 5.0)
        house.doorbell.release()

        assert await asking


async def test_a_locked_database_loses_no_work(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Lanes that the database refused are taken up again once it is well, told once a pause."""
    for number in range(50):
        house.hear("a", f"c{number}", silently=True)
    house.turns.bad_looks, house.turns.bad_steps = 1, 70

    async with house.working() as (_, task):
        await task

    assert len(house.sender.sent) == 50
    assert house.owed() == 0
    told = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert {record.action for record in told} == {"lane_broke"}
    # One look and two rounds of lanes.
    assert len(told) == 3


async def test_a_database_that_stays_locked_is_left_in_peace(house: House) -> None:
    """While the database refuses, the worker looks again after growing pauses only."""
    house.hear("a", silently=True)
    house.turns.bad_looks = 1_000_000

    async with house.working(idle=0.0) as (worker, _):
        await asyncio.sleep(0.5)

        # Pauses of 0.02, 0.04, 0.08, 0.16 and 0.32 seconds fit in.
        assert 3 <= house.turns.refused <= 12
        worker.stop()


async def test_a_lane_with_a_bug_does_not_stop_the_others(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected error in one lane is logged without its text; the others go on."""
    house.sender.errors = [RuntimeError("words of a contact")]
    house.hear("a", "ana", silently=True)

    async with house.working(idle=10.0) as (worker, _):
        await house.sender.until(lambda: house.sender.sends)
        house.hear("b", "rui")
        await house.sender.until(lambda: house.sender.sent)
        worker.stop()

    assert "re: b" in house.sender.bodies
    (broken,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert (broken.action, broken.error) == ("lane_broke", "RuntimeError")


async def test_a_turn_that_does_not_end_in_time_is_left_open(house: House) -> None:
    """A stop that runs out of time cancels the turn, and the next worker answers it."""
    house.mind.open.clear()
    house.hear("a", silently=True)

    async with house.working(idle=10.0, stop=0.05) as (worker, task):
        await house.mind.until(lambda: house.mind.running)
        worker.stop()
        await task

    assert len(house.mind.cancelled) == 1
    step = house.turns.next(KEYS.contact("fake", "ana"))
    assert isinstance(step, Run)
    assert step.attempts == 2
