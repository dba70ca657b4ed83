"""What only PostgreSQL has to promise: its tables, its queue, its workers, its memory."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.graph import START, MessagesState, StateGraph

from agent.errors import SettingsError, StorageError
from agent.keys import Keys
from agent.messages import IncomingMessage, Reply, Turn
from agent.postgres_memory import postgres_memory
from agent.settings import Secret
from app import Application
from channels.clerks import Clerks
from channels.conversation import SimulatorSender
from channels.crew import TURN_SECONDS
from channels.doorbell import Doorbell, ring, socket_path, stop_worker
from channels.errands import Errands
from channels.inbox import Inbox
from channels.lane import Lane
from channels.outbox import Outbox
from channels.postgres import PostgresDatabase
from channels.queue_worker import QueueWorker
from channels.turns import Turns, Wait
from commands import command_line
from tests.fakes import answered
from tests.postgres import PostgresServer, running_postgres
from tests.sources import ROOT

BURST = 0.05
KEYS = Keys(Secret("k" * 32))
WEB_PROCESS = """
import sys
import app
assert app.create_app().test_client().get("/readyz").status_code == 200
print("\\n".join(sys.modules))
"""
WITHOUT_THE_EXTRA = """
import sys
sys.modules["psycopg"] = sys.modules["procrastinate"] = None
sys.argv = ["clone", "migrate"]
import app
app.main()
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for this module."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def url(postgres: PostgresServer) -> Secret:
    """The address of an empty database."""
    return postgres.new_database()


@pytest.fixture
def database(url: Secret) -> Iterator[PostgresDatabase]:
    """A conversation database, up to date."""
    database = PostgresDatabase(url)
    database.migrate()
    yield database
    database.close()


def message(text: str, contact: str, message_id: str = "") -> IncomingMessage:
    """Return a message as the simulator delivers it."""
    return IncomingMessage(
        channel="simulator",
        message_id=message_id or f"{contact}:{text}",
        contact_id=contact,
        address=contact,
        kind="text",
        text=text,
    )


def rows(database: PostgresDatabase, query: str) -> list[tuple[Any, ...]]:
    """Read whatever a test wants to see."""
    with database.read() as connection:
        return [tuple(row.values()) for row in connection.execute(query.encode())]


async def eventually(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that tells nobody when it changes."""
    end = time.monotonic() + seconds
    while not await asyncio.to_thread(true):
        assert time.monotonic() < end, f"not so within {seconds} s"
        await asyncio.sleep(0.02)


class SlowMind:
    """Repeats what it was told, after a while, and remembers what it was doing meanwhile."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.thinking: set[str] = set()
        self.overlaps: list[str] = []
        self.begun: list[Turn] = []

    async def answer(self, turn: Turn, deadline: float) -> Reply:
        """Return the turn's words."""
        self.begun.append(turn)
        if turn.contact in self.thinking:
            self.overlaps.append(turn.contact)
        self.thinking.add(turn.contact)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.thinking.discard(turn.contact)
        return Reply(text=" ".join(each.text for each in turn.messages))

    def line(self, turn: Turn, which: str) -> str:
        """Return what a failed turn says."""
        return "Desculpe"


@asynccontextmanager
async def working(
    url: Secret, mind: SlowMind, doorbell: Doorbell | None = None, idle: float = 30.0
) -> AsyncIterator[QueueWorker]:
    """Run a worker of its own connections for a while, and stop it gently."""
    database = PostgresDatabase(url)
    turns, clerks = Turns(database, BURST), Clerks(database)
    worker = QueueWorker(
        database=database,
        turns=turns,
        store=clerks,
        new_lane=partial(
            Lane,
            turns=turns,
            outbox=Outbox(database),
            mind=mind,
            senders={"simulator": SimulatorSender()},
            store=clerks,
            errands=Errands(),
            alert=lambda action, subject: None,
            turn_seconds=30,
            places=asyncio.Semaphore(50),
        ),
        idle_seconds=idle,
        stop_seconds=TURN_SECONDS,
        concurrency=50,
        doorbell=doorbell,
    )
    running = asyncio.create_task(worker.run())
    try:
        yield worker
        worker.stop()
        await asyncio.wait_for(running, 25)
    finally:
        running.cancel()
        clerks.close()
        database.close()


def replies(database: PostgresDatabase, contact: str) -> list[str]:
    """Return what a contact was sent, in order."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT body FROM outbox WHERE contact = %s AND status = 'sent' ORDER BY position",
            (KEYS.contact("simulator", contact),),
        )
        return [row["body"] for row in found]


def nothing_owed(database: PostgresDatabase) -> bool:
    """Tell whether every message has its reply."""
    return not Turns(database, BURST).contacts_with_work()


def test_a_message_and_its_job_are_stored_together(database: PostgresDatabase) -> None:
    """Each new message has a job in the same transaction; a second one needs no second job."""
    inbox = Inbox(database, KEYS)
    first = inbox.accept(message("um", "ana"))
    inbox.accept(message("dois", "ana"))
    inbox.accept(message("oi", "rui"), answered("Olá!"))

    jobs = rows(database, "SELECT lock, queueing_lock, args FROM procrastinate_jobs")
    assert jobs == [(first.contact, first.contact, {"contact": first.contact})]
    assert rows(database, "SELECT COUNT(*) FROM inbox") == [(3,)]


def test_a_refused_transaction_leaves_no_job(database: PostgresDatabase) -> None:
    """A job never stands for a message that was not stored."""

    def break_off() -> None:
        with database.write() as connection:
            database.announce(connection, "contact")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert rows(database, "SELECT COUNT(*) FROM procrastinate_jobs") == [(0,)]


def test_a_job_that_starts_early_waits_for_the_message(database: PostgresDatabase) -> None:
    """Whoever looks for work while a message is being stored sees it, never too little."""
    inbox, turns = Inbox(database, KEYS), Turns(database, BURST)
    contact = inbox.accept(message("um", "ana")).contact
    time.sleep(2 * BURST)
    run = turns.next(contact)
    turns.finish(run.turn, Reply(text="1"), [])  # type: ignore[union-attr]
    with ThreadPoolExecutor(1) as threads:
        with database.write() as connection:
            queries = database.queries
            told = {"contact": contact, "now": time.time()}
            queries.remember_contact(connection, **told, channel="simulator", address="ana")
            queries.insert_message(connection, **told, id="new", message="{}", answer=None)
            looking = threads.submit(turns.next, contact)
            while not rows(database, "SELECT 1 FROM pg_locks WHERE NOT granted"):
                assert not looking.done()
        assert isinstance(looking.result(5), Wait)


def test_many_processes_may_bring_it_up_to_date_at_once(url: Secret) -> None:
    """Simultaneous first starts end with the same tables and the same secret."""
    databases = [PostgresDatabase(url) for _ in range(6)]
    with ThreadPoolExecutor(6) as threads:
        found = set(threads.map(lambda each: each.secret().reveal(), databases))

    assert len(found) == 1
    assert len(found.pop()) >= 32
    for each in databases:
        each.close()


def test_a_newer_database_is_refused(database: PostgresDatabase, url: Secret) -> None:
    """A program that is older than its database says so and touches nothing."""
    with database.write() as connection:
        connection.execute("INSERT INTO schema_version (name) VALUES ('999')")

    with pytest.raises(StorageError, match="newer version"):
        PostgresDatabase(url).migrate()


def test_lost_connections_cost_no_message(database: PostgresDatabase, url: Secret) -> None:
    """After the server dropped every connection, the next message is stored as ever."""
    inbox = Inbox(database, KEYS)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: inbox.accept(message(f"{number}", "ana")), range(24)))
    with psycopg.connect(url.reveal(), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    began = time.monotonic()
    assert inbox.accept(message("depois", "ana")).new
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("postgresql://clone:hush%zz@127.0.0.1/clone", SettingsError),
        ("postgresql://clone:hush@127.0.0.1:1/clone", StorageError),
    ],
)
def test_an_unusable_address_is_told_without_its_password(
    address: str, error: type[Exception]
) -> None:
    """A wrong or unreachable address is one clear error that does not quote the password."""
    with pytest.raises(error) as caught:
        PostgresDatabase(Secret(address)).migrate()

    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_two_workers_keep_contacts_apart(database: PostgresDatabase, url: Secret) -> None:
    """Turns of one contact never overlap and keep their order, whoever works; contacts do."""
    mind = SlowMind(0.05)
    inbox = Inbox(database, KEYS)
    contacts = [f"contact {number}" for number in range(12)]
    async with working(url, mind), working(url, mind):
        for number in range(3):
            for contact in contacts:
                await asyncio.to_thread(inbox.accept, message(f"{number}", contact))
            await asyncio.sleep(3 * BURST)
        await eventually(lambda: nothing_owed(database))

    assert mind.overlaps == []
    for contact in contacts:
        words = " ".join(replies(database, contact)).split()
        assert words == ["0", "1", "2"]
    assert rows(database, "SELECT COUNT(*) FROM procrastinate_jobs") == [(0,)]


async def test_words_in_mid_turn_reach_the_running_worker(
    database: PostgresDatabase, url: Secret
) -> None:
    """A fragment that arrives while the model thinks starts the turn over at once."""
    mind = SlowMind(5.0)
    inbox = Inbox(database, KEYS)
    async with working(url, mind):
        await asyncio.to_thread(inbox.accept, message("quem", "ana"))
        await eventually(lambda: len(mind.begun) == 1)
        mind.seconds = 0.0
        began = time.monotonic()
        await asyncio.to_thread(inbox.accept, message("és tu?", "ana"))
        await eventually(lambda: nothing_owed(database))

    assert time.monotonic() - began < 4
    assert replies(database, "ana") == ["quem és tu?"]


async def test_a_stopped_worker_ends_its_turn_and_leaves_the_rest(
    database: PostgresDatabase, url: Secret
) -> None:
    """A stop lets the turn at hand finish and leave; later messages are the next worker's."""
    mind = SlowMind(1.0)
    inbox = Inbox(database, KEYS)
    async with working(url, mind) as worker:
        await asyncio.to_thread(inbox.accept, message("um", "ana"))
        await eventually(lambda: len(mind.begun) == 1)
        worker.stop()
        await asyncio.to_thread(inbox.accept, message("dois", "rui"))
    left = [replies(database, contact) for contact in ("ana", "rui")]
    async with working(url, SlowMind()):
        await eventually(lambda: nothing_owed(database))

    assert left == [["um"], []]
    assert replies(database, "rui") == ["dois"]


async def test_a_stop_through_the_bell_is_heard_at_once(
    database: PostgresDatabase, url: Secret, tmp_path: Path
) -> None:
    """Told to stop in mid-turn, a worker closes its socket at once and leaves after the turn."""
    mind = SlowMind(0.5)
    with Doorbell(tmp_path) as doorbell:
        assert doorbell.claim()
        async with working(url, mind, doorbell):
            await asyncio.to_thread(Inbox(database, KEYS).accept, message("um", "ana"))
            await eventually(lambda: len(mind.begun) == 1)
            asking = asyncio.create_task(asyncio.to_thread(stop_worker, tmp_path, 20.0))
            await eventually(lambda: not ring(socket_path(tmp_path)))
            assert mind.thinking
        doorbell.release()
        assert await asking

    assert replies(database, "ana") == ["um"]


async def test_a_worker_that_was_stopped_does_not_listen_again(
    database: PostgresDatabase, url: Secret, tmp_path: Path
) -> None:
    """A stop during the last look for work leaves the socket closed, whatever is owed."""
    await asyncio.to_thread(Inbox(database, KEYS).accept, message("um", "ana"))
    with Doorbell(tmp_path) as doorbell:
        assert doorbell.claim()
        async with working(url, SlowMind(), doorbell, idle=0.0) as worker:
            worker.stop()

        assert not ring(socket_path(tmp_path))


async def test_work_without_a_job_is_found(database: PostgresDatabase, url: Secret) -> None:
    """A message whose job is gone is answered all the same."""
    await asyncio.to_thread(Inbox(database, KEYS).accept, message("oi", "ana"))
    with database.write() as connection:
        connection.execute("DELETE FROM procrastinate_jobs")
    async with working(url, SlowMind()):
        await eventually(lambda: nothing_owed(database))

    assert replies(database, "ana") == ["oi"]


async def test_the_job_of_a_dead_worker_is_taken_over(
    database: PostgresDatabase, url: Secret
) -> None:
    """A contact whose worker gave no sign of life for long is served by another."""
    contact = (await asyncio.to_thread(Inbox(database, KEYS).accept, message("oi", "ana"))).contact
    with database.write() as connection:
        connection.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')"
        )
        connection.execute(
            "UPDATE procrastinate_jobs SET status = 'doing',"
            " worker_id = (SELECT max(id) FROM procrastinate_workers)"
        )
        # The contact wrote again since: their next job waits behind the dead one.
        database.announce(connection, contact)
    async with working(url, SlowMind()):
        await eventually(lambda: nothing_owed(database))

    assert replies(database, "ana") == ["oi"]


async def test_a_worker_survives_a_lost_database(database: PostgresDatabase, url: Secret) -> None:
    """After the server dropped every connection, workers go on by themselves."""
    async with working(url, SlowMind()):
        await asyncio.to_thread(Inbox(database, KEYS).accept, message("um", "ana"))
        # A job whose end was not recorded would have to be taken over first, which takes longer.
        await eventually(lambda: not rows(database, "SELECT 1 FROM procrastinate_jobs"))
        with psycopg.connect(url.reveal(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        await asyncio.to_thread(Inbox(database, KEYS).accept, message("dois", "ana"))
        await eventually(lambda: nothing_owed(database))

    assert replies(database, "ana") == ["um", "dois"]


async def test_memory_keeps_the_newest_checkpoint_only(url: Secret) -> None:
    """A conversation is remembered across workers and does not grow with its past."""

    async def reply(state: MessagesState) -> dict[str, list[AnyMessage]]:
        return {"messages": [AIMessage(f"{len(state['messages'])}")]}

    async def turn(number: int) -> int:
        async with postgres_memory(url) as saver:
            graph = (
                StateGraph(MessagesState)
                .add_node("reply", reply)
                .add_edge(START, "reply")
                .compile(checkpointer=saver)
            )
            state = await graph.ainvoke(
                {"messages": [HumanMessage(f"{number}")]},
                {"configurable": {"thread_id": "ana"}},
                durability="exit",
            )
            return len(state["messages"])

    counts = [await turn(number) for number in range(4)]

    assert counts == [2, 4, 6, 8]
    with psycopg.connect(url.reveal()) as connection:
        kept = [
            connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            for table in ("checkpoints", "checkpoint_blobs")
        ]
    assert kept[0] == (1,)
    assert kept[1] is not None
    assert kept[1][0] <= 3


async def test_workers_may_make_the_memory_at_once(url: Secret) -> None:
    """Workers that start together on a new database do not stumble over each other's tables."""

    async def open_it() -> None:
        async with postgres_memory(url) as saver:
            assert await saver.aget_tuple({"configurable": {"thread_id": "nobody"}}) is None

    openings: list[Awaitable[None]] = [open_it() for _ in range(5)]
    await asyncio.gather(*openings)


def test_the_web_process_stays_light(url: Secret, tmp_path: Path) -> None:
    """With PostgreSQL too, the web process loads no model, vendor or index."""
    process = subprocess.run(
        [sys.executable, "-c", WEB_PROCESS],
        env={"DATABASE_URL": url.reveal(), "CLONE_DATA": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert process.returncode == 0, process.stderr
    loaded = {name.partition(".")[0] for name in process.stdout.split()}
    assert "psycopg" in loaded
    assert loaded.isdisjoint({"langgraph", "langchain_core", "faiss", "numpy", "openai"})


def test_the_doctor_looks_at_postgres(url: Secret, tmp_path: Path) -> None:
    """`clone doctor` asks the database that is configured, and no file beside it."""
    env = {"DATABASE_URL": url.reveal(), "CLONE_DATA": str(tmp_path)}
    told = CliRunner().invoke(command_line, ["doctor"], obj=Application(env)).output

    assert "PostgreSQL answers" in told
    assert "Every message was answered" in told
    assert not list(tmp_path.glob("*.db"))


def test_the_missing_extra_is_named() -> None:
    """Without the drivers a PostgreSQL address ends in one line with the remedy."""
    process = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_EXTRA],
        env={"DATABASE_URL": "postgresql://127.0.0.1/clone", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    (line,) = process.stderr.strip().splitlines()
    assert process.returncode == 2
    assert line.endswith("pip install '.[postgres]'")
