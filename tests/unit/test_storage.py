"""Opening SQLite, transactions and migrations."""

import sqlite3
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.errors import StorageError
from agent.storage import journal_mode, migrate, open_sqlite, read_migrations, transaction


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database in a folder that does not exist yet."""
    opened = open_sqlite(tmp_path / "state" / "clone.db")
    opened.execute("CREATE TABLE note (text TEXT)")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 6, 23), "truncate"),
        ((3, 7, 0), "truncate"),
        ((3, 40, 1), "truncate"),
        ((3, 44, 5), "truncate"),
        ((3, 44, 6), "wal"),
        ((3, 45, 0), "truncate"),
        ((3, 50, 6), "truncate"),
        ((3, 50, 7), "wal"),
        ((3, 51, 2), "truncate"),
        ((3, 51, 3), "wal"),
        ((3, 52, 0), "wal"),
        ((4, 0, 0), "wal"),
    ],
)
def test_wal_is_used_only_on_a_library_with_the_fix(
    version: tuple[int, int, int], mode: str
) -> None:
    """The journal is WAL exactly where the library has the fix of its reset bug."""
    assert journal_mode(version) == mode


def test_an_opened_database_is_private_and_careful(connection: sqlite3.Connection) -> None:
    """File and folder belong to the user alone, and every pragma of the design is set."""
    path = Path(connection.execute("PRAGMA database_list").fetchone()[2])

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    pragmas = ("journal_mode", "synchronous", "secure_delete", "foreign_keys", "busy_timeout")
    values = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    assert values == [journal_mode(sqlite3.sqlite_version_info), 2, 1, 1, 5000]


def test_a_connection_may_cross_threads(connection: sqlite3.Connection) -> None:
    """A connection opened in one thread answers in another."""
    found: list[int] = []
    thread = threading.Thread(
        target=lambda: found.append(connection.execute("SELECT count(*) FROM note").fetchone()[0])
    )
    thread.start()
    thread.join()

    assert found == [0]


def test_a_read_only_connection_reads_and_never_writes(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    """Read only sees the rows, refuses a write, and creates no file that is missing."""
    connection.execute("INSERT INTO note VALUES ('a')")
    reader = open_sqlite(tmp_path / "state" / "clone.db", read_only=True)

    assert reader.execute("SELECT text FROM note").fetchall() == [("a",)]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM note")
    reader.close()
    with pytest.raises(StorageError, match="cannot open the database"):
        open_sqlite(tmp_path / "absent.db", read_only=True)
    assert not (tmp_path / "absent.db").exists()


@pytest.mark.parametrize("read_only", [True, False])
def test_a_file_that_is_no_database_is_refused_with_a_remedy(
    tmp_path: Path, read_only: bool
) -> None:
    """A foreign file is neither read nor overwritten, and the error says what to do."""
    path = tmp_path / "clone.db"
    path.write_bytes(b"this is a letter, not a database. " * 40)

    with pytest.raises(StorageError, match="not a database; move it away"):
        open_sqlite(path, read_only=read_only)
    assert path.read_bytes().startswith(b"this is a letter")


def test_a_path_that_cannot_exist_is_refused_with_a_remedy(tmp_path: Path) -> None:
    """A folder in the place of the file, or a file in the place of the folder, is explained."""
    (tmp_path / "file").write_text("x")

    with pytest.raises(StorageError, match="cannot open the database"):
        open_sqlite(tmp_path)
    with pytest.raises(StorageError, match="this user may write"):
        open_sqlite(tmp_path / "file" / "clone.db")


def test_a_path_with_special_characters_is_that_path(tmp_path: Path) -> None:
    """Characters that mean something in a URI stay part of the file's name."""
    path = tmp_path / "é 100%?mode=memory#x.db"
    open_sqlite(path).close()

    assert path.exists()


def test_a_transaction_is_all_or_nothing(connection: sqlite3.Connection) -> None:
    """A block that raises leaves nothing behind; one that ends is kept."""

    def fail_half_way() -> None:
        with transaction(connection):
            connection.execute("INSERT INTO note VALUES ('lost')")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail_half_way()
    with transaction(connection) as same:
        same.execute("INSERT INTO note VALUES ('kept')")

    assert not connection.in_transaction
    assert connection.execute("SELECT text FROM note").fetchall() == [("kept",)]


def test_migrations_run_once_and_in_order(connection: sqlite3.Connection) -> None:
    """A script runs when its number is new, statement by statement, triggers included."""
    first = (
        "CREATE TABLE a (x INTEGER); -- a comment; with a semicolon\n"
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM note; SELECT 1; END;\n"
        "INSERT INTO a VALUES (1)"
    )
    migrate(connection, [(1, first)])
    migrate(connection, [(1, first), (2, "INSERT INTO a VALUES (2);")])
    migrate(connection, [(1, first), (2, "INSERT INTO a VALUES (2);")])

    assert connection.execute("SELECT x FROM a ORDER BY x").fetchall() == [(1,), (2,)]
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_failing_migration_is_undone(connection: sqlite3.Connection) -> None:
    """The statements before the mistake are rolled back, and the number stays."""
    with pytest.raises(StorageError, match="migration 001 failed and was undone"):
        migrate(connection, [(1, "CREATE TABLE a (x); INSERT INTO nowhere VALUES (1);")])

    assert connection.execute("PRAGMA user_version").fetchone() == (0,)
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'a'").fetchall() == []


def test_a_newer_database_is_refused(connection: sqlite3.Connection) -> None:
    """An older program does not touch what a newer one wrote."""
    migrate(connection, [(7, "CREATE TABLE a (x)")])

    with pytest.raises(StorageError, match="newer version"):
        migrate(connection, [(1, "CREATE TABLE b (x)")])


def test_processes_that_migrate_together_apply_each_script_once(tmp_path: Path) -> None:
    """Many connections that migrate at the same moment all succeed."""
    path = tmp_path / "clone.db"
    open_sqlite(path).close()
    scripts = [(n, f"CREATE TABLE t{n} (x)") for n in range(1, 6)]

    def run(_: int) -> int:
        connection = open_sqlite(path)
        migrate(connection, scripts)
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.close()
        return version

    with ThreadPoolExecutor(max_workers=6) as pool:
        assert list(pool.map(run, range(6))) == [5] * 6


def test_migrations_are_read_from_numbered_files(tmp_path: Path) -> None:
    """Only `NNN_name.sql` files count, in the order of their numbers, each number once."""
    (tmp_path / "002_later.sql").write_text("SELECT 2;")
    (tmp_path / "001_first.sql").write_text("SELECT 1;")
    (tmp_path / "queries.sql").write_text("SELECT 0;")

    assert read_migrations(tmp_path) == [(1, "SELECT 1;"), (2, "SELECT 2;")]

    (tmp_path / "002_other.sql").write_text("SELECT 3;")
    with pytest.raises(StorageError, match="002"):
        read_migrations(tmp_path)
