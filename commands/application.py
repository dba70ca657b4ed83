"""What `app.py` hands to a command."""

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from flask import Flask

    from agent.clone import Clone
    from agent.settings import Settings
    from channels.database import Database
    from channels.doorbell import Doorbell
    from knowledge.retriever import KnowledgeRetriever
    from prompts.persona import Persona


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
    def database(self) -> "Database":
        """Inbox, turns and outbox."""
        ...

    @property
    def doorbell(self) -> "Doorbell":
        """What the worker listens to."""
        ...

    @property
    def knowledge(self) -> "KnowledgeRetriever":
        """What the clone has read."""
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

    async def work(self) -> None:
        """Run the worker; the doorbell must be claimed."""
        ...
