"""Puts a worker together with this installation's channels, and runs it until it leaves."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Protocol

from agent.keys import Keys
from agent.ports import Voice
from agent.settings import Settings
from channels.alerts import Alerts
from channels.clerks import Clerks
from channels.conversation import SimulatorSender
from channels.delivery import Store
from channels.dispatch import STOP_SECONDS
from channels.errands import Errands
from channels.lane import Lane
from channels.ledger import Ledger
from channels.media_links import MediaLinks
from channels.media_store import MediaStore, media_store
from channels.operator import Operator
from channels.outbox import Outbox
from channels.recorder import Recorder
from channels.retention import Retention
from channels.sender import Sender
from channels.standing import Limits
from channels.thinking import CANCEL_SECONDS, Mind
from channels.turns import Turns
from channels.twilio_eraser import TwilioEraser
from channels.whatsapp_sender import WhatsAppSender
from channels.worker import Stoppable, run_until_stopped

if TYPE_CHECKING:
    from twilio.rest import Client

_log = logging.getLogger(__name__)

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
    keys: Keys,
    voice: Voice | None = None,
) -> None:
    """Run the worker that `hire` makes until it is idle or stopped.

    `twilio` is called once, when something is first asked of it: its client is heavy. `keys` sign
    links to recordings; `voice` speaks some of them anew.
    """
    twilio = cache(twilio)
    senders = _senders(settings, twilio)
    eraser = TwilioEraser(settings.twilio.account_sid, twilio)
    store = media_store(ledger, settings)
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
        recorder=_recorder(settings, store, keys, voice),
    )
    worker = hire(
        turns=turns,
        store=clerks,
        new_lane=new_lane,
        idle_seconds=settings.idle_seconds,
        stop_seconds=TURN_SECONDS,
    )
    async with AsyncExitStack() as closing:
        for close in (eraser.close, *(each.close for each in senders.values()), alerts.close):
            closing.push_async_callback(close)
        closing.callback(clerks.close)
        closing.push_async_callback(errands.finish, ERRAND_SECONDS)
        if settings.alert_url:
            errands.start(operator.tell_what_is_untold())
        async with _retention(Retention(ledger, store, eraser, settings.keep_audio_hours)):
            await run_until_stopped(worker)


def _senders(settings: Settings, twilio: "Callable[[], Client]") -> dict[str, Sender]:
    number, public = settings.twilio.whatsapp_from, settings.public_base_url
    return {
        "simulator": SimulatorSender(),
        "whatsapp": WhatsAppSender(number, twilio, public),
    }


def _recorder(settings: Settings, store: MediaStore, keys: Keys, voice: Voice | None) -> Recorder:
    links = MediaLinks(keys, settings.keep_audio_hours)
    # Twilio fetches a recording; without an address to fetch it from, WhatsApp gets the words.
    return Recorder(store, links, voice, mute=() if settings.public_base_url else ("whatsapp",))


@asynccontextmanager
async def _retention(retention: Retention) -> AsyncIterator[None]:
    """Let old recordings be deleted during a block."""
    deleting = asyncio.create_task(retention.run())
    try:
        yield
    finally:
        deleting.cancel()
        [ended] = await asyncio.gather(deleting, return_exceptions=True)
        if isinstance(ended, Exception):
            _log.error("retention broke", exc_info=ended, extra={"action": "retention_broke"})
