"""The Twilio stand-in, spoken to by Twilio's own async client."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from aiohttp import ClientConnectionError
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests.standins import twilio as tw
from tests.standins import webhooks
from tests.standins.exchange import (
    Behaviour,
    accepted_then_dropped,
    dropped,
    held_until,
    late,
    stalled,
)
from tests.standins.twilio import TwilioStandIn
from tests.standins.twilio_messages import callback

# twilio 9.13 calls aiohttp in a way that aiohttp 3.14 announces the end of.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

INBOUND_SID = "SM" + "1" * 32


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    """A Twilio on loopback."""
    with TwilioStandIn() as stand_in:
        yield stand_in


@pytest.fixture
async def rest(twilio: TwilioStandIn) -> AsyncIterator[Client]:
    """Twilio's own async client, sent to the stand-in as `TWILIO_API_BASE_URL` would send it."""
    async with AsyncTwilioHttpClient() as http:
        client = Client(twilio.account_sid, twilio.auth_token, http_client=http)
        client.api.base_url = client.messaging.base_url = twilio.url
        yield client


async def send(rest: Client, body: str = "Olá, ção 😀 +&=", **fields: object) -> str:
    """Send one message and return its sid."""
    addressed = {"to": webhooks.CONTACT, "from_": tw.CLONE_NUMBER, "body": body} | fields
    message = await rest.messages.create_async(**addressed)
    return str(message.sid)


async def test_twilio_accepts_a_message(twilio: TwilioStandIn, rest: Client) -> None:
    """A message arrives with all its characters and is answered with a queued resource."""
    before = datetime.now(UTC) - timedelta(seconds=1)

    message = await rest.messages.create_async(
        to=webhooks.CONTACT,
        from_=tw.CLONE_NUMBER,
        body="Olá, ção 😀 +&=",
        status_callback="http://x",
    )

    assert message.status == "queued"
    assert message.date_created >= before
    assert message.date_sent is None
    (sent,) = twilio.sent
    assert sent.sid == message.sid
    assert sent.body == "Olá, ção 😀 +&="
    assert dict(sent.fields)["StatusCallback"] == "http://x"


async def test_twilio_sends_only_the_first_file(twilio: TwilioStandIn, rest: Client) -> None:
    """A second media address is ignored, as WhatsApp ignores it."""
    files = ["http://127.0.0.1/1.ogg", "http://127.0.0.1/2.ogg"]

    sid = await send(rest, media_url=files)

    assert sid.startswith("MM")
    assert (twilio.sent[0].media_url, twilio.sent[0].ignored_media) == (files[0], (files[1],))
    assert [value for name, value in twilio.sent[0].fields if name == "MediaUrl"] == files


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": ""}, 21604),
        ({"from_": ""}, 21603),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"to": "+5511999999999"}, 21910),
    ],
)
async def test_twilio_refuses_what_breaks_a_rule(
    twilio: TwilioStandIn, rest: Client, fields: dict[str, str], code: int
) -> None:
    """A send that breaks a rule gets Twilio's code for it and is not accepted."""
    with pytest.raises(TwilioRestException) as refusal:
        await send(rest, **fields)

    assert refusal.value.status == 400
    assert refusal.value.code == code
    assert not twilio.sent


async def test_twilio_reads_forms_only(twilio: TwilioStandIn) -> None:
    """Fields in another encoding are not seen, so that their first one is missed."""
    url = f"{twilio.url}/2010-04-01/Accounts/{twilio.account_sid}/Messages.json"
    owner = (twilio.account_sid, twilio.auth_token)
    fields = {"To": webhooks.CONTACT, "From": tw.CLONE_NUMBER, "Body": "oi"}

    async with httpx.AsyncClient(verify=False, auth=owner) as http:
        as_json = await http.post(url, json=fields)
        as_form = await http.post(url, data=fields)

    assert (as_json.status_code, as_json.json()["code"]) == (400, 21604)
    assert as_form.status_code == 201


async def test_twilio_tells_of_the_account(twilio: TwilioStandIn, rest: Client) -> None:
    """The account's state and kind can be read with its token only."""
    twilio.account_type = "Trial"
    account = await rest.api.accounts(twilio.account_sid).fetch_async()
    rest.auth = (twilio.account_sid, "wrong")

    with pytest.raises(TwilioRestException) as refusal:
        await rest.api.accounts(twilio.account_sid).fetch_async()

    assert (account.sid, account.status, account.type) == (twilio.account_sid, "active", "Trial")
    assert refusal.value.code == 20003


async def test_twilio_knows_its_account(twilio: TwilioStandIn, rest: Client) -> None:
    """A wrong token is refused with code 20003."""
    rest.auth = (twilio.account_sid, "wrong")

    with pytest.raises(TwilioRestException) as refusal:
        await send(rest)

    assert (refusal.value.status, refusal.value.code) == (401, 20003)


async def test_twilio_lists_what_was_sent(twilio: TwilioStandIn, rest: Client) -> None:
    """The list is newest first, goes over several pages and obeys every filter."""
    sids = [await send(rest, body) for body in ("um", "dois", "três")]
    await send(rest, to="whatsapp:+5521888888888")
    now = datetime.now(UTC)

    async def found(**filters: object) -> list[str]:
        wanted = {"to": webhooks.CONTACT, "from_": tw.CLONE_NUMBER} | filters
        return [m.sid for m in await rest.messages.list_async(**wanted)]

    assert await found(date_sent_after=now - timedelta(seconds=5), page_size=2) == sids[::-1]
    assert await found(date_sent_after=now + timedelta(seconds=5)) == []
    assert await found(from_="whatsapp:+1") == []
    assert len(twilio.requests("list")) == 4


async def test_twilio_redacts_and_deletes(twilio: TwilioStandIn, rest: Client) -> None:
    """A message can be emptied and removed; the record of what was sent stays."""
    sid = await send(rest, "segredo")

    assert (await rest.messages(sid).update_async(body="")).body == ""
    assert (await rest.messages(sid).fetch_async()).body == ""
    assert await rest.messages(sid).delete_async()
    with pytest.raises(TwilioRestException) as refusal:
        await rest.messages(sid).fetch_async()

    assert refusal.value.code == 20404
    assert twilio.sent[0].body == "segredo"


async def test_twilio_shows_typing(twilio: TwilioStandIn, rest: Client) -> None:
    """The typing indicator takes the id of an inbound message and nothing else."""
    indicator = rest.messaging.v2.typing_indicator

    assert (await indicator.create_async(channel="whatsapp", message_id=INBOUND_SID)).success
    with pytest.raises(TwilioRestException):
        await indicator.create_async(channel="whatsapp", message_id="nonsense")

    assert twilio.typing == [INBOUND_SID]


async def test_twilio_keeps_media_behind_a_redirect(twilio: TwilioStandIn) -> None:
    """Media asks for credentials, redirects, and refuses and records them at the second hop."""
    url = twilio.add_media(b"OggS-voice")
    owner = (twilio.account_sid, twilio.auth_token)

    async with httpx.AsyncClient(verify=False) as http:
        stranger = await http.get(url)
        first = await http.get(url, auth=owner)
        leak = await http.get(first.headers["location"], auth=owner)
        second = await http.get(first.headers["location"])

    assert [r.status_code for r in (stranger, first, leak, second)] == [401, 307, 400, 200]
    assert (second.content, second.headers["content-type"]) == (b"OggS-voice", "audio/ogg")
    assert len(twilio.leaks) == 1


async def test_a_refusal_is_scripted_for_one_request(twilio: TwilioStandIn, rest: Client) -> None:
    """A queued refusal meets one request of its operation, with Retry-After, and no other."""
    twilio.queue("send", tw.refused(20429, 429, retry_after=2))

    await rest.messages.list_async()
    with pytest.raises(TwilioRestException) as refusal:
        await send(rest)
    await send(rest)

    assert (refusal.value.status, refusal.value.code) == (429, 20429)
    assert len(twilio.sent) == 1


@pytest.mark.parametrize(
    ("behaviour", "accepted"),
    [(accepted_then_dropped(), 1), (late(60), 1), (dropped(), 0), (stalled(60), 0)],
)
async def test_an_unanswered_send(
    twilio: TwilioStandIn, rest: Client, behaviour: Behaviour, accepted: int
) -> None:
    """Whether a send without an answer was accepted can be told from the list."""
    twilio.queue("send", behaviour)

    sending = asyncio.create_task(send(rest))
    await asyncio.to_thread(
        twilio.wait_for, lambda: twilio.requests("send") and len(twilio.sent) == accepted
    )
    with pytest.raises((TimeoutError, ClientConnectionError)):
        await asyncio.wait_for(sending, 0.1)

    assert len(twilio.requests("send")) == 1
    assert len(await rest.messages.list_async(to=webhooks.CONTACT)) == accepted


async def test_an_answer_can_be_held(twilio: TwilioStandIn, rest: Client) -> None:
    """A held request has its effect at once and its answer when the test lets it go."""
    gate = threading.Event()
    twilio.queue("send", held_until(gate))

    sending = asyncio.create_task(send(rest))
    await asyncio.to_thread(twilio.wait_for, lambda: twilio.sent)
    assert not sending.done()
    gate.set()

    assert await sending == twilio.sent[0].sid


async def test_twilio_reports_where_it_was_asked_to(twilio: TwilioStandIn, rest: Client) -> None:
    """A report names its message, its status and its error, and goes to the message's address."""
    await send(rest, status_callback="https://clone.example/status?o=a%3A0")
    await send(rest)
    told, untold = twilio.sent

    url, form = callback(told, "failed", "63018")

    assert url == "https://clone.example/status?o=a%3A0"
    assert (form["MessageSid"], form["MessageStatus"]) == (told.sid, "failed")
    assert (form["ErrorCode"], form["To"]) == ("63018", webhooks.CONTACT)
    assert "ErrorCode" not in callback(told, "delivered")[1]
    with pytest.raises(ValueError, match="StatusCallback"):
        callback(untold, "sent")


def test_webhook_forms_are_signed_as_twilio_signs() -> None:
    """Twilio's validator takes the signature of a text, a voice note and a status callback."""
    url = "https://clone.example/webhook/whatsapp"
    text = webhooks.inbound_form("olá", sid=INBOUND_SID, ButtonText="", WaId=None)
    voice = webhooks.media_form("https://api.twilio.com/m")
    status = webhooks.status_form(INBOUND_SID, "failed", "63016")

    for form in (text, voice, status):
        signature = webhooks.signed(url, form)["X-Twilio-Signature"]
        assert RequestValidator(tw.AUTH_TOKEN).validate(url, form, signature)
    assert (text["MessageSid"], text["ButtonText"], "WaId" in text) == (INBOUND_SID, "", False)
    assert (voice["NumMedia"], voice["MessageType"]) == ("1", "audio")
    assert status["ErrorCode"] == "63016"
