"""The only composition root: the web application, Studio's graph and the `clone` command."""

import gc
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, nullcontext
from functools import cached_property, partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from dotenv import load_dotenv

from agent.errors import SettingsError
from agent.keys import Keys, installation_secret
from agent.logs import configure_logging
from agent.settings import HOUSE, Settings
from agent.storage import open_sqlite
from agent.tracing import switch_tracing
from prompts.persona import Persona, PersonaError, load_persona

if TYPE_CHECKING:
    from flask import Flask
    from twilio.rest import Client

    from agent.adapters.sound import Sound
    from agent.clone import Clone
    from agent.graph import Graph
    from agent.services import Services
    from channels.crew import Hire
    from channels.dispatch import Dispatcher
    from channels.doorbell import Doorbell
    from channels.ledger import Ledger
    from channels.postgres import PostgresDatabase
    from channels.recordings import SimulatorRecordings
    from knowledge.documents import SourceFile, Unreadable
    from knowledge.indexer import Indexer
    from knowledge.retriever import KnowledgeRetriever

#: How long a thread of the worker may compute before another one is let in.
_SWITCH_SECONDS = 0.0005


class Application:
    """Everything the settings describe, each part built at first use; heavy ones import late."""

    #: Sends log lines from a level up to a stream.
    log_to = staticmethod(configure_logging)
    #: Opens a database to look at it only; raises `StorageError`.
    inspect = staticmethod(partial(open_sqlite, read_only=True))

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = dict(env)

    @cached_property
    def settings(self) -> Settings:
        """The settings; raises `SettingsError`."""
        settings = Settings.from_env(self._env)
        if settings.database_url and not find_spec("procrastinate"):
            raise SettingsError("DATABASE_URL: PostgreSQL needs: pip install '.[postgres]'")
        return settings

    @cached_property
    def persona(self) -> Persona:
        """Who the clone is; raises `SettingsError` with every mistake of the file."""
        try:
            return load_persona(self.settings.persona)
        except PersonaError as error:
            raise SettingsError(str(error)) from error

    @cached_property
    def keys(self) -> Keys:
        """The hashes of this installation."""
        if self.shared_database and not self.settings.secret:
            return Keys(self.shared_database.secret())
        return Keys(installation_secret(self.settings.secret, self.settings.data))

    @cached_property
    def database(self) -> "Ledger":
        """Inbox, turns and outbox."""
        from channels.database import Database

        return self.shared_database or Database(self.settings.data / "clone.db")

    @cached_property
    def shared_database(self) -> "PostgresDatabase | None":
        """The database of several machines, where DATABASE_URL names one."""
        if not self.settings.database_url:
            return None
        from channels.postgres import PostgresDatabase

        return PostgresDatabase(self.settings.database_url)

    @cached_property
    def dispatcher(self) -> "Dispatcher":
        """What wakes the worker and starts it."""
        from channels.dispatch import Dispatcher
        from channels.turns import Turns

        turns = Turns(self.database, self.settings.burst_seconds)
        command = [sys.executable, str(HOUSE / "app.py"), "work"]
        return Dispatcher(self.settings.data, command, self._env, has_work=turns.any_owed)

    @cached_property
    def doorbell(self) -> "Doorbell":
        """What the worker listens to."""
        from channels.doorbell import Doorbell

        return Doorbell(self.settings.data)

    @cached_property
    def knowledge(self) -> "KnowledgeRetriever":
        """What the clone has read."""
        from agent.adapters.models import embeddings
        from knowledge.retriever import KnowledgeRetriever

        return KnowledgeRetriever(
            documents=self.settings.documents,
            home=self.settings.data / "knowledge",
            embeddings=embeddings(self.settings),
            embeddings_id=self.settings.embeddings,
        )

    @cached_property
    def indexer(self) -> "Indexer":
        """What reads the owner's files into the index."""
        from agent.adapters.models import embeddings
        from knowledge.dense import DenseArm
        from knowledge.indexer import Indexer

        arm = DenseArm(embeddings(self.settings), self.settings.embeddings)
        return Indexer(self.settings.documents, self.settings.data / "knowledge", arm)

    def found_documents(self) -> "list[SourceFile | Unreadable]":
        """Return the owner's files as they stand in the folder now."""
        from knowledge.documents import find_documents

        return list(find_documents(self.settings.documents))

    @cached_property
    def sound(self) -> "Sound":
        """What hears and speaks; raises `SettingsError`."""
        from agent.adapters.sound import Sound

        return Sound(self.settings, self.persona)

    @cached_property
    def recordings(self) -> "SimulatorRecordings":
        """Where the channels keep what contacts recorded."""
        from channels.media_store import media_store
        from channels.recordings import SimulatorRecordings
        from channels.twilio_media import MediaFetcher

        twilio = self.settings.twilio
        fetcher = MediaFetcher(twilio) if twilio.account_sid and twilio.auth_token else None
        return SimulatorRecordings(media_store(self.database, self.settings), fetcher)

    @cached_property
    def services(self) -> "Services":
        """What the graph's nodes work with."""
        from agent.adapters.models import chat_model
        from agent.services import Services

        switch_tracing(self.settings.langsmith_tracing, self.settings.langsmith_project)
        model, vendor = chat_model(self.settings, self.persona)
        return Services(
            persona=self.persona,
            model=model,
            model_vendor=vendor,
            retriever=self.knowledge,
            recordings=self.recordings,
            transcriber=self.sound.transcriber,
            voice=self.sound.voice,
            voice_replies=self.settings.voice_replies,
            window_tokens=self.settings.window_tokens,
            link_domains=self.settings.link_domains,
            alerts_operator=bool(self.settings.alert_url),
        )

    def web(self, *, simulator: bool = False) -> "Flask":
        """Return the web application; `simulator` when it is served to this machine only."""
        from channels.reception import DoorLines
        from channels.web import build_web

        line = self.persona.line_in_each
        return build_web(
            settings=self.settings,
            name=self.persona.name,
            lines=DoorLines(self.persona.shortcuts, line("opted_out"), line("opted_in")),
            keys=self.keys,
            database=self.database,
            dispatcher=self.dispatcher,
            simulator=simulator,
        )

    def graph(self, *, track_scratch: bool = False) -> "Graph":
        """Return the graph without a checkpointer, as Studio and `clone graph` want it."""
        from agent.graph import build_graph

        return build_graph(self.services, track_scratch=track_scratch)

    @asynccontextmanager
    async def clone(self, *, remember: bool = True) -> "AsyncIterator[Clone]":
        """Give a clone for the life of a process; without `remember`, it forgets at the end."""
        from agent.clone import Clone
        from agent.graph import build_graph
        from agent.memory import memory_for_one_process, sqlite_memory

        if not remember:
            memory: Any = nullcontext(memory_for_one_process())
        elif self.shared_database:
            from agent.postgres_memory import postgres_memory

            memory = postgres_memory(self.settings.database_url)
        else:
            memory = sqlite_memory(self.settings.data / "memory.db")
        async with (
            memory as saver,
            aclosing(self.knowledge),
            aclosing(self.sound),
            aclosing(self.recordings),
        ):
            yield Clone(build_graph(self.services, checkpointer=saver), self.persona)

    async def work(self, *, stay: bool = False) -> None:
        """Run the worker until stopped or, with the doorbell claimed and no `stay`, idle."""
        # What is loaded now stays for good: the collector need not look at it, now or ever.
        gc.disable()
        # Ten times sooner than by default: whenever the event loop asks the system for something,
        # a thread with work of its own may keep it from going on for so long.
        sys.setswitchinterval(_SWITCH_SECONDS)
        from channels.crew import serve_contacts

        if self.shared_database:
            from channels.queue_worker import QueueWorker

            hire: Hire = partial(
                QueueWorker,
                database=self.shared_database,
                concurrency=self.settings.concurrency,
                doorbell=None if stay else self.doorbell,
            )
        else:
            from channels.worker import Worker

            hire = partial(Worker, doorbell=self.doorbell)
        async with self.clone() as clone:
            gc.freeze()
            gc.enable()
            await serve_contacts(
                hire,
                self.settings,
                self.database,
                clone,
                self._twilio_client,
                self.keys,
                self.sound.voice,
            )

    def _twilio_client(self) -> "Client":
        from channels.twilio_client import twilio_client

        return twilio_client(self.settings.twilio)


def create_app(env: Mapping[str, str] | None = None) -> "Flask":
    """Return the web application for any WSGI server; raises `CloneError` on a wrong setting."""
    configure_logging(logging.INFO)
    return Application(_environment() if env is None else env).web()


def make_graph() -> Any:
    """Return the graph for LangGraph Studio: no checkpointer, the turn's scratch kept."""
    return Application(_environment()).graph(track_scratch=True)


def main() -> None:
    """Run the `clone` command."""
    from commands import command_line

    command_line(obj=Application(_environment()), prog_name="clone")


def _environment() -> Mapping[str, str]:
    load_dotenv(HOUSE / ".env")
    return os.environ


if __name__ == "__main__":
    main()
