"""What contacts may expect of the clone on WhatsApp, through the real processes."""

import json

from tests.e2e.house import House
from tests.standins.chat import prompt_text
from tests.standins.openai import OpenAIStandIn, says
from tests.standins.operator import Operator
from tests.standins.twilio import TwilioStandIn
from tests.standins.webhooks import (
    CONTACT,
    button_form,
    contacts_form,
    document_form,
    inbound_form,
    list_form,
    location_form,
    media_form,
    media_url,
    order_form,
    reaction_form,
    referral_form,
    reply_form,
    sticker_form,
    username_form,
    video_form,
)

NOTICE = "clone de IA de Alberto Santos-Dumont"
OTHER = "whatsapp:+5521888888888"


def wait_for_sends(twilio: TwilioStandIn, count: int) -> list[str]:
    """Return what was sent, once so many messages were."""
    twilio.wait_for(lambda: len(twilio.sent) >= count, timeout=20)
    return [message.body for message in twilio.sent]


def test_the_first_reply_says_that_an_ai_speaks(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """The notice opens the first reply to each contact, once, and is no part of the history."""
    openai.whenever("chat", says("Foi uma bela manhã de novembro."))
    house.serve()

    house.whatsapp.says("Adorei a sua história")
    wait_for_sends(twilio, 1)
    house.whatsapp.says("Conte mais do balão")
    wait_for_sends(twilio, 2)
    house.whatsapp.says("Adorei a sua história", sender=OTHER)
    first, second, other = wait_for_sends(twilio, 3)

    assert first.index(NOTICE) < first.index("Foi uma bela manhã")
    assert NOTICE in other
    assert NOTICE not in second
    assert NOTICE not in prompt_text(openai.chats[1]["messages"][1:])


def test_a_shortcut_is_no_introduction(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """A shortcut carries no notice and takes it from nobody: the first generated reply has it."""
    openai.whenever("chat", says("Foi uma bela manhã."))
    house.serve()

    assert NOTICE not in house.whatsapp.says("oi").text
    house.whatsapp.says("Adorei a sua história")

    assert NOTICE in wait_for_sends(twilio, 1)[0]


def test_the_truth_about_itself_needs_no_model(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """Asked what it is, the clone answers with the owner's fixed line, whatever a model says."""
    openai.whenever("chat", says("Sou humano, claro!"))
    house.serve()

    asked = ("vc é um robô?", "are you human??", "¿eres una persona real?")
    for number, text in enumerate(asked):
        house.whatsapp.says(text, sender=f"whatsapp:+551190000000{number}")

    told = wait_for_sends(twilio, 3)
    assert all(" IA" in each or " AI" in each for each in told)
    assert not any("humano, claro" in each for each in told)
    assert openai.chats == []


def test_stop_and_return(house: House, twilio: TwilioStandIn, openai: OpenAIStandIn) -> None:
    """A stop is confirmed in the webhook's own answer; then there is silence, until a return."""
    house.serve(CLONE_IDLE_SECONDS="0.2")

    assert "voltar" in house.whatsapp.says("PARAR").text
    for text in ("Quem foi você?", "oi", "parar"):
        assert "<Message>" not in house.whatsapp.says(text).text
    assert "<Message>" in house.whatsapp.says("voltar").text
    house.whatsapp.says("Adorei a sua história")

    assert len(wait_for_sends(twilio, 1)) == 1
    house.rest()
    assert len(twilio.sent) == len(openai.chats) == 1
    assert "Quem foi você" not in prompt_text(openai.chats[0]["messages"])


def test_a_hand_over_reaches_the_operator(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn, operator: Operator
) -> None:
    """The contact hears what was done, the operator which turn it was, and no model is asked."""
    house.serve(CLONE_ALERT_URL=operator.address)

    house.whatsapp.says("Quero falar com uma pessoa, por favor")

    operator.wait_for(lambda: operator.alerts, timeout=15)
    (told,) = wait_for_sends(twilio, 1)
    ((turn_id,),) = house.rows("SELECT id FROM turns WHERE hand_over")
    assert operator.alerts == [{"action": "hand_over", "id": turn_id, "count": 0}]
    assert "aviso" in told
    assert openai.chats == []


def test_a_hand_over_promises_nothing_that_nobody_does(house: House, twilio: TwilioStandIn) -> None:
    """Without CLONE_ALERT_URL the clone says that it cannot pass anything on."""
    house.serve()

    house.whatsapp.says("Quero falar com uma pessoa, por favor")

    (told,) = wait_for_sends(twilio, 1)
    assert "não consigo chamar ninguém" in told


def test_too_many_turns_are_met_once(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """Beyond the limit of a minute there is one sentence and no model; others are answered."""
    openai.whenever("chat", says("Pois sim."))
    house.serve(CLONE_TURNS_PER_MINUTE="2", CLONE_IDLE_SECONDS="0.2")
    for number in range(1, 4):
        house.whatsapp.says(f"Adorei a sua história {number}")
        wait_for_sends(twilio, number)
    house.whatsapp.says("Adorei a sua história 4")
    house.whatsapp.says("oi")
    house.whatsapp.says("Adorei a sua história", sender=OTHER)
    wait_for_sends(twilio, 4)
    house.rest()

    bodies = [message.body for message in twilio.sent if message.to == CONTACT]
    assert len(bodies) == 3
    assert "mais tarde" in bodies[2]
    assert len(openai.chats) == 3
    assert [status for (status,) in house.rows("SELECT status FROM turns")].count("refused") == 2


def test_every_kind_of_message_is_answered(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """What has words gets an answer to them, what has none one friendly sentence, never silence."""
    openai.whenever("chat", says("Pois sim, com prazer."))
    house.serve(CLONE_BURST_SECONDS="0.2", CLONE_IDLE_SECONDS="0.5")
    quoted = "SM" + "4" * 32
    forms = [
        inbound_form("Adorei a sua história"),
        button_form("Gosto muito do balão", quoted),
        list_form("Gosto muito do balão", quoted),
        reply_form("Gostei disto", quoted),
        referral_form("Adorei a sua história"),
        username_form("Adorei a sua história"),
        document_form(Body="Adorei este documento"),
        media_form(media_url(), "image/jpeg"),
        video_form(),
        document_form(),
        sticker_form(),
        location_form(),
        contacts_form(),
        reaction_form(),
        order_form(),
        inbound_form("", MessageType="hologram"),
    ]
    for number, form in enumerate(forms):
        sender = f"whatsapp:+55119{number:08}"
        own = f"whatsapp:BR.77{number}"
        address = own if form["From"].startswith("whatsapp:BR") else sender
        house.whatsapp.delivers(form | {"From": address, "ExternalUserId": own})

    wait_for_sends(twilio, len(forms))
    house.rest()

    assert len({message.to for message in twilio.sent}) == len(twilio.sent) == len(forms)
    answered = [message for message in twilio.sent if "com prazer" in message.body]
    assert len(answered) == len(openai.chats) == 8


def test_what_a_message_points_at_reaches_the_model(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """A swiped reply of ours and the advertisement's words are context, never instructions."""
    openai.whenever("chat", says("O balão subiu ao amanhecer."))
    house.serve()
    house.whatsapp.says("Adorei a sua história")
    wait_for_sends(twilio, 1)
    house.whatsapp.delivers(reply_form("Gostei muito disto aqui", twilio.sent[0].sid))
    wait_for_sends(twilio, 2)
    house.whatsapp.delivers(
        referral_form("Gostei do anúncio", ReferralHeadline="Voe de balão conosco")
    )
    wait_for_sends(twilio, 3)

    swiped, referred = (prompt_text(chat["messages"][-1:]) for chat in openai.chats[1:])
    assert "O balão subiu ao amanhecer." in swiped
    assert "Voe de balão conosco" in referred
    assert "Voe de balão" not in prompt_text(openai.chats[2]["messages"][:1])


def test_a_number_keeps_its_conversation_when_its_own_id_comes(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """Who was known by number is recognised when the stable id first appears with it."""
    openai.whenever("chat", says("Anotado."))
    house.serve()
    house.whatsapp.says("Meu barco se chama Gaivota", ExternalUserId=None)
    wait_for_sends(twilio, 1)
    house.whatsapp.says("Gosto muito de velejar", ExternalUserId="whatsapp:BR.555")
    wait_for_sends(twilio, 2)
    house.whatsapp.says("Gosto de remar também", ExternalUserId="whatsapp:BR.666")
    wait_for_sends(twilio, 3)

    _, known, stranger = (prompt_text(chat["messages"]) for chat in openai.chats)
    assert "Gaivota" in known
    assert "Gaivota" not in stranger


def test_typing_is_shown_before_the_burst_is_over(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """A warm worker shows it within two seconds of the message, however long the window."""
    house.serve(CLONE_BURST_SECONDS="3")
    house.whatsapp.says("Adorei a sua história")
    wait_for_sends(twilio, 1)
    before = len(twilio.typing)
    house.whatsapp.says("Conte tudo", sid="SM" + "9" * 32)
    twilio.wait_for(lambda: len(twilio.typing) > before, timeout=15)

    assert twilio.typing[-1] == "SM" + "9" * 32
    assert len(twilio.sent) == 1
    assert house.rows("SELECT id FROM turns WHERE status = 'open'") == []


def test_a_long_reply_arrives_whole_and_in_whatsapps_own_marks(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """Markdown becomes WhatsApp's formatting; parts stay within the limit, in order, three."""
    paragraph = "**Parágrafo {n}.** " + "O vento soprava do norte e o motor girava bem. " * 15
    openai.queue("chat", says("\n\n".join(paragraph.format(n=n) for n in range(5))))
    house.serve(CLONE_IDLE_SECONDS="0.2")

    house.whatsapp.says("Adorei a sua história")
    wait_for_sends(twilio, 2)
    house.rest()

    bodies = [message.body for message in twilio.sent]
    assert 2 <= len(bodies) <= 3
    assert all(len(body) <= 1600 for body in bodies)
    text = "\n".join(bodies)
    assert "**" not in text
    positions = [text.index(f"*Parágrafo {n}.*") for n in range(4)]
    assert positions == sorted(positions)
    assert json.dumps(text)
