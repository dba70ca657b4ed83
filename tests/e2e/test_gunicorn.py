"""The webhook under gunicorn, as Replit runs it."""

from tests.e2e.house import GUNICORN, House
from tests.standins.openai import OpenAIStandIn
from tests.standins.twilio import TwilioStandIn


def test_gunicorn_serves_and_stops_all(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """A signed webhook is answered through the worker; SIGTERM ends server and worker."""
    house.serve(GUNICORN)
    assert house.get("/healthz").status_code == 200

    house.whatsapp.says("Que belo dia para um passeio")

    twilio.wait_for(lambda: twilio.sent, timeout=15)
    assert len(openai.chats) == 1
    assert len(house.workers()) == 1
    assert house.stop() == 0
    assert house.processes() == []
    assert len(twilio.sent) == 1


def test_gunicorn_refuses_a_wrong_signature(house: House) -> None:
    """An unsigned webhook gets 403, and nothing is stored."""
    house.serve(GUNICORN)

    answer = house.post("/webhook/whatsapp", {"MessageSid": "SM" + "0" * 32, "Body": "oi"})

    assert answer.status_code == 403
    assert house.rows("SELECT COUNT(*) FROM inbox") == [(0,)]


def test_gunicorn_does_not_serve_the_simulator(house: House) -> None:
    """What may stand behind a public address shows its plain page only."""
    house.serve(GUNICORN, PUBLIC_BASE_URL="")

    assert house.get("/").status_code == 200
    assert house.get("/simulator/simulator.js").status_code == 404
