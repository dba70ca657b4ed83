"""Puts a worker together with this installation's channels, and runs it until it leaves."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from agent.settings import Settings
from channels.alerts import Alerts
from channels.conversation import SimulatorSender
from channels.lane import Mind
from channels.ledger import Ledger
from channels.outbox import Outbox
from channels.sender import Sender
from channels.turns import Turns
from channels.whatsapp_sender import WhatsAppSender
from channels.worker import Stoppable, run_until_stopped

if TYPE_CHECKING:
    from twilio.rest import Client


class Hire(Protocol):
    """Makes a worker out of what both kinds of it need."""

    def __call__(self, **parts: object) -> Stoppable:
        """Return the worker, which has not begun."""
        ...


async def serve_contacts(
    hire: Hire,
    settings: Settings,
    ledger: Ledger,
    mind: Mind,
    twilio: "Callable[[], Client]",
) -> None:
    """Run the worker that `hire` makes until it is idle or stopped.

    `twilio` is called at the first message to WhatsApp: its client is heavy.
    """
    senders: dict[str, Sender] = {
        "simulator": SimulatorSender(),
        "whatsapp": WhatsAppSender(settings.twilio.whatsapp_from, twilio),
    }
    worker = hire(
        turns=Turns(ledger, settings.burst_seconds),
        outbox=Outbox(ledger),
        mind=mind,
        senders=senders,
        alert=Alerts(settings.alert_url).send,
        turn_seconds=settings.turn_seconds,
        idle_seconds=settings.idle_seconds,
        concurrency=settings.concurrency,
    )
    try:
        await run_until_stopped(worker)
    finally:
        for sender in senders.values():
            await sender.close()
