"""Contacts who write and talk to a house: their webhooks, signed, from a process of their own."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.e2e.house import House, openai_settings, twilio_settings
from tests.standins.openai import OpenAIStandIn
from tests.standins.twilio import TwilioStandIn
from tests.standins.webhooks import inbound_form, media_form, signed

QUESTION = "Quando foi o primeiro voo do 14-bis?"
BURST_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one contact sends, and how many seconds after the first it does."""

    number: int
    text: str = QUESTION
    #: Where the voice note is that they send instead of words.
    note: str = ""
    after: float = 0.0

    @property
    def address(self) -> str:
        """Whose message it is, as Twilio names them."""
        return f"whatsapp:+55119{self.number:08d}"


def webhook(house: House, message: Message) -> dict[str, Any]:
    """Return what `httpx.post` takes to deliver a message as Twilio does."""
    if message.note:
        form = media_form(message.note, sender=message.address)
    else:
        form = inbound_form(message.text, sender=message.address)
    form.pop("ExternalUserId", None)
    path = "/webhook/whatsapp"
    headers = signed(house.settings["PUBLIC_BASE_URL"] + path, form)
    return {"url": house.address + path, "data": form, "headers": headers}


def send(house: House, messages: list[Message]) -> list[tuple[float, float]]:
    """Deliver every message when it is due; return when that was, and the seconds it took."""
    requests = []
    for message in messages:
        request = webhook(house, message)
        requests.append(
            {
                "url": request["url"],
                "body": urlencode(request["data"]),
                "signature": request["headers"]["X-Twilio-Signature"],
                "after": message.after,
            }
        )
    command = [sys.executable, "-m", "benchmarks.load"]
    told = json.dumps(requests)
    run = subprocess.run(command, input=told, text=True, check=True, stdout=subprocess.PIPE)
    return [(due, took) for due, took in json.loads(run.stdout)]


@contextmanager
def open_house(openai: OpenAIStandIn, twilio: TwilioStandIn, **settings: str) -> Iterator[House]:
    """Give a house between these vendors that takes any flood; it has not begun to serve."""
    with tempfile.TemporaryDirectory() as folder:
        given = twilio_settings(twilio) | openai_settings(openai)
        # The flood guard is not what is measured.
        plenty = {"CLONE_TURNS_PER_MINUTE": "10000", "CLONE_TURNS_PER_DAY": "1000000"}
        burst = {"CLONE_BURST_SECONDS": str(BURST_SECONDS)}
        house = House(Path(folder), given | plenty | burst | settings)
        try:
            yield house
        finally:
            house.end()
