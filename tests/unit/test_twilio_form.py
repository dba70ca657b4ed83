"""Twilio's forms become messages and reports, whatever stands in them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.messages import IncomingMessage, Media
from agent.text import clean
from channels.reports import DeliveryReport
from channels.twilio_form import (
    MISSING,
    NO_ADDRESS,
    NO_MESSAGE_ID,
    NO_STATUS,
    REPORT_MISSING,
    TEXT_LIMIT,
    Refusal,
    is_report,
    message_from,
    report_from,
)

FORMS: dict[str, dict[str, str]] = {
    name: form
    for name, form in json.loads(
        (Path(__file__).parents[1] / "data" / "twilio_inbound.json").read_text(encoding="utf-8")
    ).items()
    if not name.startswith("_")
}
TEXT = FORMS["text"]
ACCOUNT, NUMBER = TEXT["ExternalUserId"], TEXT["From"]
#: The id of a person towards several linked businesses.
SHARED = "whatsapp:US.ENT.11815799212886844830"
QUOTED = "MM" + "4" * 32
PART = "0f" * 16 + ":0"


def message(name: str = "text", **changed: str | None) -> IncomingMessage:
    """Return the message that a form makes, after changes; None takes a field away."""
    found = message_from(changed_form(name, **changed))
    assert isinstance(found, IncomingMessage)
    return found


def changed_form(name: str, **changed: str | None) -> dict[str, str]:
    """Return a form with some of its fields changed."""
    fields: Mapping[str, str | None] = FORMS[name] | changed
    return {field: value for field, value in fields.items() if value is not None}


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("text", "text", "Oi, tudo bem?"),
        ("voice_note", "audio", ""),
        ("image_with_caption", "image", "Olha que lindo"),
        ("video", "video", ""),
        ("document", "document", ""),
        ("sticker", "sticker", ""),
        ("contact_card", "other", ""),
        ("location", "location", ""),
        ("button_reply", "text", "Sim"),
        ("list_reply", "text", "Manhã"),
        ("form_reply", "other", ""),
        ("swipe_reply", "text", "Esse mesmo"),
        ("advertisement", "text", "Quero saber mais"),
        ("reaction", "text", "👍"),
        ("reaction_taken_back", "other", ""),
        ("order", "other", ""),
        ("user_without_number", "text", "oi"),
    ],
)
def test_each_kind_of_form_is_its_message(name: str, kind: str, text: str) -> None:
    """What WhatsApp can send is told apart, and its words are kept."""
    form = FORMS[name]

    found = message_from(form)

    assert isinstance(found, IncomingMessage)
    assert (found.channel, found.message_id) == ("whatsapp", form["MessageSid"])
    assert (found.contact_id, found.address) == (ACCOUNT, form["From"])
    assert (found.kind, found.text) == (kind, text)
    assert not is_report(form)


@pytest.mark.parametrize("kind", [None, "", "ptt", "TEXT", "Audio", "unsupported"])
def test_a_type_that_nobody_knows_is_told_by_what_it_carries(kind: str | None) -> None:
    """Files, places and words are found without the type, in any case of letters."""
    assert message("voice_note", MessageType=kind).kind == "audio"
    assert message("contact_card", MessageType=None).kind == "other"
    if kind != "Audio":
        assert message("document", MessageType=kind).kind == "document"
        assert message("image_with_caption", MessageType=kind).kind == "image"
        assert message("location", MessageType=kind).kind == "location"
        assert message("text", MessageType=kind).kind == "text"
        assert message("text", MessageType=kind, Body="").kind == "other"


@pytest.mark.parametrize("name", ["contact_card", "order", "reaction_taken_back", "form_reply"])
def test_what_cannot_be_taken_in_is_answered_by_its_words(name: str) -> None:
    """A contact card, an order or a form that comes with words is answered as these words."""
    found = message(name, Body="é meu irmão, pode falar com ele?")

    assert (found.kind, found.text) == ("text", "é meu irmão, pode falar com ele?")


def test_a_button_speaks_before_the_body() -> None:
    """The words of a button or a row are the message; empty ones leave it to the body."""
    assert message("button_reply", Body="outra coisa").text == "Sim"
    assert message("list_reply", Body="").text == "Manhã"
    assert message("button_reply", ButtonText="\u200b ").text == "Sim"
    assert message("button_reply", ButtonText="", ButtonPayload="yes", Body="").kind == "other"


def test_what_a_message_replies_to_is_kept() -> None:
    """A swipe-reply and a tapped button name the message they answer; a malformed id is none."""
    assert message("swipe_reply").quoted_id == QUOTED
    assert message("button_reply").quoted_id == QUOTED
    assert message("text").quoted_id == ""
    for malformed in ("MM1", "wamid.HBgN", "MM" + "4" * 31 + "\n", "' OR 1=1"):
        assert message("swipe_reply", OriginalRepliedMessageSid=malformed).quoted_id == ""


def test_the_words_of_an_advertisement_are_data() -> None:
    """Headline, words and address come as one line each, clean and bounded."""
    assert message("advertisement").referral == (
        "Fale comigo\nAulas de voo em balão\nhttps://fb.me/3kP9"
    )
    assert message("text").referral == ""
    hostile = message("advertisement", ReferralBody="\u202eoi\u2028# sistema\x00\n" + "a" * 9_000)
    assert hostile.referral.splitlines()[1].startswith("oi # sistema aaa")
    assert len(hostile.referral) <= 3 * 500 + 2


def test_a_file_is_kept_where_the_channel_keeps_it() -> None:
    """Up to ten files of plain addresses and bounded types; the count that was told is not used."""
    url = FORMS["voice_note"]["MediaUrl0"]
    assert message("voice_note").media == (Media(url=url, content_type="audio/ogg"),)

    many = {f"MediaUrl{n}": f"https://m.example/{n}" for n in range(40)}
    found = message(
        "text", **many, NumMedia="9" * 5000, MediaContentType0=" Audio/OGG; codecs=opus"
    )

    assert [media.url[-1] for media in found.media] == list("0123456789")
    assert found.media[0].content_type == "audio/ogg; codecs=opus"
    assert message("video", MediaContentType0="v" * 9_000).media[0].content_type == "v" * 100
    for unusable in ("", "https://m.example/" + "a" * 2048, "https://m.example/\x00", "https://é"):
        assert message("voice_note", MediaUrl0=unusable).media == ()


def test_words_come_clean_and_bounded() -> None:
    """Invisible, bidirectional and control characters are gone, and what is beyond the limit."""
    assert message(Body="a\u202eb\u200b\x07c\x00\ud800 \r\n").text == "abc"
    assert message(Body="linha\r\noutra").text == "linha\noutra"
    assert message(Body="x" * 10_001).text == "x" * TEXT_LIMIT
    assert message(Body="👩‍🚀 ❤️").text == "👩‍🚀 ❤️"


@pytest.mark.parametrize(
    ("number", "account", "contact", "address"),
    [
        (NUMBER, ACCOUNT, ACCOUNT, NUMBER),
        (NUMBER, None, NUMBER, NUMBER),
        (NUMBER, "", NUMBER, NUMBER),
        (NUMBER, "whatsapp:", NUMBER, NUMBER),
        (NUMBER, "whatsapp:br.1", NUMBER, NUMBER),
        (NUMBER, f"{ACCOUNT}\n", NUMBER, NUMBER),
        (NUMBER, "whatsapp:BR." + "1" * 129, NUMBER, NUMBER),
        (NUMBER, "messenger:BR.1", NUMBER, NUMBER),
        (ACCOUNT, None, ACCOUNT, ACCOUNT),
        (SHARED, None, SHARED, SHARED),
        (None, ACCOUNT, ACCOUNT, ACCOUNT),
        ("", ACCOUNT, ACCOUNT, ACCOUNT),
    ],
)  # fmt: skip
def test_a_person_is_known_by_the_stable_id(
    number: str | None, account: str | None, contact: str, address: str
) -> None:
    """`ExternalUserId` names the contact where it is well formed, else the sender's address."""
    found = message(From=number, ExternalUserId=account)

    assert (found.contact_id, found.address) == (contact, address)


@pytest.mark.parametrize("field", ["MessageSid", "From"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_form_that_names_nothing_is_refused(field: str, value: str | None) -> None:
    """Without a message id, or without anybody who sent it, there is nothing to keep."""
    form = changed_form("text", ExternalUserId=None, **{field: value})

    assert message_from(form) is MISSING
    assert message_from({}) is MISSING


@pytest.mark.parametrize(
    "malformed",
    [
        "SM1", "SM" + "1" * 31, "SM" + "1" * 33, "SM" + "g" * 32, "XX" + "1" * 32, "CA" + "1" * 32,
        "SM" + "1" * 32 + "\n", " SM" + "1" * 32, "ſM" + "1" * 32, "SM" + "١" * 32, "\x00" * 34,
        "\ud800", "wamid.HBgNNTUxMTk5OTk5OTk5OQA=", "SM" + "1" * 100_000,
    ],
)  # fmt: skip
def test_a_malformed_message_id_is_refused(malformed: str) -> None:
    """An id is two letters of Twilio's and 32 hexadecimal digits, nothing else."""
    assert message_from(changed_form("text", MessageSid=malformed)) is NO_MESSAGE_ID


@pytest.mark.parametrize("sid", ["sm" + "aB" * 16, "MM" + "F" * 32, "mm" + "0" * 32])
def test_the_case_of_an_id_does_not_matter(sid: str) -> None:
    """Both prefixes are taken in any case, and kept as they came."""
    assert message(MessageSid=sid).message_id == sid


@pytest.mark.parametrize(
    "malformed",
    [
        "+5511988887777", "5511988887777", "whatsapp:", "whatsapp:+", "whatsapp:+0551198888",
        "whatsapp:5511988887777", "whatsapp: 5511988887777", "whatsapp:+55 11 98888-7777",
        "whatsapp:+1", "whatsapp:+" + "1" * 16, "whatsapp:+٥٥١١٩٨٨٨٨٧٧٧٧", "whatsapp:+551198888\n",
        "whatsapp:+5511\x00988887777", "whatsapp:+5511\u202e98888", "\ud800", "messenger:1234",
        "WHATSAPP:+5511988887777", "whatsapp:BR.", "whatsapp:BRA.1", "whatsapp:BR.1.2",
        "whatsapp:BR." + "1" * 129, "whatsapp:+" + "1" * 100_000, "ana@example.org",
    ],
)  # fmt: skip
def test_a_malformed_sender_is_refused(malformed: str) -> None:
    """Of a plain SMS, or with anything beside it, it is none: their own id stands in, if any."""
    assert message_from(changed_form("text", From=malformed, ExternalUserId=None)) is NO_ADDRESS
    found = message_from(changed_form("text", From=malformed))
    assert isinstance(found, IncomingMessage)
    assert (found.contact_id, found.address) == (ACCOUNT, ACCOUNT)


def test_a_status_callback_is_a_report() -> None:
    """The part comes from the address, the rest from the form; the error only if there is one."""
    assert is_report(FORMS["status_delivered"])
    assert report_from(FORMS["status_delivered"], PART) == DeliveryReport(
        part_id=PART, provider_id="SM" + "5" * 32, status="delivered"
    )
    failed = report_from(FORMS["status_failed"], PART)
    assert isinstance(failed, DeliveryReport)
    assert (failed.status, failed.error) == ("failed", "63019")
    shouted = report_from(
        changed_form("status_failed", MessageStatus="FAILED", ErrorCode="x"), PART
    )
    assert isinstance(shouted, DeliveryReport)
    assert (shouted.status, shouted.error) == ("failed", "")


@pytest.mark.parametrize("part", ["", "a b", "a\n", "á", "\x00", "x" * 201])
def test_a_report_on_no_part_of_ours_is_nothing(part: str) -> None:
    """A message sent from elsewhere on the account has no part here."""
    assert report_from(FORMS["status_delivered"], part) is None


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"MessageSid": None}, REPORT_MISSING),
        ({"MessageSid": ""}, REPORT_MISSING),
        ({"MessageSid": "SM1"}, NO_MESSAGE_ID),
        ({"MessageStatus": None}, NO_STATUS),
        ({"MessageStatus": ""}, NO_STATUS),
        ({"MessageStatus": "de livered"}, NO_STATUS),
        ({"MessageStatus": "x" * 33}, NO_STATUS),
    ],
)
def test_a_malformed_report_is_refused(changed: dict[str, Any], refusal: Refusal) -> None:
    """A report says which message it is about and what became of it."""
    assert report_from(changed_form("status_delivered", **changed), PART) is refusal


@pytest.mark.parametrize("status", [None, "", "received", "Receiving"])
def test_a_message_that_came_in_is_no_report(status: str | None) -> None:
    """A form with the status of an incoming message is somebody's words."""
    assert not is_report(changed_form("text", MessageStatus=status))


FIELDS = sorted(
    {name for form in FORMS.values() for name in form} | {f"MediaUrl{n}" for n in (1, 9)}
)
ANY_TEXT = st.text(st.characters(), max_size=60)
VALUES = ANY_TEXT | st.sampled_from(
    sorted({value for form in FORMS.values() for value in form.values()})
)
ANY_FORM = st.dictionaries(st.sampled_from(FIELDS) | ANY_TEXT, VALUES, max_size=30)
NEAR_FORM = st.builds(
    lambda name, changes: FORMS[name] | changes, st.sampled_from(sorted(FORMS)), ANY_FORM
)


@given(ANY_FORM | NEAR_FORM)
@example({"MessageSid": TEXT["MessageSid"], "From": NUMBER, "Body": "\ud800" * 5000})
def test_any_form_is_a_sound_message_or_a_refusal(form: dict[str, str]) -> None:
    """Nothing in a form makes the reading fail, and what comes out is clean, bounded and named."""
    found = message_from(form)

    if isinstance(found, Refusal):
        assert found.sentence
        return
    assert found.contact_id.startswith("whatsapp:")
    assert found.address.startswith("whatsapp:")
    assert found.contact_id.isascii()
    assert found.address.isascii()
    assert len(found.message_id) == 34
    assert len(found.quoted_id) in (0, 34)
    for text, limit in ((found.text, TEXT_LIMIT), (found.referral, 1502)):
        assert len(text) <= limit
        assert text == clean(text).strip()
        text.encode()  # no half of a surrogate pair, which no database takes
    assert len(found.referral.splitlines()) <= 3
    assert found.kind != "text" or found.text
    assert len(found.media) <= 10
    for media in found.media:
        assert 0 < len(media.url) <= 2048
        assert (media.url + media.content_type).encode().count(b"\x00") == 0
        assert len(media.content_type) <= 100


@given(ANY_FORM | NEAR_FORM, ANY_TEXT | st.just(PART))
def test_any_callback_is_a_sound_report_or_a_refusal(form: dict[str, str], part: str) -> None:
    """Whatever a callback holds, a report of it is short plain text."""
    found = report_from(form, part)

    if isinstance(found, DeliveryReport):
        assert found.part_id == part
        assert len(found.provider_id) == 34
        assert 0 < len(found.status) <= 32
        assert found.error == "" or found.error.isdigit()
        assert (found.part_id + found.status + found.error).isascii()
