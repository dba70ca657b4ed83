"""Houses with real processes, the vendors they talk to, and the proof that nothing is left."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.house import House, openai_settings, twilio_settings
from tests.standins.elevenlabs import ElevenLabsStandIn
from tests.standins.openai import OpenAIStandIn
from tests.standins.operator import Operator
from tests.standins.twilio import TwilioStandIn

MakeHouse = Callable[..., House]


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    """A Twilio on loopback."""
    with TwilioStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def openai() -> Iterator[OpenAIStandIn]:
    """An OpenAI on loopback."""
    with OpenAIStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def elevenlabs() -> Iterator[ElevenLabsStandIn]:
    """An ElevenLabs on loopback."""
    with ElevenLabsStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def operator() -> Iterator[Operator]:
    """Whoever CLONE_ALERT_URL tells, on loopback."""
    with Operator() as stand_in:
        yield stand_in


@pytest.fixture
def gate(openai: OpenAIStandIn) -> Iterator[threading.Event]:
    """What a held model waits for; open at the end, or the stand-in could not close."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def make_house(tmp_path: Path) -> Iterator[MakeHouse]:
    """Make the house of a test from settings; at its end no process is left and no error."""
    houses: list[House] = []

    def make(**settings: str) -> House:
        houses.append(House(tmp_path, settings))
        return houses[-1]

    yield make
    for house in houses:
        house.end()
        print(house.console)  # noqa: T201 - pytest shows it when the test failed
        assert house.processes() == []
        assert house.complaints() == []


@pytest.fixture
def house(make_house: MakeHouse, twilio: TwilioStandIn, openai: OpenAIStandIn) -> House:
    """A house whose vendors are the stand-ins; a test serves it with the settings it needs."""
    return make_house(**twilio_settings(twilio), **openai_settings(openai))
