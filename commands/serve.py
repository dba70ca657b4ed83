"""`clone serve`: the web process on waitress, with the simulator for this machine."""

import logging
import signal
from typing import TYPE_CHECKING

import click

from agent.logs import configure_logging

if TYPE_CHECKING:
    from types import FrameType

    from commands.application import Application

#: Hosts that only this machine can reach.
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_log = logging.getLogger(__name__)


@click.command()
@click.pass_obj
def serve(app: "Application") -> None:
    """Serve the webhook and the simulator page until Ctrl-C.

    The worker that answers starts by itself when a message comes and leaves when idle.
    The address is set by CLONE_HOST and PORT.
    """
    from waitress.server import create_server

    configure_logging(logging.INFO)
    settings = app.settings
    local = settings.host in _LOOPBACK and not settings.public_base_url
    web = app.web(simulator=local)
    try:
        # Slow clients must not take the threads: waitress reads whole requests before it hands
        # them over, and the long loop time-out leaves an idle process asleep.
        server = create_server(
            web,
            host=settings.host,
            port=settings.port,
            threads=8,
            connection_limit=1000,
            asyncore_use_poll=True,
            asyncore_loop_timeout=30,
            clear_untrusted_proxy_headers=False,
            ident=None,
        )
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}); "
            "is it running already? Another port: PORT=8081 make run"
        ) from error
    signal.signal(signal.SIGTERM, _leave)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    click.echo(f"The clone of {app.persona.name} runs on http://{host}:{server.effective_port}")
    try:
        server.run()
    finally:
        server.close()
        web.extensions["clone"].stop()


def _leave(number: int, frame: "FrameType | None") -> None:
    """Leave waitress's loop as Ctrl-C does."""
    raise SystemExit(0)
