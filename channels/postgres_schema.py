"""Brings a PostgreSQL database up to date: our numbered tables, then the queue's own."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
from procrastinate.schema import SchemaManager

from agent.errors import StorageError
from agent.storage import read_migrations

_OURS = Path(__file__).parent / "migrations" / "postgres"
#: Stands for the queue's whole schema as the library creates it.
_QUEUE = "procrastinate"
#: Any number, the same in every process: only one of them changes tables at a time.
_LOCK = 4_310_622_001

Connection = psycopg.Connection[Any]


def bring_up_to_date(connection: Connection) -> None:
    """Apply what the database has not seen, each migration in one transaction.

    Several machines may call it at once. Raises `StorageError` when the database was written by
    a newer version of this program, or when a migration fails.
    """
    seen = _seen(connection)
    ours = [(f"{number:03}", script) for number, script in read_migrations(_OURS)]
    if any(name.isdecimal() and name > ours[-1][0] for name in seen):
        raise StorageError(
            "the database was written by a newer version of this program; update the program, "
            "or restore the backup made before the update"
        )
    for names, script in (*(([name], script) for name, script in ours), *_of_queue(seen)):
        if names[0] not in seen:
            _apply(connection, names, script)


def _of_queue(seen: set[str]) -> Iterator[tuple[list[str], str]]:
    """Yield the queue's schema for a new database, or what its library changed since."""
    changes = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    if _QUEUE not in seen:
        yield [_QUEUE, *(change.stem for change in changes)], SchemaManager.get_schema()
        return
    for change in changes:
        yield [change.stem], change.read_text(encoding="utf-8")


def _seen(connection: Connection) -> set[str]:
    table = connection.execute("SELECT to_regclass('schema_version') AS found").fetchone()
    if table is None or table["found"] is None:
        return set()
    return {row["name"] for row in connection.execute("SELECT name FROM schema_version")}


def _apply(connection: Connection, names: Sequence[str], script: str) -> None:
    try:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            connection.execute(
                "CREATE TABLE IF NOT EXISTS schema_version (name TEXT PRIMARY KEY,"
                " applied_at TIMESTAMPTZ NOT NULL DEFAULT now())"
            )
            # Another process may have applied it while this one waited for the lock.
            if names[0] in _seen(connection):
                return
            connection.execute(script.encode())
            connection.cursor().executemany(
                "INSERT INTO schema_version (name) VALUES (%s)", [(name,) for name in names]
            )
    except psycopg.errors.OperationalError:
        raise
    except psycopg.Error as error:
        reason = error.diag.message_primary or type(error).__name__
        raise StorageError(f"migration {names[0]} failed and was undone: {reason}") from error
