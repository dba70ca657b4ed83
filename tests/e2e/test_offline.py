"""The whole path with no vendor at all but Twilio: no key, no model, no network beyond it."""

import json
from functools import partial

from tests.e2e.conftest import MakeHouse
from tests.e2e.house import twilio_settings
from tests.standins.twilio import TwilioStandIn


def test_a_clone_without_a_key_answers_from_its_documents(
    make_house: MakeHouse, twilio: TwilioStandIn
) -> None:
    """With no model connected, questions get sentences of the biography, one notice a reply."""
    house = make_house(**twilio_settings(twilio), CLONE_MODEL="", CLONE_EMBEDDINGS="")
    house.serve()

    house.whatsapp.says("Quando foi o primeiro voo do 14-bis?")

    twilio.wait_for(lambda: twilio.sent, timeout=15)
    assert "1906" in twilio.sent[0].body
    assert "clone de IA" in twilio.sent[0].body
    assert "sem um modelo de IA" not in twilio.sent[0].body
    ((route, sources, model),) = house.rows("SELECT route, sources, model FROM turns")
    assert model == "offline"
    assert "retrieve" in json.loads(route)
    used = [source for source in json.loads(sources) if source["used"]]
    assert any("1906" in source["excerpt"] for source in used)

    house.whatsapp.says("E o que foi o Demoiselle?")

    twilio.wait_for(lambda: len(twilio.sent) == 2, timeout=15)
    assert "Demoiselle" in twilio.sent[1].body
    assert "clone de IA" not in twilio.sent[1].body
    assert "sem um modelo de IA" in twilio.sent[1].body


def test_a_greeting_is_met_with_a_greeting(make_house: MakeHouse, twilio: TwilioStandIn) -> None:
    """Offline too, small talk gets a kind line, and never an "I don't know"."""
    house = make_house(**twilio_settings(twilio))
    house.serve(CLONE_BURST_SECONDS="0.1")
    small_talk = ("Boa tarde!", "kkkkk", "Muito obrigado", "Você é um robô?")

    for number, words in enumerate(small_talk, start=1):
        house.whatsapp.says(words)
        twilio.wait_for(partial(has_sent, twilio, number), timeout=15)

    routes = [json.loads(route) for (route,) in house.rows("SELECT route FROM turns")]
    met = [{"converse", "disclose"} & set(route) for route in routes]
    assert met == [{"converse"}] * 3 + [{"disclose"}]
    assert not any("não sei" in message.body for message in twilio.sent)


def test_a_closed_door_says_so(make_house: MakeHouse) -> None:
    """Without an auth token every webhook is refused with 403, and the log tells why."""
    house = make_house()
    house.expected_errors = {"webhook_closed"}
    house.serve()

    answer = house.post("/webhook/whatsapp", {"MessageSid": "SM" + "0" * 32, "Body": "oi"})

    assert answer.status_code == 403
    assert "TWILIO_AUTH_TOKEN" in house.console.wait_for("action=webhook_closed")
    assert house.rows("SELECT COUNT(*) FROM inbox") == [(0,)]


def test_an_idle_house_is_one_healthy_process(make_house: MakeHouse) -> None:
    """Nobody wrote: the web process alone runs, alive and ready, and SIGTERM ends it with 0."""
    house = make_house()
    house.serve()

    assert house.get("/healthz").status_code == 200
    assert house.get("/readyz").status_code == 200
    assert [process.pid for process in house.processes()] == [house.web.pid]
    assert house.stop() == 0


def has_sent(twilio: TwilioStandIn, number: int) -> bool:
    """Tell whether so many messages have left."""
    return len(twilio.sent) == number
