"""The one way this project opens SQLite, writes to it and brings its tables up to date."""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent.errors import StorageError

_BUSY_MILLISECONDS = 5000
_MIGRATION = re.compile(r"(\d{3})_\w+\.sql")

# Releases that carry the fix of the WAL-reset bug (several connections racing a checkpoint can
# corrupt the file): the first of its branch, and every patch release after it.
_WAL_FIXED = (3, 51, 3)
_WAL_BACKPORTS = {(3, 44): 6, (3, 50): 7}
_WAL_INTRODUCED = (3, 7, 0)


def journal_mode(version: tuple[int, int, int]) -> str:
    """Return the journal that is safe with SQLite `version`: `wal`, or `truncate`.

    WAL only where the library has the fix of its reset bug; the rollback journal elsewhere.
    """
    if version < _WAL_INTRODUCED:
        return "truncate"
    backport = _WAL_BACKPORTS.get(version[:2])
    if version >= _WAL_FIXED or (backport is not None and version[2] >= backport):
        return "wal"
    return "truncate"


def open_sqlite(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the database at `path`, private to this user, in autocommit mode.

    The connection may cross threads, but its callers take turns. Read only never creates the
    file. Raises `StorageError` when the file cannot be opened or is not a database.
    """
    try:
        if not read_only:
            _make_private(path)
        mode = "ro" if read_only else "rw"
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=_BUSY_MILLISECONDS / 1000,
        )
    except (OSError, sqlite3.OperationalError) as error:
        raise StorageError(
            f"cannot open the database {path} ({error}); check that the folder exists and that "
            "this user may write to it"
        ) from error
    try:
        _configure(connection, read_only=read_only)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _unusable(path, error) from error
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Hold the write lock for a block: committed at its end, rolled back if it raises.

    Raises `sqlite3.OperationalError` when another process keeps the lock longer than 5 seconds.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        # SQLite itself rolls back after some errors (disk full, for one).
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def savepoint(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Make a block of an open transaction undoable by itself: undone if it raises."""
    connection.execute("SAVEPOINT part")
    try:
        yield connection
        connection.execute("RELEASE part")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK TO part")
            connection.execute("RELEASE part")
        raise


def read_migrations(folder: Path) -> list[tuple[int, str]]:
    """Return the `NNN_name.sql` files of `folder` as (number, script), in order of number."""
    found: dict[int, str] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _MIGRATION.fullmatch(path.name)
        if match is None:
            continue
        number = int(match.group(1))
        if number in found:
            raise StorageError(f"two migrations have the number {number:03}: rename one of them")
        found[number] = path.read_text(encoding="utf-8")
    return sorted(found.items())


def migrate(connection: sqlite3.Connection, migrations: Sequence[tuple[int, str]]) -> None:
    """Apply the (number, script) pairs that the database has not seen, each in one transaction.

    Several processes may call it at once. Raises `StorageError` when the database was written
    by a newer version of this program, or when a script fails.
    """
    newest = max((number for number, _ in migrations), default=0)
    if _schema_version(connection) > newest:
        raise StorageError(
            "the database was written by a newer version of this program; update the program, "
            "or restore the backup made before the update"
        )
    for number, script in migrations:
        if _schema_version(connection) < number:
            _apply(connection, number, script)


def _apply(connection: sqlite3.Connection, number: int, script: str) -> None:
    try:
        with transaction(connection):
            # Another process may have applied it while this one waited for the lock.
            if _schema_version(connection) >= number:
                return
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number:d}")
    except sqlite3.Error as error:
        raise StorageError(f"migration {number:03} failed and was undone: {error}") from error


def _statements(script: str) -> Iterator[str]:
    """Cut a script where SQLite says that a statement is complete (triggers hold semicolons).

    `executescript` would commit the open transaction, hence one by one.
    """
    pending = ""
    for piece in re.split(r"(?<=;)", script):
        pending += piece
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if pending.strip():
        yield pending


def _schema_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _make_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite gives a journal the mode of its database, so the file is made before it opens it.
    if not path.exists():
        path.touch(mode=0o600, exist_ok=True)


def _configure(connection: sqlite3.Connection, *, read_only: bool) -> None:
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
    connection.execute("PRAGMA foreign_keys = ON")
    if read_only:
        # Reads the header, so that a file which is no database is refused here and not later.
        connection.execute("PRAGMA schema_version").fetchone()
        return
    mode = journal_mode(sqlite3.sqlite_version_info)
    # A database that is already in this mode needs no lock for it; switching needs an exclusive
    # one, which `busy_timeout` does not always wait for.
    current = connection.execute("PRAGMA journal_mode").fetchone()[0]
    if current != mode:
        connection.execute(f"PRAGMA journal_mode = {mode}")
    # WAL would allow NORMAL, which may lose the last commits when the power fails.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")


def _unusable(path: Path, error: sqlite3.DatabaseError) -> StorageError:
    if "not a database" in str(error):
        return StorageError(f"{path} is not a database; move it away or restore a backup")
    if "unable to open" in str(error):
        return StorageError(
            f"cannot open the database {path}; check that this user may write to its folder"
        )
    return StorageError(f"the database {path} cannot be used: {error}")
