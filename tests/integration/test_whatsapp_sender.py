"""The WhatsApp sender against Twilio's protocol on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime

import pytest

from agent.errors import InDoubtError, PermanentError, TemporaryError, VendorError
from agent.messages import TurnMessage
from agent.settings import Secret, Twilio
from channels.outbox import Part
from channels.twilio_client import twilio_client
from channels.whatsapp_sender import WhatsAppSender
from tests.standins.exchange import (
    Answer,
    Behaviour,
    accepted_then_dropped,
    always,
    dropped,
    stalled,
)
from tests.standins.twilio import CLONE_NUMBER, TwilioStandIn, refused
from tests.standins.webhooks import CONTACT

SID = "SM" + "1" * 32


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    """A Twilio on loopback."""
    with TwilioStandIn() as stand_in:
        yield stand_in


Connect = Callable[[str], WhatsAppSender]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes senders that talk to an address, and closes them."""
    senders: list[WhatsAppSender] = []

    def make(url: str, token: str = "twilio-test-token") -> WhatsAppSender:
        settings = Twilio(
            account_sid="AC" + "a" * 32,
            auth_token=Secret(token),
            whatsapp_from=CLONE_NUMBER,
            region="",
            edge="",
            api_base_url=url,
        )
        senders.append(WhatsAppSender(CLONE_NUMBER, lambda: twilio_client(settings)))
        return senders[-1]

    yield make
    for sender in senders:
        await sender.close()


@pytest.fixture
def sender(connect: Connect, twilio: TwilioStandIn) -> WhatsAppSender:
    """A sender on the stand-in."""
    return connect(twilio.url)


def part(
    body: str = "Olá, ção 😀 +&=", *, number: int = 0, sending_at: float | None = None
) -> Part:
    """Return a part that is due."""
    return Part(
        id=f"turn:{number}",
        turn_id="turn",
        contact="hash",
        channel="whatsapp",
        address=CONTACT,
        body=body,
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


@pytest.mark.parametrize(
    ("behaviour", "kind", "code"),
    [
        (refused(63024), PermanentError, "63024"),
        (refused(21610), PermanentError, "21610"),
        (refused(20003, 401), PermanentError, "20003"),
        (refused(20429, 429), TemporaryError, "20429"),
        (refused(20500, 500), InDoubtError, "20500"),
        (refused(20503, 503), InDoubtError, "20503"),
        (always(Answer(status=502, body=b"<html>")), InDoubtError, "502"),
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

    assert isinstance(raised.value, InDoubtError) is (kind is InDoubtError)
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
