"""The web process: doors, health and nothing that waits for a model."""

import logging
import secrets
from typing import TYPE_CHECKING

import click
from flask import Flask, Response
from werkzeug.middleware.proxy_fix import ProxyFix

from agent.errors import StorageError
from agent.keys import Keys
from agent.settings import Settings
from channels.conversation import StoredConversation
from channels.dispatch import Dispatcher
from channels.home import home_blueprint
from channels.inbox import Inbox
from channels.ledger import Ledger
from channels.media import media_blueprint
from channels.media_links import MediaLinks
from channels.media_store import media_store
from channels.receipts import Receipts
from channels.reception import DoorLines, Reception
from channels.simulator import simulator_blueprint
from channels.standing import Limits
from channels.twilio_signature import SignatureCheck
from channels.uploads import Uploads
from channels.whatsapp import whatsapp_blueprint

if TYPE_CHECKING:
    from collections.abc import Callable

#: A webhook of Twilio's is a few kilobytes; a longer body gets 413, unread.
MAX_BODY_BYTES = 256 * 1024

_log = logging.getLogger(__name__)


def build_web(
    *,
    settings: Settings,
    name: str,
    lines: DoorLines,
    keys: Keys,
    database: Ledger,
    dispatcher: Dispatcher,
    simulator: bool,
) -> Flask:
    """Return the application; `simulator` tells that only this machine is served.

    `app.extensions["clone"]` is the dispatcher, for servers that pass a stop on.
    Raises `StorageError` when the database cannot be used: better now than at a message.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    database.migrate()
    inbox = Inbox(database, keys, limits=Limits.of(settings))
    reception = Reception(inbox, lines, dispatcher.wake)
    token = settings.twilio.auth_token.reveal()
    check = SignatureCheck(token, settings.public_base_url) if token else None
    receipts = Receipts(database, dispatcher.wake)
    app.register_blueprint(whatsapp_blueprint(reception, receipts, check))
    recordings = media_store(database, settings)
    links = MediaLinks(keys, settings.keep_audio_hours)
    app.register_blueprint(media_blueprint(links, recordings))
    if settings.simulator == "on" or (settings.simulator == "auto" and simulator):
        page_token = None if simulator else _page_token()
        app.register_blueprint(
            simulator_blueprint(
                conversation=StoredConversation(database, keys, reception),
                uploads=Uploads(recordings),
                persona_name=name,
                languages=tuple(lines.opted_out),
                token=page_token,
            )
        )
    else:
        app.register_blueprint(home_blueprint())
    app.add_url_rule("/healthz", "healthz", lambda: Response("ok\n", mimetype="text/plain"))
    app.add_url_rule("/readyz", "readyz", _readiness(database))
    app.extensions["clone"] = dispatcher
    if hops := settings.proxy_hops:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_port=hops, x_prefix=hops
        )
    dispatcher.resume()
    return app


def _readiness(database: Ledger) -> "Callable[[], Response]":
    def readyz() -> Response:
        try:
            with database.write():
                pass
        except StorageError as error:
            _log.error("not ready", extra={"action": "not_ready", "error": str(error)})
            return Response("the database cannot be written\n", 503, mimetype="text/plain")
        return Response("ready\n", mimetype="text/plain")

    return readyz


def _page_token() -> str:
    """Make the word that opens the simulator to other machines, and print it once."""
    token = secrets.token_urlsafe(16)
    click.echo(f"The simulator opens at /?token={token}")
    return token
