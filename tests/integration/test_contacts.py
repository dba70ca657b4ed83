"""`clone contacts`: who is shown, in which order, and what is told of each."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.messages import Reply, Turn
from channels.outbox import Draft
from channels.turns import Turns
from tests.conversations import sealed_turn, stored_message
from tests.postgres import running_postgres
from tests.terminal import Terminal, complaint

ANA, BIA, CAIO = (f"whatsapp:+55119999900{number}" for number in range(3))
HOUR = 3600.0


@pytest.fixture(scope="module")
def new_postgres() -> Iterator[Callable[[], str]]:
    """What creates a database and returns its address."""
    with running_postgres() as server:
        yield lambda: server.new_database().reveal()


@pytest.fixture(params=["sqlite", "postgres"])
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Terminal:
    """A terminal of a clone that nobody has written to, on either database."""
    terminal = Terminal(tmp_path)
    terminal.init()
    if request.param == "postgres":
        terminal.env["DATABASE_URL"] = request.getfixturevalue("new_postgres")()
    return terminal


def writes(terminal: Terminal, address: str, *, age: float = 0) -> str:
    """Let somebody write to the clone; return their hash."""
    app = terminal.app()
    try:
        return stored_message(app, f"SM{time.monotonic_ns()}", address=address, age=age)
    finally:
        app.database.close()


def answered(terminal: Terminal, address: str, *, hand_over: bool = False) -> Turn:
    """Let somebody write and be answered."""
    contact = writes(terminal, address)
    app = terminal.app()
    try:
        turn = sealed_turn(app, contact)
        Turns(app.database, 0).finish(turn, Reply(text="Oi!", hand_over=hand_over), [Draft("Oi!")])
    finally:
        app.database.close()
    return turn


def change(terminal: Terminal, query: str, **values: Any) -> None:
    """Note something of a contact, as the doors and the worker do."""
    app = terminal.app()
    with app.database.write() as connection:
        getattr(app.database.queries, query)(connection, **values)
    app.database.close()


def told(terminal: Terminal, *flags: str) -> list[dict[str, Any]]:
    """Return what the command prints as JSON."""
    result = terminal.run("contacts", "--json", *flags)
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_before_anybody_wrote_there_is_nobody(terminal: Terminal) -> None:
    """A clone that never ran shows nobody, and makes no database."""
    result = terminal.run("contacts")

    assert (result.exit_code, result.stdout) == (0, "Nobody has written yet.\n")
    assert told(terminal) == []
    assert not (terminal.data / "clone.db").exists()


def test_whoever_wrote_last_comes_first(terminal: Terminal) -> None:
    """Each contact has one line: the address, the first and the last message."""
    writes(terminal, ANA, age=50 * HOUR)
    writes(terminal, BIA, age=20 * HOUR)
    writes(terminal, CAIO, age=10 * HOUR)
    writes(terminal, ANA)

    lines = terminal.run("contacts").stdout.splitlines()

    assert lines[0].split() == ["CONTACT", "FIRST", "MESSAGE", "LAST", "MESSAGE", "STATE"]
    assert [line.split()[0] for line in lines[1:]] == [ANA, CAIO, BIA]
    ana = lines[1].split()
    assert ana[1:3] < ana[3:5]
    assert len(ana) == 5


def test_each_state_is_told(terminal: Terminal) -> None:
    """Who opted out, who cannot be reached and why, and who asked for the owner is seen."""
    change(terminal, "opt_out", contact=writes(terminal, ANA), now=86400.0)
    change(terminal, "note_unreachable", contact=writes(terminal, BIA), code="63003")
    answered(terminal, CAIO, hand_over=True)

    lines = terminal.run("contacts").stdout.splitlines()[1:]

    state = {line.split()[0]: line for line in lines}
    assert state[ANA].endswith("opted out 1970-01-02 00:00")
    assert state[BIA].endswith("cannot be reached: the address is not on WhatsApp (63003)")
    assert "asked for you 20" in state[CAIO]


def test_json_holds_what_a_script_needs(terminal: Terminal) -> None:
    """Times are in ISO 8601, what did not happen is null, and the states are there as words."""
    change(terminal, "opt_out", contact=writes(terminal, ANA), now=86400.0)

    (found,) = told(terminal)

    assert found["contact"] == ANA
    assert found["channel"] == "whatsapp"
    assert found["first_message_at"] == found["last_message_at"]
    assert found["opted_out_at"] == "1970-01-02T00:00:00+00:00"
    assert found["asked_for_person_at"] is found["unreachable"] is None
    assert found["limited"] is False
    assert found["state"] == ["opted out 1970-01-02 00:00"]


@pytest.mark.parametrize("limit", ["CLONE_TURNS_PER_MINUTE", "CLONE_TURNS_PER_DAY"])
def test_the_flood_guard_is_seen(terminal: Terminal, limit: str) -> None:
    """Who has had their share of answers is told to be limited, and nobody else."""
    terminal.env[limit] = "2"
    for address in (ANA, ANA, BIA):
        answered(terminal, address)

    assert {each["contact"]: each["limited"] for each in told(terminal)} == {ANA: True, BIA: False}


def test_waiting_shows_those_who_asked(terminal: Terminal) -> None:
    """With --waiting only those who asked for the person are left, the latest first."""
    answered(terminal, ANA, hand_over=True)
    answered(terminal, BIA)
    answered(terminal, CAIO, hand_over=True)
    answered(terminal, ANA)

    assert [each["contact"] for each in told(terminal, "--waiting")] == [CAIO, ANA]


def test_nobody_waits(terminal: Terminal) -> None:
    """Where nobody asked for the person, the command says so."""
    answered(terminal, ANA)

    assert terminal.run("contacts", "--waiting").stdout == "Nobody asked for you.\n"


@pytest.mark.parametrize("ending", ["", ":1"])
def test_an_alert_leads_to_its_contact(terminal: Terminal, ending: str) -> None:
    """The id of an alert, a turn's or that of a part of its reply, shows whose it is."""
    answered(terminal, ANA)
    turn = answered(terminal, BIA, hand_over=True)

    assert [each["contact"] for each in told(terminal, "--turn", turn.id + ending)] == [BIA]


def test_an_unknown_turn_is_a_failure(terminal: Terminal) -> None:
    """An id that is none of this clone's ends in one line that names it."""
    writes(terminal, ANA)

    result = terminal.run("contacts", "--turn", "0123")

    assert result.exit_code == 1
    assert "0123" in complaint(result)


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_numbers_can_be_hidden(terminal: Terminal, flags: tuple[str, ...]) -> None:
    """With --hide the beginning of the hash that the log has stands for the number."""
    contact = writes(terminal, ANA)

    shown = terminal.run("contacts", "--hide", *flags).stdout

    assert "5511" not in shown
    assert contact[:12] in shown


def test_older_tables_are_wrong_setup(tmp_path: Path) -> None:
    """A database from before this version is left as it is; one line names the way out."""
    terminal = Terminal(tmp_path)
    terminal.init()
    terminal.data.mkdir()
    (terminal.data / "clone.db").touch()

    result = terminal.run("contacts")

    assert result.exit_code == 2
    assert "clone migrate" in complaint(result)
