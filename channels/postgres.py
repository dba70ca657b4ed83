"""The conversation database on PostgreSQL, shared by every machine of an installation."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import aiosql
import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from agent.errors import SettingsError, StorageError
from agent.postgres import CONNECTION
from agent.settings import Secret
from channels.postgres_schema import bring_up_to_date
from channels.queue import defer

T = TypeVar("T")
_SQL = Path(__file__).parent / "sql"
#: How long a thread waits for a free connection.
_WAIT_SECONDS = 5.0


class PostgresDatabase:
    """Connects at first use; each thread has a connection of its own for a block."""

    #: As many connections one process keeps at most.
    most_at_once = 4

    def __init__(self, url: Secret) -> None:
        """Raises `SettingsError` for an address that cannot be read."""
        try:
            conninfo_to_dict(url.reveal())
        except psycopg.ProgrammingError:
            # The library's own words would quote the password.
            raise SettingsError(
                "DATABASE_URL: cannot be read; write postgresql://user:password@host/database, "
                "with special characters of the password as %XX"
            ) from None
        #: Where it is, for what has connections of its own.
        self.url = url
        self._lock = threading.Lock()

    @cached_property
    def queries(self) -> Any:
        """The named queries of `channels/sql`, each taking the connection first."""
        return aiosql.from_path(_SQL, "psycopg", mandatory_parameters=False)

    @contextmanager
    def write(self, contact: str | None = None) -> Iterator[psycopg.Connection[Any]]:
        """Give a transaction: all of the block is stored, or nothing.

        With a `contact`, their row is locked first: their messages and their turns then follow
        one another as if only one process wrote. Raises `StorageError` when the database cannot
        be reached or refuses.
        """
        with self._lend() as connection, connection.transaction():
            if contact is not None:
                self.queries.postgres.lock_contact(connection, contact=contact)
            yield connection

    @contextmanager
    def read(self) -> Iterator[psycopg.Connection[Any]]:
        """Give the connection for queries that change nothing."""
        with self._lend() as connection:
            yield connection

    def share(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return what `work` gives: its server shares commits by itself."""
        return work(*arguments)

    def announce(self, connection: psycopg.Connection[Any], contact: str) -> None:
        """Make a job for the contact, and news for a running one, part of the transaction."""
        defer(connection, contact)
        self.queries.postgres.publish_news(connection, contact=contact)

    def contacts_without_job(self) -> list[str]:
        """Return whom something is owed to while no job stands for them."""
        with self.read() as connection:
            rows = self.queries.postgres.contacts_without_job(connection)
            return [row["contact"] for row in rows]

    def secret(self) -> Secret:
        """Return the installation's secret, made by whichever process asks first."""
        with self.write() as connection:
            queries = self.queries.postgres
            queries.keep_value(connection, name="secret", value=secrets.token_urlsafe(32))
            return Secret(queries.value(connection, name="secret"))

    def migrate(self) -> None:
        """Bring the tables up to date; raises `StorageError` for a newer database."""
        with self._lend():
            pass

    def close(self) -> None:
        """Let go of the connections; the next use opens others."""
        with self._lock:
            pool = self.__dict__.pop("_pool", None)
        if pool is not None:
            pool.close()

    @contextmanager
    def _lend(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            pool = self._open_pool()
            connection = _living_connection(pool)
            try:
                with connection:
                    yield connection
            finally:
                pool.putconn(connection)
        except psycopg.Error as error:
            # Only the first words: the details quote the row.
            reason = error.diag.message_primary or str(error).partition("\n")[0]
            raise StorageError(f"the PostgreSQL database refused: {reason}") from error

    def _open_pool(self) -> ConnectionPool[psycopg.Connection[Any]]:
        with self._lock:
            return self._pool

    @cached_property
    def _pool(self) -> ConnectionPool[psycopg.Connection[Any]]:
        options = {**CONNECTION, "row_factory": dict_row}
        with psycopg.connect(self.url.reveal(), autocommit=True, **options) as connection:
            bring_up_to_date(connection)
        return ConnectionPool(
            self.url.reveal(),
            kwargs=options,
            min_size=0,
            max_size=self.most_at_once,
            timeout=_WAIT_SECONDS,
            open=True,
        )


def _living_connection(
    pool: ConnectionPool[psycopg.Connection[Any]],
) -> psycopg.Connection[Any]:
    """Return a connection that the server still knows, at the price of one round trip.

    The pool can check by itself, but then pauses longer after each dead one: a restart of the
    database kills them all, and a webhook would not outlast the pauses.
    """
    end = time.monotonic() + _WAIT_SECONDS
    while True:
        connection = pool.getconn(end - time.monotonic())
        try:
            pool.check_connection(connection)
        except psycopg.OperationalError:
            pool.putconn(connection)
        else:
            return connection
