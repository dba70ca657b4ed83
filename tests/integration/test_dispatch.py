"""Waking, starting, handing over: the web process's dispatcher against real worker processes."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.errors import StorageError
from channels.dispatch import Dispatcher
from channels.doorbell import Doorbell, ring, socket_path
from tests.sources import ROOT

# What a worker does about its bell, with files for messages. It tells every step through a pipe,
# and where a test has put a pipe named like a step, it stops there until the pipe is opened.
STUB = """
import os, select, signal, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from channels.doorbell import Doorbell

data, ready = Path(sys.argv[1]), int(sys.argv[-1])

def tell(step):
    with open(data / "steps", "w") as steps:
        steps.write(f"{{step}} {{os.getpid()}}\\n")
    if (data / step).is_fifo():
        open(data / step).close()

def serve():
    for message in sorted((data / "messages").iterdir()):
        message.unlink()
        tell("answered-" + message.name)

def stop(number, frame):
    tell("stopping")
    sys.exit(0)

signal.signal(signal.SIGTERM, stop)
tell("born")
with Doorbell(data) as bell:
    claimed = bell.claim()
    os.close(ready)
    tell("claimed" if claimed else "refused")
    if not claimed:
        sys.exit(0)
    if (data / "ill").exists():
        (data / "ill").unlink()
        os._exit(3)
    idle = float((data / "idle").read_text())
    while True:
        serve()
        if select.select([bell.socket], [], [], idle)[0]:
            if bell.drain():
                bell.close()
                tell("stopping")
                break
            continue
        tell("idle")
        bell.close()
        tell("closed")
        if not any((data / "messages").iterdir()):
            tell("leaving")
            break
        bell.open()
tell("gone")
"""


class House:
    """A data folder, its dispatcher, and the steps that its workers tell."""

    def __init__(self, data: Path, idle: float = 30.0, first_pause: float = 0.05) -> None:
        self.data = data
        (data / "messages").mkdir(parents=True)
        (data / "idle").write_text(str(idle))
        os.mkfifo(data / "steps")
        # Open for both, so that it never ends while no worker lives.
        self._steps = os.open(data / "steps", os.O_RDWR)
        self._buffer = ""
        self.told: list[tuple[str, int]] = []
        program = data / "stub.py"
        program.write_text(STUB.format(root=str(ROOT)))
        self.command = [sys.executable, str(program), str(data)]
        self.dispatcher = self.new_dispatcher(first_pause)

    def new_dispatcher(self, first_pause: float, program: str = sys.executable) -> Dispatcher:
        """Return a dispatcher of this folder, whose workers `program` runs."""
        command = [program, *self.command[1:]]
        environment = dict(os.environ)
        return Dispatcher(self.data, command, environment, self.has_work, first_pause=first_pause)

    def has_work(self) -> bool:
        """Tell whether a message waits."""
        return any((self.data / "messages").iterdir())

    def hear(self, name: str) -> None:
        """Store a message and wake, as the webhook does."""
        (self.data / "messages" / name).touch()
        self.dispatcher.wake()

    def hold(self, step: str) -> Callable[[], None]:
        """Stop workers at a step; returns what lets the one that has told it go on."""
        gate = self.data / step
        os.mkfifo(gate)

        def go_on() -> None:
            opened = os.open(gate, os.O_WRONLY)
            gate.unlink()
            os.close(opened)

        return go_on

    def until(self, step: str, seconds: float = 10.0) -> int:
        """Return the process that tells a step next."""
        end = time.monotonic() + seconds
        while True:
            while "\n" in self._buffer:
                line, _, self._buffer = self._buffer.partition("\n")
                told, _, pid = line.partition(" ")
                self.told.append((told, int(pid)))
                if told == step:
                    return int(pid)
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._steps], [], [], left)[0]:
                raise TimeoutError(f"no {step!r}; told so far: {self.told}")
            self._buffer += os.read(self._steps, 65536).decode()

    def count(self, step: str) -> int:
        """Return how often a step has been told so far."""
        return sum(told == step for told, _ in self.told)

    def end(self) -> None:
        """End all workers."""
        self.dispatcher.stop()
        os.close(self._steps)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house whose worker stays for a while."""
    house = House(tmp_path / "data")
    yield house
    house.end()


@pytest.fixture
def short(tmp_path: Path) -> Iterator[House]:
    """A house whose worker leaves at once when there is nothing to do."""
    house = House(tmp_path / "data", idle=0.0)
    yield house
    house.end()


def test_the_first_message_starts_a_worker(house: House) -> None:
    """A wake with nobody there starts a worker, and the next one rings it."""
    house.hear("one")
    first = house.until("answered-one")
    house.hear("two")

    assert house.until("answered-two") == first
    assert house.count("born") == 1


def test_many_wakes_start_one_worker(house: House) -> None:
    """While a worker starts, further messages start no second one, and all are answered."""
    go_on = house.hold("born")
    for number in range(20):
        house.hear(f"m{number:02}")
    house.until("born")
    house.hear("m99")
    go_on()

    house.until("answered-m99")
    assert house.count("born") == 1
    assert house.count("refused") == 0
    assert not house.has_work()


def test_work_left_by_an_earlier_run_wakes(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """A web process that starts looks for work; without any, it starts no worker."""
    caplog.set_level("INFO")
    house.dispatcher.resume()
    assert caplog.records == []
    (house.data / "messages" / "one").touch()

    house.dispatcher.resume()

    house.until("answered-one")


def test_a_second_worker_leaves(house: House) -> None:
    """A worker that finds another one listening does nothing and leaves."""
    house.hear("one")
    house.until("answered-one")
    second = Doorbell(house.data)

    assert second.claim() is False
    house.hear("two")
    house.until("answered-two")


def test_a_worker_that_is_stuck_is_not_waited_for_for_ever(house: House) -> None:
    """A worker that holds the folder without listening is named, not silently obeyed."""
    holder = Doorbell(house.data)
    assert holder.claim()
    holder.close()

    with holder, pytest.raises(StorageError, match="does not listen"):
        Doorbell(house.data, patience=0.05).claim()


def test_a_socket_left_by_a_killed_worker_is_replaced(house: House) -> None:
    """After kill -9 the stale socket rings nobody, and the next worker takes its place."""
    house.hear("one")
    first = house.until("answered-one")
    os.kill(first, signal.SIGKILL)
    assert socket_path(house.data).exists()
    house.hear("two")

    assert house.until("answered-two") != first


def test_a_worker_killed_with_work_left_is_followed_by_another(house: House) -> None:
    """A worker that dies over a message is started again without anybody ringing."""
    house.hold("claimed")
    (house.data / "messages" / "one").touch()
    house.dispatcher.wake()
    first = house.until("claimed")
    (house.data / "claimed").unlink()
    os.kill(first, signal.SIGKILL)

    assert house.until("answered-one") != first


def test_a_worker_that_exits_with_an_error_is_followed_by_another(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """A non-zero exit with work left is logged with its code and starts another worker."""
    (house.data / "ill").touch()
    with caplog.at_level("INFO"):
        house.hear("one")
        house.until("answered-one")

    assert house.count("born") == 2
    (died,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (died.action, died.exit_code) == ("worker_died", 3)


def test_a_failing_worker_is_not_started_for_every_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While a worker rests after its death, messages wait for it instead of starting more."""

    def times(action: str) -> list[float]:
        return [each.created for each in caplog.records if vars(each).get("action") == action]

    caplog.set_level("INFO")
    house = House(tmp_path / "data", first_pause=0.5)
    (house.data / "ill").touch()
    house.hear("one")
    house.until("claimed")
    while not times("worker_died"):
        time.sleep(0.005)
    time.sleep(0.05)  # from the log line to the rest it is one step
    for number in range(10):
        house.hear(f"m{number}")
    assert len(times("worker_started")) == 1

    house.until("answered-one")
    assert house.count("born") == 2
    assert times("worker_started")[1] - times("worker_died")[0] > 0.45
    house.end()


def test_the_worker_of_a_killed_web_process_is_looked_after(house: House) -> None:
    """A worker that somebody else started is watched too, and replaced when it dies."""
    with subprocess.Popen([*house.command, "--ready-fd", "0"], stdin=subprocess.PIPE) as foreign:
        house.until("claimed")
        house.hold("answered-one")
        house.hear("one")
        assert house.until("answered-one") == foreign.pid
        (house.data / "answered-one").unlink()
        (house.data / "messages" / "two").touch()  # stored, and nobody rings for it

        foreign.kill()

    assert house.until("answered-two") != foreign.pid


def test_a_wake_that_meets_a_leaving_worker_starts_its_successor(short: House) -> None:
    """A message stored after the leaving worker's last look is answered by the next one."""
    go_on = short.hold("leaving")
    short.hear("one")
    first = short.until("leaving")
    short.hear("two")
    short.until("born")
    assert short.count("answered-two") == 0
    go_on()

    assert short.until("answered-two") != first
    assert not short.has_work()


def test_a_wake_before_the_last_look_is_seen_by_it(short: House) -> None:
    """A message stored between the closing of the socket and the last look keeps the worker."""
    go_on = short.hold("closed")
    short.hear("one")
    first = short.until("closed")
    short.hear("two")
    go_on()

    short.until("answered-two")
    assert not short.has_work()
    assert first


def test_hand_overs_lose_nothing(short: House) -> None:
    """Messages that come while workers come and go are all answered, one worker at a time."""
    for number in range(25):
        short.hear(f"m{number:02}")
        short.until(f"answered-m{number:02}")

    assert not short.has_work()


def test_a_stop_is_passed_on_and_waited_for(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """A stop reaches the worker, returns when it has ended, and lets no other one start."""
    caplog.set_level("INFO")
    house.hear("one")
    pid = house.until("answered-one")

    house.dispatcher.stop()

    house.until("stopping")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    started = len(caplog.records)
    house.hear("two")
    assert house.has_work()
    assert len(caplog.records) == started


def test_a_stop_reaches_the_worker_of_a_killed_web_process(house: House) -> None:
    """A worker that somebody else started is told to stop, and waited for."""
    with subprocess.Popen([*house.command, "--ready-fd", "0"], stdin=subprocess.PIPE) as foreign:
        house.until("claimed")

        house.dispatcher.stop()

        house.until("stopping")
        assert foreign.wait(5) == 0


def test_a_program_that_cannot_be_started_is_tried_again(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """When no process can be made, the message is kept and the start is repeated."""
    missing = house.data / "python"
    house.dispatcher = house.new_dispatcher(0.05, str(missing))
    house.hear("one")
    missing.symlink_to(sys.executable)

    house.until("answered-one")
    assert "worker_not_started" in [getattr(r, "action", "") for r in caplog.records]


def test_a_long_folder_name_is_no_obstacle(tmp_path: Path) -> None:
    """Where the data folder's path is too long for a socket, waking works all the same."""
    house = House(tmp_path / ("x" * 100) / "data")
    try:
        house.hear("one")
        first = house.until("answered-one")
        house.hear("two")

        assert house.until("answered-two") == first
        assert len(os.fsencode(socket_path(house.data))) <= 100
        assert not (house.data / "worker.sock").exists()
    finally:
        house.end()


def test_a_full_bell_is_a_heard_one(tmp_path: Path) -> None:
    """A worker too busy to take its rings has been rung all the same, and nobody blocks."""
    with Doorbell(tmp_path) as bell:
        assert bell.claim()

        assert all(ring(socket_path(tmp_path)) for _ in range(5000))

        bell.drain()
        assert select.select([bell.socket], [], [], 0)[0] == []


def test_the_bell_is_private(tmp_path: Path) -> None:
    """Socket and lock are the owner's alone."""
    with Doorbell(tmp_path / "data") as bell:
        assert bell.claim()

        for name in ("worker.sock", "worker.lock"):
            assert (tmp_path / "data" / name).stat().st_mode & 0o077 == 0
