"""What Twilio reports of messages it took, and what follows from it, in the real processes."""

import httpx
import pytest

from tests.e2e.house import House, eventually
from tests.standins.exchange import accepted_then_dropped
from tests.standins.openai import OpenAIStandIn, says
from tests.standins.operator import Operator
from tests.standins.twilio import TwilioStandIn, refused
from tests.standins.twilio_messages import callback

OTHER = "whatsapp:+5521888888888"


@pytest.fixture
def answered(house: House, twilio: TwilioStandIn, openai: OpenAIStandIn) -> House:
    """A house that has sent one reply, its worker still warm."""
    openai.whenever("chat", says("Pois sim."))
    house.serve()
    house.whatsapp.says("Adorei a sua história")
    twilio.wait_for(lambda: twilio.sent, timeout=15)
    eventually(lambda: house.rows("SELECT id FROM outbox WHERE status = 'sent'"))
    return house


def test_delivery_is_kept_and_never_goes_back(answered: House, twilio: TwilioStandIn) -> None:
    """Each part keeps how far it came, whatever the order and number of the reports."""
    (sent,) = twilio.sent
    for status in ("sent", "read", "delivered", "read"):
        assert answered.whatsapp.reports(sent, status).status_code == 204

    assert answered.rows("SELECT status, delivery FROM outbox") == [("sent", "read")]
    assert len(twilio.sent) == 1


def test_only_twilio_may_report(answered: House, twilio: TwilioStandIn) -> None:
    """A report without its signature, or for another part than was signed, is refused."""
    url, form = callback(twilio.sent[0], "failed", "63014")
    path = url.partition("clone.example")[2]

    unsigned = httpx.post(answered.address + path, data=form, trust_env=False)

    assert unsigned.status_code == 403
    assert answered.rows("SELECT delivery FROM outbox") == [("",)]


def test_a_report_ends_a_doubt(house: House, twilio: TwilioStandIn, openai: OpenAIStandIn) -> None:
    """A send whose answer was lost is settled by its report: not listed, not repeated."""
    openai.whenever("chat", says("Pois sim."))
    twilio.queue("send", accepted_then_dropped())
    house.serve(CLONE_IDLE_SECONDS="0.2")
    house.whatsapp.says("Adorei a sua história")
    twilio.wait_for(lambda: twilio.sent, timeout=15)

    house.whatsapp.reports(twilio.sent[0], "sent")

    house.rest()
    assert house.rows("SELECT status, provider_id FROM outbox") == [("sent", twilio.sent[0].sid)]
    assert len(twilio.sent) == 1
    assert twilio.requests("list") == []


def test_a_rate_limit_reported_later_is_waited_for(answered: House, twilio: TwilioStandIn) -> None:
    """A part that WhatsApp dropped for going too fast is sent again."""
    answered.whatsapp.reports(twilio.sent[0], "undelivered", "63018")

    twilio.wait_for(lambda: len(twilio.sent) == 2, timeout=15)
    first, again = twilio.sent
    assert again.body == first.body
    assert again.status_callback != first.status_callback
    answered.whatsapp.reports(again, "delivered")
    answered.whatsapp.reports(first, "undelivered", "63018")
    rows = answered.rows("SELECT status, delivery FROM outbox ORDER BY position")
    assert rows == [("replaced", "undelivered"), ("sent", "delivered")]


def test_a_blocked_sender_is_left_at_that(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn, operator: Operator
) -> None:
    """The contact is marked, the operator told, and a worker that has left comes back for it."""
    house.expected_errors = {"contact_unreachable"}
    openai.whenever("chat", says("Pois sim."))
    house.serve(CLONE_ALERT_URL=operator.address, CLONE_IDLE_SECONDS="0.2")
    house.whatsapp.says("Adorei a sua história")
    twilio.wait_for(lambda: twilio.sent, timeout=15)
    house.rest()

    house.whatsapp.reports(twilio.sent[0], "failed", "63014")

    operator.wait_for(lambda: operator.alerts, timeout=15)
    assert operator.alerts[0]["action"] == "contact_unreachable"
    assert house.rows("SELECT unreachable FROM contacts") == [("63014",)]
    house.whatsapp.says("Voltei a escrever")
    twilio.wait_for(lambda: len(twilio.sent) == 2, timeout=15)
    assert house.rows("SELECT unreachable FROM contacts") == [("",)]


def test_a_closed_window_is_held_for_the_operator(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn, operator: Operator
) -> None:
    """63016 comes in a report: the part is held, told, and never sent again."""
    house.expected_errors = {"part_held"}
    openai.whenever("chat", says("Pois sim."))
    house.serve(CLONE_ALERT_URL=operator.address, CLONE_IDLE_SECONDS="0.2")
    house.whatsapp.says("Adorei a sua história")
    twilio.wait_for(lambda: twilio.sent, timeout=15)

    house.whatsapp.reports(twilio.sent[0], "failed", "63016")

    operator.wait_for(lambda: operator.alerts, timeout=15)
    house.rest()
    assert operator.alerts[0]["action"] == "part_held"
    assert house.rows("SELECT status FROM outbox") == [("held",)]
    assert len(twilio.sent) == 1


def test_a_body_that_twilio_finds_too_long_is_cut_smaller(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """21617 leads to the same words in smaller pieces, in order."""
    words = " ".join(f"palavra{number}" for number in range(60))
    openai.whenever("chat", says(words + "."))
    twilio.queue("send", refused(21617))
    house.serve(CLONE_IDLE_SECONDS="0.2")

    house.whatsapp.says("Adorei a sua história")
    twilio.wait_for(lambda: len(twilio.sent) >= 2, timeout=15)
    house.rest()

    assert words in " ".join(message.body for message in twilio.sent)


def test_too_many_requests_are_repeated_after_the_time_asked_for(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """429 with Retry-After: the part waits that long, and others are not kept waiting."""
    openai.whenever("chat", says("Pois sim."))
    twilio.queue("send", refused(20429, 429, retry_after=2))
    house.serve(CLONE_IDLE_SECONDS="0.2")
    house.whatsapp.says("Adorei a sua história")
    twilio.wait_for(lambda: twilio.requests("send"), timeout=15)
    house.whatsapp.says("Adorei a sua história", sender=OTHER)

    twilio.wait_for(lambda: len(twilio.sent) == 2, timeout=15)
    house.rest()

    assert twilio.sent[0].to == OTHER
    first, *_, last = twilio.requests("send")
    assert last.at - first.at >= 2.0
    assert twilio.requests("list") == []
