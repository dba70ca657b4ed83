"""A WhatsApp message through the real processes: webhook, inbox, worker, model, Twilio."""

import json
import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psutil
import pytest

from tests.e2e.house import House, eventually
from tests.standins.chat import prompt_text
from tests.standins.exchange import Answer, Handler, Request, held_until
from tests.standins.openai import OpenAIStandIn, says
from tests.standins.twilio import CLONE_NUMBER, TwilioStandIn
from tests.standins.webhooks import CONTACT, inbound_form

OTHER = "whatsapp:+5521888888888"
EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response />'
SHORTCUT = "Olá! O novo sistema v2.0 está funcionando. O bug de cache foi resolvido!"
HEAVY = re.compile(r"numpy|faiss|langchain|langgraph|pydantic_core|orjson|tiktoken|aiohttp")


def last_words(chat: Any) -> str:
    """Return the last message that the model was given."""
    return prompt_text(chat["messages"][-1:])


def bodies(twilio: TwilioStandIn, to: str = CONTACT) -> list[str]:
    """Return what a contact was sent."""
    return [message.body for message in twilio.sent if message.to == to]


def in_order(text: str, pieces: Sequence[str]) -> bool:
    """Tell whether all pieces stand in a text, one after the other."""
    return re.search(".*".join(map(re.escape, pieces)), text, re.DOTALL) is not None


def test_a_signed_message_is_answered_once(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """A signed webhook gets empty TwiML at once, and the model's answer by one REST send."""
    openai.queue("chat", says("Que bom ouvir de você, minha amiga!"))
    house.serve(CLONE_IDLE_SECONDS="0.2")

    answer = house.whatsapp.says("Bom dia, como vai a vida?", sid="SM" + "1" * 32)

    assert answer.text == EMPTY_TWIML
    assert answer.headers["content-type"].startswith("text/xml")
    twilio.wait_for(lambda: twilio.sent, timeout=15)
    house.rest()
    (sent,) = twilio.sent
    assert "Que bom ouvir de você, minha amiga!" in sent.body
    assert (sent.to, sent.sender) == (CONTACT, CLONE_NUMBER)
    assert len(openai.chats) == 1
    assert twilio.typing == ["SM" + "1" * 32]
    assert house.rows("SELECT status, provider_id FROM outbox") == [("sent", sent.sid)]


def test_a_question_is_answered_from_the_documents(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """The model gets fenced passages of the biography; what it rests on is kept with the turn."""
    house.serve()

    house.whatsapp.says("Quando foi o primeiro voo do 14-bis?")

    twilio.wait_for(lambda: twilio.sent, timeout=15)
    (chat,) = openai.chats
    assert "<passages" in last_words(chat)
    assert "1906" in last_words(chat)
    assert "[[" not in twilio.sent[0].body
    ((route, sources),) = house.rows("SELECT route, sources FROM turns")
    assert {"retrieve", "generate", "guard"} <= set(json.loads(route))
    assert any(source["used"] for source in json.loads(sources))


def test_a_repeated_delivery_is_answered_once(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """Ten deliveries of one message at once, and one more after the answer, give one send."""
    house.serve(CLONE_IDLE_SECONDS="1")
    form = inbound_form("Que dia bonito para voar")

    with ThreadPoolExecutor(10) as posts:
        answers = list(posts.map(house.whatsapp.delivers, [form] * 10))

    assert {answer.text for answer in answers} == {EMPTY_TWIML}
    twilio.wait_for(lambda: twilio.sent, timeout=15)
    assert house.whatsapp.delivers(form).text == EMPTY_TWIML
    house.rest()
    assert len(twilio.sent) == len(openai.chats) == 1
    assert len(house.console.lines("action=message_repeated")) == 10


def test_a_burst_is_answered_together(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """Three messages in a row make one model call that reads them in order, and one reply."""
    fragments = ("Estava pensando", "no tempo da fazenda", "e fiquei com saudade")
    house.serve(CLONE_BURST_SECONDS="1", CLONE_IDLE_SECONDS="0.2")

    for fragment in fragments:
        house.whatsapp.says(fragment)

    twilio.wait_for(lambda: twilio.sent, timeout=15)
    house.rest()
    (chat,) = openai.chats
    assert in_order(last_words(chat), fragments)
    assert len(twilio.sent) == 1


def test_a_fragment_while_the_model_thinks_joins_the_turn(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn, gate: threading.Event
) -> None:
    """What a contact adds while the model thinks starts it over; one reply saw both messages."""
    openai.queue("chat", held_until(gate))
    house.serve(CLONE_IDLE_SECONDS="0.2")
    house.whatsapp.says("Hoje sonhei com um balão")
    openai.wait_for(lambda: openai.chats, timeout=15)

    house.whatsapp.says("e ele era vermelho")

    twilio.wait_for(lambda: twilio.sent, timeout=15)
    gate.set()
    house.rest()
    first, second = openai.chats
    assert "vermelho" not in prompt_text(first["messages"])
    assert in_order(last_words(second), ("Hoje sonhei com um balão", "e ele era vermelho"))
    assert len(twilio.sent) == 1


def test_a_slow_contact_holds_nobody_up(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn, gate: threading.Event
) -> None:
    """While the model thinks for one contact, another one is answered."""
    held = held_until(gate)

    def think(request: Request, proceed: Handler) -> Answer:
        return (held if "devagar" in last_words(request.json()) else _friendly)(request, proceed)

    _friendly = says("Às suas ordens!")
    openai.whenever("chat", think)
    house.serve()
    house.whatsapp.says("Pense bem devagar nisso")
    openai.wait_for(lambda: openai.chats, timeout=15)

    house.whatsapp.says("Gosto muito de café", sender=OTHER)

    twilio.wait_for(lambda: bodies(twilio, OTHER), timeout=15)
    assert bodies(twilio) == []
    gate.set()
    twilio.wait_for(lambda: bodies(twilio), timeout=15)
    assert (len(bodies(twilio)), len(bodies(twilio, OTHER))) == (1, 1)


def test_a_conversation_is_remembered(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """The next turn's prompt holds the last one, also when another worker runs it."""
    openai.queue("chat", says("Um belo nome."))
    house.serve(CLONE_IDLE_SECONDS="0")
    house.whatsapp.says("Meu cachorro se chama Balão")
    twilio.wait_for(lambda: twilio.sent, timeout=15)
    house.rest()

    house.whatsapp.says("Ele gosta de correr na praia")

    twilio.wait_for(lambda: len(twilio.sent) == 2, timeout=15)
    history = prompt_text(openai.chats[1]["messages"])
    expected = ("Meu cachorro se chama Balão", "Um belo nome.", "Ele gosta de correr na praia")
    assert in_order(history, expected)
    assert len(house.console.lines("action=worker_started")) == 2


@pytest.mark.parametrize("word", ["oi", "  OÍ "])
def test_a_shortcut_is_answered_at_the_door(house: House, twilio: TwilioStandIn, word: str) -> None:
    """The smoke test's greeting comes back in the TwiML itself, and wakes no worker."""
    house.serve()

    answer = house.whatsapp.says(word)

    assert answer.text == (
        f'<?xml version="1.0" encoding="UTF-8"?><Response><Message>{SHORTCUT}</Message></Response>'
    )
    assert house.stop() == 0
    assert house.console.lines("action=worker_started") == []
    assert twilio.requests() == []


@pytest.mark.skipif(not hasattr(psutil.Process, "memory_maps"), reason="no memory maps here")
def test_the_web_process_stays_light(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """With a turn answered, the web process has mapped no library of the models' world."""
    house.serve()
    house.whatsapp.says("Um abraço aqui do Rio")
    twilio.wait_for(lambda: twilio.sent, timeout=15)

    maps = psutil.Process(house.web.pid).memory_maps()

    assert [each.path for each in maps if HEAVY.search(each.path)] == []
    (worker,) = house.workers()
    assert any(HEAVY.search(each.path) for each in worker.memory_maps())


def test_a_stop_lets_the_turn_at_hand_finish(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn, gate: threading.Event
) -> None:
    """SIGTERM during a turn closes the door, sends the reply, and ends all with code 0."""
    openai.queue("chat", held_until(gate))
    house.serve()
    house.whatsapp.says("Conte comigo para o que precisar")
    openai.wait_for(lambda: openai.chats, timeout=15)

    house.web.terminate()
    eventually(house.is_closed)
    gate.set()

    assert house.web.wait(timeout=30) == 0
    assert len(twilio.sent) == 1
    assert house.processes() == []
    assert house.rows("SELECT status FROM outbox") == [("sent",)]


def test_what_waits_at_a_stop_is_answered_after_the_next_start(
    house: House, twilio: TwilioStandIn
) -> None:
    """A message accepted just before SIGTERM is kept, and answered once by the next run."""
    house.serve(CLONE_BURST_SECONDS="5")
    house.whatsapp.says("Volto já para conversar")
    assert house.stop() == 0
    assert house.processes() == []
    assert twilio.sent == []

    house.serve(CLONE_BURST_SECONDS="0.3", CLONE_IDLE_SECONDS="0.2")

    twilio.wait_for(lambda: twilio.sent, timeout=15)
    house.rest()
    assert len(twilio.sent) == 1


def test_a_long_body_is_refused_before_it_is_kept(house: House) -> None:
    """Nobody fills the disk with bodies whose signature nobody has looked at yet."""
    house.serve()

    answer = httpx.post(
        f"{house.address}/webhook/whatsapp", content=b"a" * 2_000_000, timeout=10, trust_env=False
    )

    assert answer.status_code == 413
    assert house.rows("SELECT id FROM inbox") == []
