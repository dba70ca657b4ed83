"""Processes that die or leave at the worst moments: nothing is lost, nothing said twice."""

import threading
from functools import partial

from tests.e2e.conftest import MakeHouse
from tests.e2e.house import House, eventually, twilio_settings
from tests.standins.chat import prompt_text
from tests.standins.exchange import held_until, late
from tests.standins.openai import OpenAIStandIn
from tests.standins.twilio import TwilioStandIn

#: What a worker that leaves does in its last moments, seen from the reply it sent, in seconds.
AROUND_THE_EXIT = (0.0, 0.01, 0.03, 0.1)


def test_a_killed_worker_is_replaced(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn, gate: threading.Event
) -> None:
    """Workers killed (-9) while the model thinks are followed by one that answers, once."""
    house.expected_errors = {"worker_died"}
    openai.queue("chat", held_until(gate), held_until(gate))
    house.serve(CLONE_IDLE_SECONDS="0.2")
    house.whatsapp.says("Perdi meu chapéu no vento")
    for kills in (1, 2):
        openai.wait_for(partial(was_asked, openai, kills), timeout=15)
        house.kill_worker()

    twilio.wait_for(lambda: twilio.sent, timeout=15)
    gate.set()
    house.rest()
    prompts = [prompt_text(chat["messages"]) for chat in openai.chats]
    assert [prompt.count("Perdi meu chapéu no vento") for prompt in prompts] == [1, 1, 1]
    assert len(twilio.sent) == 1
    assert house.rows("SELECT attempts, failures FROM turns") == [(3, 0)]


def test_a_killed_machine_answers_after_its_restart(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn, gate: threading.Event
) -> None:
    """Both processes killed (-9) after the 200: the next start answers, with no new message."""
    openai.queue("chat", held_until(gate))
    house.serve()
    house.whatsapp.says("Vou viajar amanhã cedo")
    openai.wait_for(lambda: openai.chats, timeout=15)
    house.kill_web()
    house.kill_worker()
    assert twilio.sent == []

    house.serve(CLONE_IDLE_SECONDS="0.2")

    twilio.wait_for(lambda: twilio.sent, timeout=15)
    house.rest()
    assert len(twilio.sent) == 1


def test_a_worker_survives_its_web_process(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn, gate: threading.Event
) -> None:
    """A web process killed (-9) during a turn leaves its worker at it; the restart adds none."""
    openai.queue("chat", held_until(gate))
    house.serve(CLONE_IDLE_SECONDS="0.5")
    house.whatsapp.says("Que saudade da minha terra")
    openai.wait_for(lambda: openai.chats, timeout=15)
    house.kill_web()

    house.serve()
    gate.set()

    twilio.wait_for(lambda: twilio.sent, timeout=15)
    house.rest()
    assert len(openai.chats) == len(twilio.sent) == 1
    assert len(house.console.lines("action=worker_started")) == 1


def test_a_web_process_killed_before_any_worker_loses_nothing(
    house: House, twilio: TwilioStandIn
) -> None:
    """Killed (-9) right after the 200, before the worker has loaded: one reply, a start later."""
    house.serve()
    house.whatsapp.says("Amanhã te conto tudo")
    house.kill_web()
    for worker in house.workers():
        worker.kill()

    house.serve(CLONE_IDLE_SECONDS="0.2")

    twilio.wait_for(lambda: twilio.sent, timeout=15)
    house.rest()
    assert len(twilio.sent) == 1


def test_a_worker_nobody_started_is_replaced_too(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn, gate: threading.Event
) -> None:
    """A worker that outlived its web process and is killed in its turn has a successor."""
    openai.queue("chat", held_until(gate))
    house.serve()
    house.whatsapp.says("O café esfriou na mesa")
    openai.wait_for(lambda: openai.chats, timeout=15)
    house.kill_web()
    house.serve(CLONE_IDLE_SECONDS="0.2")

    house.kill_worker()

    twilio.wait_for(lambda: twilio.sent, timeout=15)
    house.rest()
    assert len(twilio.sent) == 1


def test_a_stop_reaches_a_worker_of_an_earlier_run(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn, gate: threading.Event
) -> None:
    """SIGTERM is passed on to the worker that a killed web process left behind."""
    openai.queue("chat", held_until(gate))
    house.serve()
    house.whatsapp.says("O relógio parou de novo")
    openai.wait_for(lambda: openai.chats, timeout=15)
    house.kill_web()
    house.serve()

    house.web.terminate()
    eventually(house.is_closed)
    gate.set()

    assert house.web.wait(timeout=30) == 0
    assert len(twilio.sent) == 1
    eventually(lambda: house.processes() == [])


def test_a_worker_told_to_leave_is_followed_by_another(house: House, twilio: TwilioStandIn) -> None:
    """SIGTERM for the worker alone, while a burst is open, only delays the reply."""
    house.serve(CLONE_BURST_SECONDS="1")
    house.whatsapp.says("Entre e fique à vontade")
    twilio.wait_for(lambda: twilio.sent, timeout=15)
    house.whatsapp.says("Espere só um pouquinho")

    house.workers()[0].terminate()

    house.console.wait_for("action=worker_left")
    twilio.wait_for(lambda: len(twilio.sent) == 2, timeout=15)
    assert len(house.console.lines("action=worker_started")) == 2


def test_a_part_accepted_before_a_kill_is_not_repeated(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """Killed (-9) between Twilio's acceptance and our commit: looked up, and not sent again."""
    house.expected_errors = {"worker_died"}
    twilio.queue("send", late(60))
    house.serve(CLONE_IDLE_SECONDS="0.2")
    house.whatsapp.says("Adorei a fotografia do balão")
    twilio.wait_for(lambda: twilio.sent, timeout=15)
    assert house.rows("SELECT status FROM outbox") == [("sending",)]

    house.kill_worker()

    twilio.wait_for(lambda: twilio.requests("list"), timeout=20)
    house.rest()
    (sent,) = twilio.sent
    assert house.rows("SELECT status, provider_id FROM outbox") == [("sent", sent.sid)]
    assert len(openai.chats) == 1


def test_a_message_that_meets_a_leaving_worker_is_answered(
    make_house: MakeHouse, twilio: TwilioStandIn
) -> None:
    """Messages that come while an idle worker leaves wake its successor; none waits for ever."""
    house = make_house(
        **twilio_settings(twilio), CLONE_BURST_SECONDS="0.01", CLONE_IDLE_SECONDS="0"
    )
    house.serve()
    pause = threading.Event()
    for number, seconds in enumerate(AROUND_THE_EXIT):
        house.whatsapp.says("Bom dia, meu caro", sender=f"whatsapp:+55119888877{number:02}")
        twilio.wait_for(partial(has_answered, twilio, number + 1), timeout=15)
        pause.wait(seconds)

    house.rest()
    assert len(twilio.sent) == len(AROUND_THE_EXIT)
    assert len(house.console.lines("action=worker_started")) > 1


def has_answered(twilio: TwilioStandIn, contacts: int) -> bool:
    """Tell whether so many contacts have got a reply."""
    return len({message.to for message in twilio.sent}) == contacts


def was_asked(openai: OpenAIStandIn, times: int) -> bool:
    """Tell whether the model has been asked so often."""
    return len(openai.chats) == times
