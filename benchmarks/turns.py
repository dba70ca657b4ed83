"""How long a contact waits: the webhook's answer under load, and a reply from cold and warm."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from benchmarks.contacts import BURST_SECONDS, QUESTION, Message, open_house, send, webhook
from tests.e2e.house import House
from tests.standins.openai import OpenAIStandIn
from tests.standins.twilio import TwilioStandIn

#: The aims, in seconds: cold with the 1 s burst window inside, warm above burst and model.
COLD_AIM, WARM_AIM, WEBHOOK_AIM = 3.5, 0.3, 0.025
_COLD_RUNS, _WARM_RUNS = 5, 20
_RATE, _LOAD_SECONDS = 100, 15
#: Contacts who share the load: few write in bursts, which merge; many keep the worker saturated.
_FEW, _MANY = 40, 400
_MODEL_SECONDS = 0.2


def reply() -> None:
    """Print how long a reply takes from the webhook to Twilio, model latency 0."""
    cold = [_cold() for _ in range(_COLD_RUNS)]
    print(
        f"Reply from a cold start, {BURST_SECONDS:.0f} s burst window inside"
        f" (aim under {COLD_AIM} s)"
    )
    print(f"  {_told(cold)}")
    with _house(latency=0.0) as (house, twilio):
        _ask(house, twilio, 0)
        warm = [_ask(house, twilio, number) - BURST_SECONDS for number in range(1, _WARM_RUNS + 1)]
    print(f"Reply from a warm worker, above burst window and model (aim under {WARM_AIM} s)")
    print(f"  {_told(warm)}  x{statistics.median(warm) / statistics.median(cold):.2f} of cold")


def answer() -> None:
    """Print the webhook's answer times: for shortcuts, which start no worker, and beside one."""
    print(f"Webhook at {_RATE} requests/s (aim: p99 under {WEBHOOK_AIM * 1000:.0f} ms)")
    with _house(latency=_MODEL_SECONDS) as (house, twilio):
        alone = _load(house, "oi", _MANY)
        print(f"  no worker: {_percentiles(alone)}")
        _ask(house, twilio, 0)
        for contacts in (_FEW, _MANY):
            before = len(twilio.sent)
            took = _load(house, QUESTION, contacts)
            ratio = statistics.median(took) / statistics.median(alone)
            told = f"{len(twilio.sent) - before} replies meanwhile to {len(took)} messages"
            print(f"  {contacts} contacts: {_percentiles(took)}, median x{ratio:.1f}, {told}")


def _load(house: House, text: str, contacts: int) -> list[float]:
    """Send at a steady rate; return how long each request took."""
    messages = [
        Message(number=number % contacts, text=text, after=number / _RATE)
        for number in range(_RATE * _LOAD_SECONDS)
    ]
    return [took for _, took in send(house, messages)]


def _cold() -> float:
    with _house(latency=0.0) as (house, twilio):
        return _ask(house, twilio, 0)


def _ask(house: House, twilio: TwilioStandIn, number: int) -> float:
    """Return the seconds from the webhook to the reply's arrival at Twilio."""
    before = len(twilio.sent)
    request = webhook(house, Message(number=number))
    began = time.monotonic()
    httpx.post(**request, timeout=30, trust_env=False).raise_for_status()
    twilio.wait_for(lambda: len(twilio.sent) > before, timeout=30)
    return twilio.sent[-1].at - began


@contextmanager
def _house(latency: float) -> Iterator[tuple[House, TwilioStandIn]]:
    with (
        TwilioStandIn() as twilio,
        OpenAIStandIn(latency=latency) as openai,
        open_house(openai, twilio) as house,
    ):
        house.serve()
        yield house, twilio


def _told(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return (
        f"min {ordered[0]:.2f}  median {statistics.median(ordered):.2f}  max {ordered[-1]:.2f} s"
        f"  ({len(ordered)} runs)"
    )


def _percentiles(seconds: list[float]) -> str:
    cuts = statistics.quantiles(seconds, n=100)
    return f"p50 {cuts[49] * 1000:.1f}  p95 {cuts[94] * 1000:.1f}  p99 {cuts[98] * 1000:.1f} ms"
