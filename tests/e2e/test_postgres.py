"""The same clone on PostgreSQL: webhook, queue, worker, model, Twilio, in real processes."""

import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from agent.settings import Secret
from channels.postgres import PostgresDatabase
from tests.e2e.conftest import MakeHouse
from tests.e2e.house import ROOT, House, eventually, twilio_settings
from tests.postgres import PostgresServer, running_postgres
from tests.standins.twilio import TwilioStandIn

QUESTION = "Quando foi o primeiro voo do 14-bis?"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for this module."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def house(make_house: MakeHouse, postgres: PostgresServer, twilio: TwilioStandIn) -> House:
    """A house with the offline model whose state is in PostgreSQL."""
    address = postgres.new_database().reveal()
    return make_house(**twilio_settings(twilio), DATABASE_URL=address)


def work(house: House, elsewhere: str = "") -> subprocess.Popen[bytes]:
    """Start a worker by hand, in the house's data folder or as on another machine."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "app.py"), "work"],
        cwd=ROOT,
        env=house.settings | {"CLONE_DATA": f"{house.data}{elsewhere}"},
        stdin=subprocess.DEVNULL,
    )


def rows(house: House, query: str) -> list[tuple[object, ...]]:
    """Read from the house's database."""
    with psycopg.connect(house.settings["DATABASE_URL"]) as connection:
        return connection.execute(query.encode()).fetchall()


def test_one_container_answers_by_itself(house: House, twilio: TwilioStandIn) -> None:
    """`clone serve` starts its own worker, which answers once and leaves when idle."""
    house.serve(CLONE_IDLE_SECONDS="0.5")
    house.whatsapp.says(QUESTION, sid="SM" + "1" * 32)
    house.whatsapp.says(QUESTION, sid="SM" + "1" * 32)

    twilio.wait_for(lambda: twilio.sent, timeout=20)
    eventually(lambda: not house.workers())
    (sent,) = twilio.sent
    assert "1906" in sent.body
    assert rows(house, "SELECT status, provider_id FROM outbox") == [("sent", sent.sid)]
    assert rows(house, "SELECT count(*) FROM procrastinate_jobs") == [(0,)]
    assert rows(house, "SELECT count(*) FROM checkpoints") == [(1,)]
    assert not list(house.data.glob("*.db"))
    assert not (house.data / "secret").exists()


def test_a_killed_worker_is_replaced(house: House, twilio: TwilioStandIn) -> None:
    """A message whose worker was killed in mid-turn is answered once by the next one."""
    house.expected_errors = {"worker_died"}
    house.serve(CLONE_BURST_SECONDS="3")
    house.whatsapp.says(QUESTION)
    eventually(lambda: rows(house, "SELECT 1 FROM procrastinate_jobs WHERE status = 'doing'"))
    house.kill_worker()
    with psycopg.connect(house.settings["DATABASE_URL"]) as connection:
        # As if the time had passed after which a silent worker is taken for dead.
        connection.execute("UPDATE procrastinate_workers SET last_heartbeat = '-infinity'")

    twilio.wait_for(lambda: twilio.sent, timeout=20)
    eventually(lambda: rows(house, "SELECT 1 FROM outbox WHERE status = 'sent'"))
    assert len(twilio.sent) == 1


def test_a_worker_elsewhere_takes_the_work(house: House, twilio: TwilioStandIn) -> None:
    """`clone work` on another machine answers what no web process woke it for, until stopped."""
    house.serve()
    house.whatsapp.says("Bom dia!")
    twilio.wait_for(lambda: len(twilio.sent) == 1, timeout=20)
    house.stop()
    eventually(lambda: not house.workers())
    elsewhere = work(house, elsewhere="-elsewhere")
    try:
        eventually(lambda: rows(house, "SELECT 1 FROM procrastinate_workers"))
        # Stored by a web process whose machine had no time to start a worker.
        with psycopg.connect(house.settings["DATABASE_URL"]) as connection:
            connection.execute(
                "INSERT INTO inbox (id, contact, received_at, message)"
                " SELECT 'again', contact, extract(epoch FROM now()), message FROM inbox"
            )
        twilio.wait_for(lambda: len(twilio.sent) == 2, timeout=20)
        elsewhere.terminate()
        assert elsewhere.wait(25) == 0
    finally:
        elsewhere.kill()
        elsewhere.wait()


def test_a_worker_by_hand_does_not_hold_the_web_process_up(
    house: House, twilio: TwilioStandIn
) -> None:
    """`clone work` beside `clone serve` shares its folder, and outlives its stop unnoticed."""
    database = PostgresDatabase(Secret(house.settings["DATABASE_URL"]))
    database.migrate()
    database.close()
    by_hand = work(house)
    try:
        eventually(lambda: rows(house, "SELECT 1 FROM procrastinate_workers"))
        house.serve()
        house.whatsapp.says("Bom dia!")
        twilio.wait_for(lambda: twilio.sent, timeout=20)

        assert house.stop() == 0

        assert house.console.lines("action=worker_left_behind") == []
        assert house.console.lines("action=worker_killed") == []
        assert by_hand.poll() is None
        by_hand.terminate()
        assert by_hand.wait(25) == 0
    finally:
        by_hand.kill()
        by_hand.wait()
