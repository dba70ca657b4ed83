"""Writers of one database: threads that share commits, and processes that pass in turn."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from agent.keys import Keys
from agent.messages import IncomingMessage
from agent.settings import Secret
from agent.turnstile import Turnstile
from channels.database import Database
from channels.inbox import Inbox

ROOT = Path(__file__).resolve().parent.parent.parent
#: Takes the turnstile, says so, and gives it back when told to.
HOLD = """
import sys
from pathlib import Path
from agent.turnstile import Turnstile
with Turnstile(Path(sys.argv[1])).passed():
    print("held", flush=True)
    sys.stdin.readline()
"""


def message(number: int) -> IncomingMessage:
    """Return one of many messages, each of another person."""
    return IncomingMessage(
        channel="test",
        message_id=f"m{number}",
        contact_id=f"c{number}",
        address=f"a{number}",
        kind="text",
        text="oi",
    )


def test_all_who_wait_together_are_stored_and_one_that_fails_undoes_only_itself(
    tmp_path: Path,
) -> None:
    """However works meet in a commit, each is stored whole, or raises and leaves nothing."""
    database = Database(tmp_path / "clone.db")
    together = threading.Barrier(16)

    def write(number: int) -> None:
        def work() -> None:
            with database.write() as connection:
                database.queries.remember_contact(
                    connection, contact=f"c{number}", channel="test", address="a", now=1.0
                )
                if number % 4 == 0:
                    raise ValueError(number)

        together.wait(10)
        database.share(work)

    with ThreadPoolExecutor(16) as pool:
        ended = [pool.submit(write, number) for number in range(16)]

    failed = {number for number, each in enumerate(ended) if each.exception() is not None}
    with database.read() as connection:
        stored = {row["contact"] for row in connection.execute("SELECT contact FROM contacts")}
    assert failed == {0, 4, 8, 12}
    assert all(isinstance(ended[number].exception(), ValueError) for number in failed)
    assert stored == {f"c{number}" for number in range(16)} - {f"c{n}" for n in failed}
    database.close()


def test_messages_that_come_at_once_are_each_stored_once(tmp_path: Path) -> None:
    """Deliveries from many threads, repeated ones among them, end as one row a message."""
    database = Database(tmp_path / "clone.db")
    inbox = Inbox(database, Keys(Secret("k" * 32)))

    with ThreadPoolExecutor(12) as pool:
        accepted = list(pool.map(inbox.accept, [message(n) for n in range(20)] * 3))

    assert sum(each.new for each in accepted) == 20
    with database.read() as connection:
        (row,) = connection.execute("SELECT COUNT(*) AS rows FROM inbox")
        assert row["rows"] == 20
    database.close()


def test_a_process_waits_for_the_one_that_writes(tmp_path: Path) -> None:
    """Nobody passes the turnstile while another process is behind it, and it is free after."""
    path = tmp_path / "clone.db"
    passed = threading.Event()

    def pass_through() -> None:
        with Turnstile(path).passed():
            passed.set()

    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        waiting = threading.Thread(target=pass_through)
        waiting.start()

        assert not passed.wait(0.2)
        other.stdin.write("\n")
        other.stdin.flush()

        assert passed.wait(5)
        waiting.join(5)
