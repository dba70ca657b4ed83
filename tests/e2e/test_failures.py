"""Models and an operator's address that misbehave, as contacts and operators see it."""

import time

from tests.e2e.house import House
from tests.standins.exchange import Answer
from tests.standins.openai import OpenAIStandIn, drips, refused, says
from tests.standins.operator import Operator
from tests.standins.twilio import TwilioStandIn

APOLOGY = "Desculpe, encontrei um erro. Minha equipe de engenharia foi notificada."


def test_a_model_that_recovers_gives_the_ordinary_reply(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn, operator: Operator
) -> None:
    """Two answers of 500 and then a good one make one ordinary reply, and alarm nobody."""
    openai.queue("chat", *[refused(500, "server_error")] * 2, says("Agora sim!"))
    house.serve(CLONE_ALERT_URL=operator.address, CLONE_IDLE_SECONDS="0.2")

    house.whatsapp.says("Como é bom voar de manhã")

    twilio.wait_for(lambda: twilio.sent, timeout=20)
    house.rest()
    (sent,) = twilio.sent
    assert "Agora sim!" in sent.body
    assert APOLOGY not in sent.body
    assert len(openai.chats) == 3
    assert operator.alerts == []


def test_a_refused_key_is_an_apology_and_an_alert(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn, operator: Operator
) -> None:
    """A model that refuses the key fails the turn for good: apology, log, alert, kept as failed."""
    house.expected_errors = {"turn_failed", "circuit_opened"}
    openai.whenever("chat", refused(401, "invalid_api_key"))
    house.serve(CLONE_ALERT_URL=operator.address, CLONE_IDLE_SECONDS="0.2")

    house.whatsapp.says("Conte uma novidade da oficina")

    operator.wait_for(lambda: operator.alerts, timeout=15)
    twilio.wait_for(lambda: twilio.sent, timeout=15)
    house.rest()
    assert [message.body for message in twilio.sent] == [APOLOGY]
    assert len(openai.chats) == 1
    ((turn_id, status, error),) = house.rows("SELECT id, status, error FROM turns")
    alert = {"action": "turn_failed", "id": turn_id, "count": 0}
    assert (status, operator.alerts) == ("failed", [alert])
    assert "401" in error
    assert f"turn_id={turn_id}" in house.console.wait_for("action=turn_failed")


def test_a_dripping_model_is_cut_at_the_deadline(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """A byte a second would take minutes: the turn ends at its deadline, with an apology."""
    house.expected_errors = {"turn_failed"}
    openai.whenever("chat", drips(1.0))
    house.serve(CLONE_TURN_SECONDS="3", CLONE_IDLE_SECONDS="0.2")

    house.whatsapp.says("Hoje o mar está calmo")

    openai.wait_for(lambda: openai.chats, timeout=15)
    began = time.monotonic()
    twilio.wait_for(lambda: twilio.sent, timeout=15)
    assert 2 < time.monotonic() - began < 8
    house.rest()
    assert [message.body for message in twilio.sent] == [APOLOGY]


def test_the_next_turn_after_a_failure_is_answered(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """One failed turn leaves the conversation open: the next message gets its reply."""
    house.expected_errors = {"turn_failed"}
    openai.queue("chat", refused(400, "invalid_request"), says("Estou de volta."))
    house.serve()
    house.whatsapp.says("Está me ouvindo bem agora")
    twilio.wait_for(lambda: twilio.sent, timeout=15)

    house.whatsapp.says("Vou tentar outra vez então")

    twilio.wait_for(lambda: len(twilio.sent) == 2, timeout=15)
    apology, reply = (message.body for message in twilio.sent)
    assert apology == APOLOGY
    assert "Estou de volta." in reply


def test_a_page_of_html_is_no_reply(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """What a proxy answers in the model's place is retried, and never reaches the contact."""
    page = Answer(body=b"<h1>Bad gateway</h1>", content_type="text/html")
    openai.queue("chat", lambda _request, _proceed: page, says("Cheguei."))
    house.serve()

    house.whatsapp.says("Tudo certo por aqui também")

    twilio.wait_for(lambda: twilio.sent, timeout=15)
    assert len(twilio.sent) == 1
    assert "Cheguei." in twilio.sent[0].body
