"""The conversation database: one connection, its numbered migrations and its named queries."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import aiosql

from agent.errors import StorageError
from agent.storage import migrate, open_sqlite, read_migrations, savepoint, transaction
from agent.turnstile import Turnstile
from channels.group_commit import GroupCommit

_HERE = Path(__file__).parent

T = TypeVar("T")


class Database:
    """Opened at first use; threads of one process take turns on its only connection."""

    #: Those that wait for the connection share the next commit.
    most_at_once = 16

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._commits = GroupCommit(self)
        self._turnstile = Turnstile(path)
        self._batch: _Batch | None = None

    @cached_property
    def queries(self) -> Any:
        """The named queries of `channels/sql`, each taking the connection first."""
        return aiosql.from_path(_HERE / "sql", "sqlite3", mandatory_parameters=False)

    @contextmanager
    def write(self, contact: str | None = None) -> Iterator[sqlite3.Connection]:
        """Hold the write lock for a block, whoever it concerns: all is stored, or nothing.

        Raises `StorageError` when the database stays locked or cannot be written.
        """
        with self._turn() as connection:
            if self._batch is None:
                with self._turnstile.passed(), transaction(connection):
                    yield connection
                return
            self._batch.begin(connection, self._turnstile)
            with savepoint(connection):
                yield connection

    def share(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return what `work` gives once it is stored; works that wait share one commit."""
        return self._commits.run(work, *arguments)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Commit all that this thread writes in a block at its end, at once.

        Raises `StorageError` when none of it was stored.
        """
        with self._turn() as connection, _Batch() as batch:
            self._batch = batch
            try:
                yield
                batch.check(connection)
            finally:
                self._batch = None

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for queries that change nothing."""
        with self._turn() as connection:
            yield connection

    def announce(self, connection: sqlite3.Connection, contact: str) -> None:
        """Do nothing: whoever stored the work rings the only worker there is."""

    def migrate(self) -> None:
        """Bring the tables up to date; raises `StorageError` for a newer database."""
        with self._turn():
            pass

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        with self._lock:
            connection = self.__dict__.pop("_connection", None)
            if connection is not None:
                connection.close()
            self._turnstile.close()

    @contextmanager
    def _turn(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.DatabaseError as error:
                raise StorageError(f"the database {self._path.name} refused: {error}") from error

    @cached_property
    def _connection(self) -> sqlite3.Connection:
        connection = open_sqlite(self._path)
        migrate(connection, read_migrations(_HERE / "migrations" / "sqlite"))
        # Rows by name; aiosql's single values want a plain dictionary, not `sqlite3.Row`.
        connection.row_factory = _row
        return connection


class _Batch(ExitStack):
    """A transaction of several works that begins with the first that writes: looks need no lock."""

    _begun = False

    def begin(self, connection: sqlite3.Connection, turnstile: Turnstile) -> None:
        """Take the write lock, once, until the batch ends."""
        if self._begun:
            self.check(connection)
            return
        self.enter_context(turnstile.passed())
        self.enter_context(transaction(connection))
        self._begun = True

    def check(self, connection: sqlite3.Connection) -> None:
        """Refuse to go on without what SQLite gave up by itself, when, say, the disk is full."""
        if self._begun and not connection.in_transaction:
            raise sqlite3.OperationalError("the transaction was rolled back")


def _row(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip((column[0] for column in cursor.description), values, strict=True))
