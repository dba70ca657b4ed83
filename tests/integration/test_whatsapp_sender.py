"""The WhatsApp sender against Twilio's protocol on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from agent.errors import (
    AccountError,
    InDoubtError,
    PermanentError,
    TemporaryError,
    TooLongError,
    UnreachableError,
    VendorError,
    WindowClosedError,
)
from agent.messages import TurnMessage
from agent.settings import Secret, Twilio
from agent.vendors import shared_deadline
from channels.outbox import Form, Part
from channels.twilio_client import twilio_client
from channels.whatsapp_sender import WhatsAppSender
from tests.standins.exchange import (
    Answer,
    Behaviour,
    Handler,
    Request,
    accepted_then_dropped,
    always,
    dropped,
    late,
    stalled,
)
from tests.standins.twilio import CLONE_NUMBER, TwilioStandIn, refused
from tests.standins.webhooks import CONTACT

SID = "SM" + "1" * 32
PUBLIC_URL = "https://clone.example"


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    """A Twilio on loopback."""
    with TwilioStandIn() as stand_in:
        yield stand_in


Connect = Callable[..., WhatsAppSender]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes senders that talk to an address, and closes them."""
    senders: list[WhatsAppSender] = []

    def make(url: str, token: str = "twilio-test-token", public: str = "") -> WhatsAppSender:
        settings = account(url, token)
        senders.append(WhatsAppSender(CLONE_NUMBER, lambda: twilio_client(settings), public))
        return senders[-1]

    yield make
    for sender in senders:
        await sender.close()


@pytest.fixture
def sender(connect: Connect, twilio: TwilioStandIn) -> WhatsAppSender:
    """A sender on the stand-in, of a clone with a public address."""
    return connect(twilio.url, public=PUBLIC_URL)


def account(url: str, token: str) -> Twilio:
    """Return the settings of the stand-in's account."""
    return Twilio(
        account_sid="AC" + "a" * 32,
        auth_token=Secret(token),
        whatsapp_from=CLONE_NUMBER,
        region="",
        edge="",
        api_base_url=url,
    )


def part(
    body: str = "Olá, ção 😀 +&=",
    *,
    number: int = 0,
    sending_at: float | None = None,
    form: Form = "text",
) -> Part:
    """Return a part that is due."""
    return Part(
        id=f"turn:{number}",
        turn_id="turn",
        contact="hash",
        channel="whatsapp",
        address=CONTACT,
        body=body,
        form=form,
        media="" if form == "text" else f"voice.{form}",
        attempts=0,
        sending_at=sending_at,
    )


def now() -> float:
    """Return Unix seconds."""
    return datetime.now(UTC).timestamp()


async def test_a_part_is_sent(sender: WhatsAppSender, twilio: TwilioStandIn) -> None:
    """A part arrives once, from our number at the contact's address, and its id comes back."""
    sid = await sender.send(part())

    (sent,) = twilio.sent
    assert (sent.sid, sent.to, sent.sender, sent.body) == (
        sid, CONTACT, CLONE_NUMBER, "Olá, ção 😀 +&=",
    )  # fmt: skip


async def test_the_longest_part_is_taken(sender: WhatsAppSender, twilio: TwilioStandIn) -> None:
    """Every part that a long reply is cut into fits."""
    for each in sender.parts("Uma frase de teste, com ção. " * 200):
        await sender.send(part(each))

    assert len(twilio.sent) == 3


def test_a_reply_is_written_in_whatsapps_marks(sender: WhatsAppSender) -> None:
    """The Markdown of a model becomes what WhatsApp shows as such."""
    assert list(sender.parts("**Olá**, tudo bem?")) == ["*Olá*, tudo bem?"]


def test_what_is_too_long_is_cut_smaller(sender: WhatsAppSender) -> None:
    """A message is cut in two or more, in order, and whole."""
    body = sender.parts("Uma frase de teste, com ção 😀. " * 150)[0]

    pieces = sender.smaller(body)

    assert len(pieces) > 1
    assert max(len(piece) for piece in pieces) <= len(body) // 2
    assert "".join(pieces).replace(" ", "") == body.replace(" ", "")


def test_what_cannot_be_too_long_is_left_alone(sender: WhatsAppSender) -> None:
    """However often it is cut, no message falls apart into letters."""
    assert [list(sender.smaller(each)) for each in ("😀", "oi")] == [["😀"], ["oi"]]


def test_a_report_of_a_failure_is_explained(sender: WhatsAppSender) -> None:
    """The error code of a report says what it means for the part and its contact."""
    reported = replace(part(), undelivered=True, delivery_error="63014")

    assert isinstance(sender.undelivered(reported), UnreachableError)


@pytest.mark.parametrize(
    ("public", "callback"),
    [
        ("https://clone.example", "https://clone.example/webhook/whatsapp/status?o=turn%3A0"),
        ("https://a.example/c/?x=1#rc=3", "https://a.example/c/webhook/whatsapp/status?o=turn%3A0"),
        ("http://clone.example", None),
        ("", None),
    ],
)
async def test_reports_are_asked_for_by_the_parts_id(
    connect: Connect, twilio: TwilioStandIn, public: str, callback: str | None
) -> None:
    """Twilio reports to our public address, whatever else the setting holds; never in the clear."""
    await connect(twilio.url, public=public).send(part())

    assert dict(twilio.sent[0].fields).get("StatusCallback") == callback


@pytest.mark.parametrize("form", ["ogg", "mp3"])
async def test_a_recording_is_sent_as_a_file(
    sender: WhatsAppSender, twilio: TwilioStandIn, form: Form
) -> None:
    """A spoken part is one file that Twilio fetches from us, without any words beside it."""
    sid = await sender.send(part(form=form))

    (sent,) = twilio.sent
    assert sent.sid == sid
    assert (sent.media_url, sent.ignored_media) == (f"{PUBLIC_URL}/media/voice.{form}", ())
    assert "Body" not in dict(sent.fields)
    assert sent.status_callback


async def test_a_recording_without_a_public_address_is_sent_as_words(
    connect: Connect, twilio: TwilioStandIn
) -> None:
    """Where Twilio cannot fetch the file, and is found again, the contact reads the words."""
    sender = connect(twilio.url)
    spoken = part(form="ogg", sending_at=now())

    sid = await sender.send(spoken)

    assert (twilio.sent[0].body, twilio.sent[0].media_url) == (spoken.body, "")
    assert await sender.find(spoken, known=set()) == sid


@pytest.mark.parametrize(
    ("behaviour", "kind", "code"),
    [
        (refused(63024), UnreachableError, "63024"),
        (refused(21610), UnreachableError, "21610"),
        (refused(63016), WindowClosedError, "63016"),
        (refused(21617), TooLongError, "21617"),
        (refused(63013), PermanentError, "63013"),
        (refused(63007), AccountError, "63007"),
        (refused(20003, 401), AccountError, "20003"),
        (refused(20429, 429), TemporaryError, "20429"),
        (refused(63018), TemporaryError, "63018"),
        (always(Answer(status=429, body=b"slow down")), TemporaryError, "429"),
        (refused(20500, 500), InDoubtError, "20500"),
        (refused(20503, 503), InDoubtError, "20503"),
        (always(Answer(status=502, body=b"<html>")), InDoubtError, "502"),
        (always(Answer(status=201, body=b"<html>")), InDoubtError, "answer"),
        (always(Answer(status=307, headers={"Location": "/"})), PermanentError, "307"),
        (dropped(), InDoubtError, "connection"),
        (accepted_then_dropped(), InDoubtError, "connection"),
    ],
)
async def test_what_goes_wrong_is_told_in_our_words(
    sender: WhatsAppSender,
    twilio: TwilioStandIn,
    behaviour: Behaviour,
    kind: type[VendorError],
    code: str,
) -> None:
    """A refusal is final, a rate limit passes, and whatever may have worked is in doubt."""
    twilio.queue("send", behaviour)

    with pytest.raises(kind) as raised:
        await sender.send(part())

    assert type(raised.value) is kind
    assert raised.value.code == code
    assert CONTACT[9:] not in str(raised.value)
    assert len(twilio.requests("send")) == 1


async def test_a_send_is_never_repeated_blindly(
    sender: WhatsAppSender, twilio: TwilioStandIn
) -> None:
    """A stalled send ends in doubt when its time is over, after one request."""
    twilio.queue("send", stalled())
    asking = asyncio.create_task(sender.send(part()))
    await asyncio.to_thread(twilio.wait_for, lambda: twilio.requests("send"))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert len(twilio.requests("send")) == 1
    assert twilio.sent == []


async def test_the_wait_that_twilio_asks_for_is_told(
    sender: WhatsAppSender, twilio: TwilioStandIn
) -> None:
    """`Retry-After` of a rate limit reaches the lane."""
    twilio.queue("send", refused(20429, 429, retry_after=7))

    with pytest.raises(TemporaryError) as raised:
        await sender.send(part())

    assert raised.value.retry_after == 7.0


async def test_each_refusal_has_its_own_wait(sender: WhatsAppSender, twilio: TwilioStandIn) -> None:
    """Refusals that come at once, the first of them later, are not told each other's wait."""

    def slow(request: Request, proceed: Handler) -> Answer:
        return late(0.2)(request, lambda each: refused(20429, 429, retry_after=3)(each, proceed))

    twilio.queue("send", slow)
    first = asyncio.create_task(sender.send(part("um")))
    await asyncio.to_thread(twilio.wait_for, lambda: twilio.requests("send"))
    twilio.whenever("send", refused(20429, 429, retry_after=9))

    errors = await asyncio.gather(first, sender.send(part("dois")), return_exceptions=True)

    assert [getattr(error, "retry_after", None) for error in errors] == [3.0, 9.0]


async def test_an_answer_that_does_not_come_in_time_is_in_doubt(
    sender: WhatsAppSender, twilio: TwilioStandIn
) -> None:
    """A send that outlasts its deadline may have worked, and is told to be looked up."""
    twilio.queue("send", late(15))
    loop = asyncio.get_running_loop()

    with shared_deadline(loop.time() + 0.2), pytest.raises(InDoubtError) as raised:
        await sender.send(part())

    assert raised.value.code == "deadline"
    assert await sender.find(part(sending_at=now()), known=set()) == twilio.sent[0].sid


async def test_an_unreachable_twilio_is_no_doubt(connect: Connect) -> None:
    """When no connection came about, the part was certainly not sent."""
    with TwilioStandIn() as gone:
        url = gone.url

    with pytest.raises(TemporaryError) as raised:
        await connect(url).send(part())

    assert not isinstance(raised.value, InDoubtError)


async def test_a_lost_part_is_found(sender: WhatsAppSender, twilio: TwilioStandIn) -> None:
    """A part that Twilio took before the connection broke is found by its text and time."""
    twilio.queue("send", accepted_then_dropped())
    began = now()
    with pytest.raises(InDoubtError):
        await sender.send(part())

    found = await sender.find(part(sending_at=began), known=set())

    assert found == twilio.sent[0].sid


async def test_a_part_that_never_came_is_not_found(
    sender: WhatsAppSender, twilio: TwilioStandIn
) -> None:
    """Other texts, and equal texts that belong to other parts, are not the lost one."""
    other = await sender.send(part("outro texto"))
    same = await sender.send(part())

    assert await sender.find(part(sending_at=now()), known={same, other}) is None


async def test_an_old_equal_text_is_not_the_lost_part(
    sender: WhatsAppSender, twilio: TwilioStandIn
) -> None:
    """What Twilio took long before the part was handed over is something else."""
    await sender.send(part())

    assert await sender.find(part(sending_at=now() + 120), known=set()) is None


async def test_white_space_that_twilio_changed_does_not_hide_a_part(
    sender: WhatsAppSender, twilio: TwilioStandIn
) -> None:
    """A lost part is found although line ends and blanks around it are not kept as they were."""
    sid = await sender.send(part("  Olá!\n\nTudo  bem? "))

    assert await sender.find(part("Olá!\r\n\r\nTudo bem?", sending_at=now()), known=set()) == sid


async def test_a_lost_recording_is_found(sender: WhatsAppSender, twilio: TwilioStandIn) -> None:
    """A recording is told from texts, from known recordings and from texts erased since."""
    spoken = part(form="ogg", sending_at=now())
    known = await sender.send(part(form="ogg"))
    await sender.send(part())
    await erase(twilio, await sender.send(part("segredo")))
    assert await sender.find(spoken, known={known}) is None

    sid = await sender.send(spoken)

    assert await sender.find(spoken, known={known}) == sid


async def erase(twilio: TwilioStandIn, sid: str) -> None:
    """Empty a message's text at Twilio, as the deletion of a contact's data does."""
    owner = (twilio.account_sid, twilio.auth_token)
    address = f"{twilio.url}/2010-04-01/Accounts/{twilio.account_sid}/Messages/{sid}.json"
    async with httpx.AsyncClient(verify=False, auth=owner) as http:
        await http.post(address, data={"Body": ""})


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]"])
async def test_a_list_without_sense_does_not_decide(
    sender: WhatsAppSender, twilio: TwilioStandIn, body: bytes
) -> None:
    """What is no list of messages does not say that the part never came."""
    twilio.whenever("list", always(Answer(body=body)))

    with pytest.raises(TemporaryError):
        await sender.find(part(sending_at=now()), known=set())


async def test_a_look_up_that_fails_does_not_decide(
    sender: WhatsAppSender, twilio: TwilioStandIn
) -> None:
    """When Twilio cannot list now, the lane learns that, and not that the part never came."""
    twilio.whenever("list", refused(20503, 503))

    with pytest.raises(TemporaryError):
        await sender.find(part(sending_at=now()), known=set())


async def test_typing_is_shown(sender: WhatsAppSender, twilio: TwilioStandIn) -> None:
    """The indicator is asked for with the id of the contact's own message."""
    await sender.typing(message())

    assert twilio.typing == [SID]


async def test_typing_that_is_refused_harms_nothing(
    sender: WhatsAppSender, twilio: TwilioStandIn
) -> None:
    """An account without typing indicators sends and looks up all the same."""
    twilio.whenever("typing", refused(20003, 401))
    for _ in range(7):
        await sender.typing(message())

    sid = await sender.send(part())
    assert await sender.find(part(sending_at=now()), known=set()) == sid
    # After a refusal of the account nobody asks again for a while.
    assert len(twilio.requests("typing")) == 1


async def test_a_wrong_token_closes_the_way_for_a_while(
    connect: Callable[..., WhatsAppSender], twilio: TwilioStandIn
) -> None:
    """Refused credentials are final for that part; further ones do not even ask."""
    sender = connect(twilio.url, token="wrong")
    with pytest.raises(PermanentError):
        await sender.send(part())

    with pytest.raises(TemporaryError) as raised:
        await sender.send(part())

    assert raised.value.code == "circuit"
    assert len(twilio.requests("send")) == 1


async def test_settings_without_an_account_are_told(connect: Connect) -> None:
    """What was left to send when the account was taken out of the settings is not in doubt."""
    with pytest.raises(AccountError):
        await connect("http://127.0.0.1:1", token="").send(part())


async def test_many_parts_go_at_once(sender: WhatsAppSender, twilio: TwilioStandIn) -> None:
    """Sends of different contacts do not wait for each other."""
    twilio.latency = 0.2
    began = asyncio.get_running_loop().time()

    await asyncio.gather(*(sender.send(part(str(n), number=n)) for n in range(50)))

    assert len({sent.body for sent in twilio.sent}) == 50
    assert asyncio.get_running_loop().time() - began < 5.0


async def test_closing_without_having_sent_is_fine() -> None:
    """A worker that never sent anything has nothing to close, and loads no Twilio."""

    def never() -> None:
        raise AssertionError("connected")

    sender = WhatsAppSender(CLONE_NUMBER, never)  # type: ignore[arg-type]

    await sender.close()


def message() -> TurnMessage:
    """Return a contact's message."""
    return TurnMessage(id="x", kind="text", text="olá", received_at=0.0, provider_id=SID)
