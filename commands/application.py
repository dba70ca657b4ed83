"""What `app.py` hands to a command."""

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol, TextIO

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from flask import Flask

    from agent.clone import Clone
    from agent.messages import Audio
    from agent.ports import SoundForm
    from agent.services import Services
    from agent.settings import Settings
    from channels.doorbell import Doorbell
    from channels.ledger import Ledger
    from knowledge.documents import SourceFile, Unreadable
    from knowledge.indexer import Indexer
    from prompts.persona import Persona


class KeptVoice(Protocol):
    """A voice that keeps what it has said."""

    async def speak(self, text: str, form: "SoundForm" = "ogg") -> "Audio":
        """Return `text` as sound; raises `VendorError`."""
        ...

    async def holds(self, text: str, form: "SoundForm" = "ogg") -> bool:
        """Tell whether these words would cost nothing."""
        ...


class Sound(Protocol):
    """What hears and speaks; the voice is None where it is off."""

    @property
    def voice(self) -> KeptVoice | None:
        """The person's voice."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


class Application(Protocol):
    """Everything the settings describe; a part is built when it is first asked for."""

    @property
    def settings(self) -> "Settings":
        """The settings; raises `SettingsError`."""
        ...

    @property
    def persona(self) -> "Persona":
        """Who the clone is; raises `SettingsError`."""
        ...

    @property
    def database(self) -> "Ledger":
        """Inbox, turns and outbox."""
        ...

    @property
    def doorbell(self) -> "Doorbell":
        """What the worker listens to."""
        ...

    @property
    def indexer(self) -> "Indexer":
        """What reads the owner's files into the index; raises `SettingsError`."""
        ...

    @property
    def services(self) -> "Services":
        """What a turn works with; raises `SettingsError`."""
        ...

    @property
    def sound(self) -> Sound:
        """What hears and speaks; raises `SettingsError`."""
        ...

    def found_documents(self) -> "list[SourceFile | Unreadable]":
        """Return the owner's files as they stand in the folder now."""
        ...

    def log_to(self, level: int, stream: TextIO | None = None) -> None:
        """Send log lines from `level` up to a stream, standard output by default."""
        ...

    def inspect(self, path: "Path") -> "sqlite3.Connection":
        """Open a database to look at it only; raises `StorageError`."""
        ...

    def web(self, *, simulator: bool = False) -> "Flask":
        """Return the web application."""
        ...

    def graph(self, *, track_scratch: bool = False) -> Any:
        """Return the graph without a checkpointer."""
        ...

    def clone(self, *, remember: bool = True) -> "AbstractAsyncContextManager[Clone]":
        """Give a clone for the life of a process."""
        ...

    async def work(self, *, stay: bool = False) -> None:
        """Run the worker until stopped or, with the doorbell claimed and no `stay`, idle."""
        ...
