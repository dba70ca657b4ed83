"""A lane on a new database, with its channel, its mind and its clock in a test's hands."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agent.errors import StorageError
from agent.keys import Keys
from agent.messages import Reply
from agent.settings import Secret
from channels.database import Database
from channels.errands import Errands
from channels.inbox import Inbox, Verdict
from channels.lane import Lane
from channels.media_links import MediaLinks
from channels.media_store import MediaStore
from channels.outbox import Outbox
from channels.receipts import Receipts
from channels.recorder import Recorder
from channels.reports import DeliveryReport
from channels.standing import Limits
from channels.turns import Turns
from tests.fakes import FakeMind, FakeSender, FakeVoice, ManualClock, incoming

KEYS = Keys(Secret("k" * 32))
ANA = KEYS.contact("fake", "ana")


class Desk:
    """A lane with everything that it works with; transactions run on the loop itself."""

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        self.clock = ManualClock()
        self.database = Database(path)
        self.inbox = Inbox(self.database, KEYS, self.clock, limits)
        self.turns = Turns(self.database, 1.0, self.clock, limits)
        self.receipts = Receipts(self.database, self._wake, self.clock)
        #: How often a report woke the worker.
        self.woken = 0
        #: A reply for tests to whom its words do not matter.
        self.reply = Reply(text="ok")
        #: Of each turn that was given it, whether its contact had been told that an AI speaks, and
        #: that its voice is synthetic.
        self.introduced: list[bool] = []
        self.voice_introduced: list[bool] = []
        self.outbox = Outbox(self.database, self.clock)
        self.mind = FakeMind()
        self.sender = FakeSender()
        #: Where recordings are files.
        self.folder = path.parent / "media"
        self.media = MediaStore(self.database, self.folder, self.clock)
        self.links = MediaLinks(KEYS, 24.0, self.clock)
        self.voice = FakeVoice()
        self.recorder = Recorder(self.media, self.links, self.voice, mute=["mute"])
        self.errands = Errands()
        self.alerts: list[tuple[str, str]] = []
        #: What the next transactions raise.
        self.broken: list[StorageError] = []
        #: Called before each transaction with its name.
        self.before: Callable[[str], None] = lambda name: None
        self._number = 0
        self.lane = self.new_lane()

    def new_lane(self, turn_seconds: float = 60.0) -> Lane:
        """Return a lane as a fresh worker would make it."""
        return Lane(
            ANA,
            turns=self.turns,
            outbox=self.outbox,
            mind=self.mind,
            senders={"fake": self.sender},
            store=self.store,
            errands=self.errands,
            alert=lambda action, subject: self.alerts.append((action, subject)),
            turn_seconds=turn_seconds,
            places=asyncio.Semaphore(10),
            recorder=self.recorder,
        )

    def heard(self, media: str) -> tuple[str, str]:
        """Return what a link plays, and the words kept with it."""
        name = self.links.name(media)
        kept = self.media.read(name) if name else None
        assert name
        assert kept
        return kept.data.decode(), self.media.words(name)

    async def store(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Run a transaction, or fail as the test has it."""
        await asyncio.sleep(0)
        self.before(work.__name__)
        if self.broken:
            raise self.broken.pop(0)
        return work(*arguments)

    def hear(self, text: str, answer: str | None = None, *, quoted_id: str = "") -> None:
        """Store a message whose burst is over at once."""
        self.hear_now(text, answer, quoted_id=quoted_id)
        self.clock.advance(1.0)

    def hear_now(self, text: str, answer: str | None = None, *, quoted_id: str = "") -> None:
        """Store a message now."""
        self._number += 1
        message = incoming(text, number=self._number, quoted_id=quoted_id)
        self.inbox.accept(message, lambda standing: Verdict(answer))

    def opt_out(self) -> None:
        """Let the contact ask to be left alone."""
        self._number += 1
        message = incoming("stop", number=self._number)
        self.inbox.accept(message, lambda standing: Verdict("bye", "withdrawn"))

    def opt_in(self) -> None:
        """Let the contact come back."""
        self._number += 1
        message = incoming("start", number=self._number)
        self.inbox.accept(message, lambda standing: Verdict("hi", "given"))

    async def work(self) -> None:
        """Let the lane do all it can; the clock runs ahead where it would have to wait."""
        async with self.working() as task:
            while not task.done():
                await asyncio.wait({task}, timeout=0.005)
                self.clock.advance(60.0)
                self.lane.ring()
            await task

    async def work_now(self) -> None:
        """Let a lane do all that is due, with the clock standing still."""
        self.lane = self.new_lane()
        async with self.working() as task:
            await task

    async def until_idle(self) -> None:
        """Return when the lane has looked at its work and waits."""
        looked = asyncio.Event()
        self.before = lambda name: looked.set() if name == "next" else None
        await looked.wait()
        for _ in range(5):
            await asyncio.sleep(0)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[asyncio.Task[None]]:
        """Run the lane beside the test."""
        async with asyncio.timeout(10):
            task = asyncio.create_task(self.lane.work())
            try:
                yield task
            finally:
                task.cancel()
                await asyncio.wait({task})

    def report(
        self,
        number: int,
        status: str,
        error: str = "",
        *,
        part_id: str = "",
        provider_id: str = "",
    ) -> None:
        """Let the channel report on the part of this number, by order of the outbox."""
        part, sent_as = self.rows("SELECT id, provider_id FROM outbox ORDER BY position")[number]
        self.receipts.take(
            DeliveryReport(
                part_id=part_id or part,
                provider_id=provider_id or sent_as,
                status=status,
                error=error,
            )
        )

    def _wake(self) -> None:
        self.woken += 1
        self.lane.ring()

    def knows(self) -> tuple[bool, bool]:
        """Return whether the contact knows that an AI speaks, and that its voice is synthetic."""
        told = self.database.queries.was_told
        with self.database.read() as connection:
            return tuple(bool(told(connection, contact=ANA, aloud=each)) for each in (False, True))

    def error_of(self, number: int) -> str:
        """Return why the part of this number was put off, by order of the outbox."""
        return str(self.rows("SELECT error FROM outbox ORDER BY position")[number][0])

    async def until(self, condition: Callable[[], object]) -> None:
        """Return once the database shows what `condition` asks for."""
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - a database tells nobody when it changes
                await asyncio.sleep(0.001)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what a query finds, as plain tuples."""
        with self.database.read() as connection:
            return [tuple(row.values()) for row in connection.execute(query)]

    def parts(self) -> list[tuple[Any, ...]]:
        """Return text, state and provider id of every part, in order."""
        return self.rows("SELECT body, status, provider_id FROM outbox ORDER BY position")

    def statuses(self) -> list[Any]:
        """Return the states of all turns, in order."""
        return [row[0] for row in self.rows("SELECT status FROM turns ORDER BY rowid")]
