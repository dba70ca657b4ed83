"""Voice notes through the real processes: heard, answered by word or by voice, kept, forgotten."""

import re
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing

import pytest

from agent.keys import Keys, installation_secret
from agent.settings import Secret
from channels.media_links import MediaLinks
from prompts.persona import load_persona
from tests.e2e.conftest import MakeHouse
from tests.e2e.house import (
    PUBLIC_URL,
    SAMPLE,
    House,
    elevenlabs_settings,
    eventually,
    openai_settings,
    twilio_settings,
)
from tests.sounds import sound
from tests.standins.chat import Chat, prompt_text
from tests.standins.elevenlabs import ElevenLabsStandIn
from tests.standins.elevenlabs import refused as refused_voice
from tests.standins.exchange import Answer, Behaviour, Handler, Request, always, stalled
from tests.standins.openai import OpenAIStandIn, hears, refused, says
from tests.standins.operator import Operator
from tests.standins.twilio import TwilioStandIn
from tests.standins.twilio_messages import SentMessage
from tests.standins.webhooks import CONTACT

NOTE = sound("voice_note.ogg")
PERSONA = load_persona(SAMPLE / "persona.toml")
LINES = PERSONA.lines_in("pt")
HEARD = "Adorei a sua oficina de balões"
REPLY = "Pois sim, com muito gosto."
#: More than ten minutes of it: the headers, then its sound over and over.
LONG_NOTE = sound("header_only.ogg") + NOTE[len(sound("header_only.ogg")) :] * 240
TURN_SECONDS = 5.0
#: What each of several contacts talks of, so that a vendor can tell their replies apart.
FRUITS = ("manga", "goiaba", "acerola", "pitanga", "cupuaçu", "graviola", "jabuticaba")


@pytest.fixture
def house(
    make_house: MakeHouse,
    twilio: TwilioStandIn,
    openai: OpenAIStandIn,
    elevenlabs: ElevenLabsStandIn,
) -> House:
    """A house that hears and speaks, whose contacts say and are told the same again and again."""
    openai.whenever("transcription", hears(HEARD, "pt"))
    openai.whenever("chat", says(REPLY))
    return make_house(
        **twilio_settings(twilio), **openai_settings(openai), **elevenlabs_settings(elevenlabs)
    )


def test_a_voice_note_is_heard_and_answered_in_writing(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn, elevenlabs: ElevenLabsStandIn
) -> None:
    """It is fetched with the key once, uploaded with hints, and its words are data to the model."""
    house.serve(CLONE_VOICE_REPLIES="never", CLONE_IDLE_SECONDS="0.2")

    house.whatsapp.records(twilio.add_media(NOTE))

    (sent,) = received(twilio, 1)
    house.rest()
    (upload,) = openai.recordings
    assert (upload.file_name, upload.content_type, upload.data) == ("voice.ogg", "audio/ogg", NOTE)
    assert (upload.model, upload.languages) == ("gpt-transcribe", PERSONA.languages)
    assert {PERSONA.name, *PERSONA.keywords} <= set(upload.keywords)
    (chat,) = openai.chats
    fenced = rf"<message (\w+)>\n{HEARD}\n</message \1>"
    assert re.search(fenced, prompt_text(chat["messages"][-1:]))
    assert (sent.body, sent.media_url) == (f"{LINES.ai_notice} {REPLY}", "")
    (fetched,) = twilio.requests("media")
    assert fetched.headers["Authorization"].startswith("Basic ")
    assert len(twilio.requests("cdn")) == 1
    assert twilio.leaks == []
    assert elevenlabs.requests() == []
    assert not house.console.lines(HEARD)


def test_a_voice_note_is_answered_by_one(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn, elevenlabs: ElevenLabsStandIn
) -> None:
    """The reply is spoken as the persona speaks, told synthetic once, and paid for once."""
    house.serve(CLONE_IDLE_SECONDS="0.2")
    for count in (1, 2, 3):
        house.whatsapp.records(twilio.add_media(NOTE))
        notes = received(twilio, count)

    house.rest()
    first, second = elevenlabs.speeches
    assert first.text == f"{LINES.synthetic_voice_notice} {REPLY}"
    assert second.text == REPLY
    assert (first.voice_id, first.model_id) == (elevenlabs.voice_id, "eleven_multilingual_v2")
    assert first.output_format == "opus_48000_32"
    assert first.body["voice_settings"] == {
        "stability": 0.55,
        "similarity_boost": 0.8,
        "style": 0.1,
        "use_speaker_boost": True,
        "speed": 0.95,
    }
    for note in notes:
        names = [name for name, _ in note.fields]
        assert (names.count("MediaUrl"), names.count("Body")) == (1, 0)
        assert note.media_url.startswith(f"{PUBLIC_URL}/media/")
        assert note.media_url.endswith(".ogg")
    assert len({note.media_url for note in notes}) == 3
    assert not house.console.lines(REPLY)


def test_a_recording_is_served_to_whoever_holds_its_link(
    house: House, twilio: TwilioStandIn, elevenlabs: ElevenLabsStandIn
) -> None:
    """Twilio gets the exact bytes by GET, HEAD and Range without a login; a guess gets nothing."""
    house.serve()
    house.whatsapp.records(twilio.add_media(NOTE))
    (sent,) = received(twilio, 1)

    whole = house.fetch(sent.media_url)
    head = house.fetch(sent.media_url, "HEAD")
    piece = house.fetch(sent.media_url, Range="bytes=100-199")
    guess = house.fetch(sent.media_url.replace("/media/", "/media/A"))

    assert (whole.status_code, whole.content) == (200, elevenlabs.audio)
    assert (head.status_code, head.content) == (200, b"")
    for answer in (whole, head):
        assert answer.headers["content-type"] == "audio/ogg"
        assert answer.headers["content-length"] == str(len(elevenlabs.audio))
    assert (piece.status_code, piece.content) == (206, elevenlabs.audio[100:200])
    assert piece.headers["content-range"] == f"bytes 100-199/{len(elevenlabs.audio)}"
    assert guess.status_code == 404


def test_what_cannot_be_spoken_follows_in_writing(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn, elevenlabs: ElevenLabsStandIn
) -> None:
    """A link is announced aloud, and comes as a message of its own behind the recording."""
    link = "https://example.org/oficina"
    openai.whenever("chat", says(f"Veja as fotografias em {link} quando puder."))
    house.serve(CLONE_LINK_DOMAINS="example.org")

    house.whatsapp.records(twilio.add_media(NOTE))

    recording, words = received(twilio, 2)
    assert recording.media_url
    assert (words.body, words.media_url) == (link, "")
    assert LINES.in_writing in elevenlabs.speeches[0].text
    assert link not in elevenlabs.speeches[0].text


def test_a_contact_chooses_how_to_be_answered(
    house: House, twilio: TwilioStandIn, elevenlabs: ElevenLabsStandIn
) -> None:
    """Who asks for voice gets it until they ask for text, which then answers even a voice note."""
    house.serve(CLONE_IDLE_SECONDS="0.2")

    house.whatsapp.says("Gosto de café")
    received(twilio, 1)
    house.whatsapp.says("me responde por áudio: gosto de café da manhã")
    received(twilio, 2)
    house.whatsapp.says("Gosto de cinema")
    received(twilio, 3)
    house.whatsapp.says("prefiro texto")
    received(twilio, 4)
    house.whatsapp.records(twilio.add_media(NOTE))
    messages = received(twilio, 5)

    house.rest()
    spoken = [bool(message.media_url) for message in messages]
    assert spoken == [False, True, True, False, False]
    assert [message.body for message in messages[3:]] == [LINES.voice_off, REPLY]
    assert len(elevenlabs.speeches) == 2
    assert house.rows("SELECT voice_preference FROM contacts") == [("text",)]


def test_a_voice_note_that_is_not_heard(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn
) -> None:
    """Its contact is told why, kindly and once, and no model is asked to guess."""
    broken = refused(500, "server_error")
    gone = twilio.add_media(NOTE)[:-32] + "0" * 32
    cases: Sequence[tuple[str, Sequence[Behaviour], str]] = (
        (twilio.add_media(NOTE), [broken, broken], LINES.hearing_failed),
        (twilio.add_media(NOTE), [hears("")], LINES.could_not_hear),
        (twilio.add_media(NOTE), [hears("[música]")], LINES.could_not_hear),
        (twilio.add_media(NOTE), [hears("Parar.")], LINES.stop_in_writing),
        (twilio.add_media(LONG_NOTE), [], LINES.recording_too_long),
        (twilio.add_media(b"\0" * 4096), [], LINES.hearing_failed),
        (gone, [], LINES.hearing_failed),
    )
    house.serve(CLONE_VOICE_REPLIES="never", CLONE_IDLE_SECONDS="0.2")

    for number, (url, behaviours, _) in enumerate(cases):
        openai.queue("transcription", *behaviours)
        house.whatsapp.records(url, sender=contact(number))
        received(twilio, number + 1)

    house.rest()
    bodies = [message.body for message in twilio.sent]
    assert bodies == [f"{LINES.ai_notice} {line}" for _, _, line in cases]
    assert len(openai.recordings) == sum(len(behaviours) for _, behaviours, _ in cases)
    assert openai.chats == []


def test_a_voice_that_fails_leaves_the_words(
    house: House, twilio: TwilioStandIn, openai: OpenAIStandIn, elevenlabs: ElevenLabsStandIn
) -> None:
    """Whatever the vendor does, or sends instead of a voice note, the text goes in time."""
    drip = Answer(body=(b"OggS" for _ in iter(int, 1)), pause=0.2)
    faults: Sequence[Behaviour] = (
        refused_voice(429, "too_many_concurrent_requests"),
        refused_voice(404, "voice_not_found"),
        stalled(60),
        always(drip),
        always(Answer(body=sound("stereo.ogg"))),
        always(Answer(body=sound("short.mp3"))),
        always(Answer(body=elevenlabs.audio + bytes(512_000))),
    )
    by_fruit = dict(zip(FRUITS, faults, strict=True))

    def fail(request: Request, proceed: Handler) -> Answer:
        return by_fruit[_fruit_in(request.json()["text"])](request, proceed)

    def talk(chat: Chat) -> str:
        return f"Que delícia, {_fruit_in(prompt_text(chat['messages'][-1:]))}!"

    elevenlabs.whenever("speak", fail)
    openai.whenever("chat", says(talk))
    house.serve(CLONE_VOICE_REPLIES="always", CLONE_TURN_SECONDS=f"{TURN_SECONDS}")

    for number, fruit in enumerate(FRUITS):
        house.whatsapp.says(f"Gosto de {fruit}", sender=contact(number))
    messages = received(twilio, len(FRUITS))

    assert {message.to: message.body for message in messages} == {
        contact(number): f"{LINES.ai_notice} Que delícia, {fruit}!"
        for number, fruit in enumerate(FRUITS)
    }
    assert {message.media_url for message in messages} == {""}
    began = openai.requests("chat")[0].at
    # The silent vendor and the dripping one are waited for until then, and no longer.
    assert TURN_SECONDS - 1 < messages[-1].at - began < TURN_SECONDS + 1
    # Only what may pass is asked for again.
    asked = [_fruit_in(speech.text) for speech in elevenlabs.speeches]
    assert sorted(asked) == sorted([*FRUITS, FRUITS[0]])


def test_a_used_up_quota_is_told_once(
    house: House,
    twilio: TwilioStandIn,
    elevenlabs: ElevenLabsStandIn,
    operator: Operator,
) -> None:
    """The voice is left alone, the operator told once, and everybody gets text meanwhile."""
    house.expected_errors = {"circuit_opened"}
    elevenlabs.whenever("speak", refused_voice(401, "quota_exceeded"))
    house.serve(CLONE_ALERT_URL=operator.address, CLONE_IDLE_SECONDS="0.5")

    for number in range(3):
        house.whatsapp.records(twilio.add_media(NOTE), sender=contact(number))
        received(twilio, number + 1)

    house.rest()
    assert [message.body for message in twilio.sent] == [f"{LINES.ai_notice} {REPLY}"] * 3
    assert len(elevenlabs.speeches) == 1
    assert [(each["action"], each["count"]) for each in operator.alerts] == [("voice_refused", 0)]


def test_a_note_that_whatsapp_does_not_take_becomes_mp3_then_words(
    house: House, twilio: TwilioStandIn, elevenlabs: ElevenLabsStandIn
) -> None:
    """63019 has it spoken once more as MP3, a second one written, a third ends it."""
    house.expected_errors = {"part_failed"}
    house.serve(CLONE_IDLE_SECONDS="0.5")
    house.whatsapp.records(twilio.add_media(NOTE))
    ogg = received(twilio, 1)[-1]
    assert [speech.output_format for speech in elevenlabs.speeches] == ["opus_48000_32"]

    house.whatsapp.reports(ogg, "undelivered", "63019")
    mp3 = received(twilio, 2)[-1]
    file = house.fetch(mp3.media_url)
    house.whatsapp.reports(mp3, "undelivered", "63019")
    words = received(twilio, 3)[-1]
    for message in (ogg, mp3, words):
        house.whatsapp.reports(message, "undelivered", "63019")

    eventually(lambda: house.console.lines("action=part_failed"))
    house.rest()
    assert mp3.media_url.endswith(".mp3")
    assert (file.content, file.headers["content-type"]) == (elevenlabs.mp3, "audio/mpeg")
    assert (words.body, words.media_url) == (f"{LINES.ai_notice} {REPLY}", "")
    formats = [speech.output_format for speech in elevenlabs.speeches]
    assert formats == ["opus_48000_32", "mp3_44100_64"]
    assert len({speech.text for speech in elevenlabs.speeches}) == 1
    assert len(twilio.sent) == 3


def test_nothing_is_spoken_again_for_who_said_stop(
    house: House, twilio: TwilioStandIn, elevenlabs: ElevenLabsStandIn
) -> None:
    """A note that did not arrive stays unsent once its contact wants no more."""
    house.serve(CLONE_IDLE_SECONDS="0.5")
    house.whatsapp.records(twilio.add_media(NOTE))
    (note,) = received(twilio, 1)
    house.rest()

    farewell = house.whatsapp.says("parar")
    house.whatsapp.reports(note, "undelivered", "63019")

    assert LINES.opted_out.split(":")[0] in farewell.text
    eventually(lambda: house.rows("SELECT id FROM outbox WHERE status = 'dropped'"))
    house.rest()
    assert (len(twilio.sent), len(elevenlabs.speeches)) == (1, 1)


def test_recordings_are_gone_after_their_time(
    house: House, twilio: TwilioStandIn, elevenlabs: ElevenLabsStandIn
) -> None:
    """A link ends with its hours; ours is deleted then, and the contact's own at Twilio."""
    house.serve(CLONE_KEEP_AUDIO_HOURS="5", CLONE_IDLE_SECONDS="0.5")
    house.whatsapp.records(twilio.add_media(NOTE))
    (note,) = received(twilio, 1)
    house.rest()
    ((name,),) = house.rows("SELECT name FROM media")

    assert house.fetch(_link(house, name, 5.0, hours_ago=4.9)).status_code == 200
    assert house.fetch(_link(house, name, 5.0, hours_ago=5.1)).status_code == 404
    assert house.fetch(note.media_url).status_code == 200
    let_pass(house, hours=5.1)
    house.whatsapp.says("Gosto de café")

    eventually(lambda: house.fetch(note.media_url).status_code == 404)
    twilio.wait_for(lambda: not twilio.media)
    received(twilio, 2)
    house.rest()
    assert list((house.data / "media").iterdir()) == []
    assert house.rows("SELECT name FROM media") == []


def received(twilio: TwilioStandIn, count: int) -> list[SentMessage]:
    """Return everything that Twilio took, once it is so many messages."""
    twilio.wait_for(lambda: len(twilio.sent) >= count, timeout=20)
    assert len(twilio.sent) == count
    return twilio.sent


def contact(number: int) -> str:
    """Return one of many contacts; the first is the usual one."""
    return CONTACT[: -len(str(number))] + str(number) if number else CONTACT


def let_pass(house: House, *, hours: float) -> None:
    """Make everything that was kept so many hours older; no worker may be running."""
    assert house.workers() == []
    with closing(sqlite3.connect(house.data / "clone.db")) as database, database:
        database.execute("UPDATE media SET created_at = created_at - ?", (hours * 3600.0,))
        database.execute("UPDATE inbox SET received_at = received_at - ?", (hours * 3600.0,))


def _link(house: House, name: str, hours: float, hours_ago: float) -> str:
    """Return a link that was made some time ago."""
    keys = Keys(installation_secret(Secret(""), house.data))
    then = time.time() - hours_ago * 3600.0
    return f"{PUBLIC_URL}/media/{MediaLinks(keys, hours, lambda: then).sign(name)}"


def _fruit_in(text: str) -> str:
    return next(fruit for fruit in FRUITS if fruit in text)
