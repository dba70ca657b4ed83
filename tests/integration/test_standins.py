"""What all vendor stand-ins have in common, and the ElevenLabs one with its own client."""

import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from elevenlabs.client import AsyncElevenLabs
from elevenlabs.core.api_error import ApiError

from tests.standins import elevenlabs as eleven
from tests.standins import twilio as tw
from tests.standins import webhooks
from tests.standins.elevenlabs import ElevenLabsStandIn
from tests.standins.exchange import json_answer, stalled
from tests.standins.twilio import TwilioStandIn

# `verify=False` below: loading certificates would be the slowest part of a loopback client.


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    """A Twilio on loopback."""
    with TwilioStandIn() as stand_in:
        yield stand_in


async def test_retry_after_reaches_the_client(twilio: TwilioStandIn) -> None:
    """The wait that a refusal asks for is in its header."""
    twilio.whenever("unknown", tw.refused(20429, 429, retry_after=1.5))

    async with httpx.AsyncClient(verify=False) as http:
        answer = await http.get(twilio.url)

    assert answer.headers["retry-after"] == "1.5"
    assert answer.json()["more_info"].endswith("/20429")


def test_waiting_in_vain_says_what_came(twilio: TwilioStandIn) -> None:
    """A wait that is not met ends with the requests seen so far."""
    httpx.get(twilio.url)

    with pytest.raises(TimeoutError, match="'unknown': 1"):
        twilio.wait_for(lambda: twilio.sent, timeout=0.01)


def test_many_connections_at_once(twilio: TwilioStandIn) -> None:
    """Concurrent senders lose nothing."""

    def send_some() -> None:
        with httpx.Client(auth=(twilio.account_sid, twilio.auth_token), verify=False) as http:
            url = f"{twilio.url}/2010-04-01/Accounts/{twilio.account_sid}/Messages.json"
            for _ in range(5):
                form = {"To": webhooks.CONTACT, "From": tw.CLONE_NUMBER, "Body": "oi"}
                assert http.post(url, data=form).status_code == 201

    threads = [threading.Thread(target=send_some) for _ in range(10)]
    for thread in threads:
        thread.start()
    twilio.wait_for(lambda: len(twilio.sent) == 50)
    for thread in threads:
        thread.join()

    assert len({message.sid for message in twilio.sent}) == 50


def test_closing_ends_every_stall() -> None:
    """A stand-in closes at once, whatever its requests are waiting for."""
    with TwilioStandIn() as twilio:
        twilio.whenever("unknown", stalled(60))
        waiting = threading.Thread(target=_get_in_vain, args=(twilio.url,))
        waiting.start()
        twilio.wait_for(twilio.requests)
        start = time.monotonic()
    waiting.join()

    assert time.monotonic() - start < 2


def _get_in_vain(url: str) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(url, timeout=30)


@pytest.mark.parametrize("way", ["convert", "stream"])
async def test_elevenlabs_speaks(way: str) -> None:
    """Both ways of speaking return the scripted bytes and record what was asked."""
    with ElevenLabsStandIn(audio=eleven.OGG_OPUS * 100) as vendor:
        async with httpx.AsyncClient(verify=False) as http:
            client = AsyncElevenLabs(
                base_url=vendor.url, api_key=vendor.api_key, httpx_client=http
            ).text_to_speech
            speak = getattr(client, way)
            sound = speak(vendor.voice_id, text="Olá", output_format="opus_48000_32")
            data = b"".join([piece async for piece in sound])

        assert data == vendor.audio
        (speech,) = vendor.speeches
        assert (speech.text, speech.output_format) == ("Olá", "opus_48000_32")


async def test_elevenlabs_refuses() -> None:
    """A scripted refusal reaches the caller with ElevenLabs' own document."""
    with ElevenLabsStandIn() as vendor:
        vendor.queue("speak", eleven.refused(401, "quota_exceeded"))
        async with httpx.AsyncClient(verify=False) as http:
            client = AsyncElevenLabs(base_url=vendor.url, api_key="x", httpx_client=http)

            with pytest.raises(ApiError) as scripted:
                await anext(client.text_to_speech.convert(vendor.voice_id, text="Olá"))
            with pytest.raises(ApiError) as wrong_key:
                await anext(client.text_to_speech.convert(vendor.voice_id, text="Olá"))

    assert scripted.value.body["detail"]["status"] == "quota_exceeded"
    assert wrong_key.value.body["detail"]["status"] == "invalid_api_key"


def test_a_function_decides_for_each_request() -> None:
    """A standing behaviour sees every request and can let it through or not."""
    with ElevenLabsStandIn() as vendor:
        vendor.whenever(
            "unknown",
            lambda request, proceed: (
                proceed(request) if request.query.get("ok") else json_answer({}, 503)
            ),
        )

        assert httpx.get(f"{vendor.url}/x?ok=1").status_code == 404
        assert httpx.get(f"{vendor.url}/x").status_code == 503
