"""What inbox, turns and outbox ask of a database, whichever it is."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Ledger(Protocol):
    """Keeps the messages, turns and replies; any thread may use it."""

    @property
    def queries(self) -> Any:
        """The named queries of `channels/sql`, each taking the connection first."""
        ...

    @property
    def most_at_once(self) -> int:
        """How many threads may ask it at once; more would only be in each other's way."""
        ...

    def write(self, contact: str | None = None) -> AbstractContextManager[Any]:
        """Give a transaction: all of the block is stored, or nothing.

        With a `contact`, no other transaction of theirs comes between its reads and its writes.
        Raises `StorageError` when nothing could be stored.
        """
        ...

    def read(self) -> AbstractContextManager[Any]:
        """Give a connection for queries that change nothing; raises `StorageError`."""
        ...

    def share(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return what `work` gives once it is stored; works that wait may share one commit.

        Whatever `work` writes goes through `write`; raises what it raises, or `StorageError`.
        """
        ...

    def announce(self, connection: Any, contact: str) -> None:
        """Make it part of a transaction that workers learn of the contact's new work."""
        ...

    def migrate(self) -> None:
        """Bring the tables up to date; raises `StorageError` for a newer database."""
        ...

    def close(self) -> None:
        """Let go of the database; the next use opens it again."""
        ...
