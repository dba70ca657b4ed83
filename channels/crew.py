"""Puts a worker together with this installation's channels, and runs it until it leaves."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from agent.settings import Settings
from channels.alerts import Alerts
from channels.clerks import Clerks
from channels.conversation import SimulatorSender
from channels.delivery import Store
from channels.dispatch import STOP_SECONDS
from channels.errands import Errands
from channels.lane import Lane
from channels.ledger import Ledger
from channels.operator import Operator
from channels.outbox import Outbox
from channels.sender import Sender
from channels.standing import Limits
from channels.thinking import CANCEL_SECONDS, Mind
from channels.turns import Turns
from channels.whatsapp_sender import WhatsAppSender
from channels.worker import Stoppable, run_until_stopped

if TYPE_CHECKING:
    from twilio.rest import Client

#: How a stop spends its time before the web process kills: running turns may finish, those that
#: do not are cancelled, then alerts leave, then connections close.
ERRAND_SECONDS = 2.0
CLOSING_SECONDS = 2.0
TURN_SECONDS = STOP_SECONDS - CANCEL_SECONDS - ERRAND_SECONDS - CLOSING_SECONDS


class Hire(Protocol):
    """Makes a worker out of what both kinds of it need."""

    def __call__(
        self,
        *,
        turns: Turns,
        store: Store,
        new_lane: Callable[[str], Lane],
        idle_seconds: float,
        stop_seconds: float,
    ) -> Stoppable:
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
        "whatsapp": WhatsAppSender(settings.twilio.whatsapp_from, twilio, settings.public_base_url),
    }
    turns = Turns(ledger, settings.burst_seconds, limits=Limits.of(settings))
    clerks, errands, alerts = Clerks(ledger), Errands(), Alerts(settings.alert_url)
    operator = Operator(alerts, turns, clerks)
    new_lane = partial(
        Lane,
        turns=turns,
        outbox=Outbox(ledger),
        mind=mind,
        senders=senders,
        store=clerks,
        errands=errands,
        alert=lambda action, subject: errands.start(operator.tell(action, subject)),
        turn_seconds=settings.turn_seconds,
        places=asyncio.Semaphore(settings.concurrency),
    )
    worker = hire(
        turns=turns,
        store=clerks,
        new_lane=new_lane,
        idle_seconds=settings.idle_seconds,
        stop_seconds=TURN_SECONDS,
    )
    try:
        if settings.alert_url:
            errands.start(operator.tell_what_is_untold())
        await run_until_stopped(worker)
    finally:
        await errands.finish(ERRAND_SECONDS)
        clerks.close()
        await alerts.close()
        for sender in senders.values():
            await sender.close()
