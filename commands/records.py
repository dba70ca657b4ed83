"""Opens the conversations to look at them only."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from agent.errors import StorageError

if TYPE_CHECKING:
    from commands.application import Application


@contextmanager
def open_records(app: "Application") -> Iterator[Any]:
    """Give a connection for the queries of `app.database`; None where nobody has written yet.

    An SQLite file is never made or changed. Raises `StorageError` for one that is damaged, or
    older than this program.
    """
    if app.settings.database_url:
        with app.database.read() as shared:
            yield shared
        return
    path = app.settings.data / "clone.db"
    if not path.exists():
        yield None
        return
    # Not through `app.database`, which would make or change its tables.
    connection = app.inspect(path)
    connection.row_factory = _row
    try:
        yield connection
    except sqlite3.DatabaseError as error:
        raise StorageError(
            f"{path.name} cannot be read as it is: {error}; run `clone migrate`, and `clone doctor`"
        ) from error
    finally:
        connection.close()


def _row(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip((column[0] for column in cursor.description), values, strict=True))
