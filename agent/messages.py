"""The frozen values that travel from a channel's door to the reply, and nothing that acts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

#: The longest text of a message in either direction, in characters.
TEXT_LIMIT = 4000

VoicePreference = Literal["", "voice", "text"]
Kind = Literal["text", "audio", "image", "video", "document", "sticker", "location", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A file that came with a message, still where the channel keeps it."""

    url: str
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingMessage:
    """One message as a channel delivered it; inert, and safe to store."""

    channel: str
    #: The channel's own id of the message, unique for ever (Twilio: `MessageSid`).
    message_id: str
    #: The channel's stable id of the person (Twilio: `ExternalUserId`, else `From`).
    contact_id: str
    #: Where a reply is sent (Twilio: `From`).
    address: str
    kind: Kind
    text: str
    media: tuple[Media, ...] = ()
    #: The channel's id of the message that this one replies to, empty for none.
    quoted_id: str = ""
    #: The words of the advertisement that brought the contact here, empty for none.
    referral: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnMessage:
    """One stored message of a turn; `answer` is set when a shortcut answered it at the door."""

    id: str
    kind: Kind
    text: str
    media: tuple[Media, ...] = ()
    received_at: float
    answer: str | None = None
    #: The channel's own id of the message, for its typing indicator.
    provider_id: str = ""
    #: The words of the message that this one replies to, where they are known.
    quoted: str = ""
    #: The words of the advertisement that brought the contact here.
    referral: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The messages that one reply answers, in arrival order; the same at every re-run."""

    id: str
    #: Keyed hash of channel and contact: the conversation's thread, never a number.
    contact: str
    channel: str
    messages: tuple[TurnMessage, ...]
    #: True when the reply comes so late that it must open with a word about it.
    late: bool = False
    #: Whether the contact has been told that an AI speaks, and that its voice is synthetic.
    introduced: bool = True
    voice_introduced: bool = True
    #: How the contact asked to be answered, whatever the settings say; empty when they did not.
    voice_preference: VoicePreference = ""
    #: Whether a recording can reach the contact on this channel.
    takes_sound: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of a document that retrieval found, ready to be read."""

    id: str
    document: str
    section: str
    text: str
    #: Fused relevance in [0, 1], comparable within one search only.
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """Spoken or recorded sound with its media type, e.g. `audio/ogg`."""

    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What was heard in a recording."""

    #: Empty when no words were spoken.
    text: str
    #: The languages heard, as two-letter codes; empty when unsure or not told.
    languages: tuple[str, ...] = ()
    #: Length of the recording in seconds; None where its format does not tell.
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the clone answers to a turn, and how it came to it."""

    text: str
    #: Names of the graph's nodes in the order they ran.
    route: tuple[str, ...] = ()
    #: Passages that the reply rests on.
    sources: tuple[Passage, ...] = ()
    #: Every passage that retrieval put before the model, for those who debug.
    passages: tuple[Passage, ...] = ()
    model: str = ""
    #: Wall time of the graph run.
    seconds: float = 0.0
    #: Tokens by kind as the model reported them; empty when no model ran.
    usage: Mapping[str, int] = field(default_factory=dict)
    #: The reply as sound, and the words spoken in it; `text` goes where the sound cannot.
    voice: Audio | None = None
    spoken: str = ""
    #: What goes as a message of its own beside the sound, because it cannot be spoken: links.
    beside: str = ""
    #: What this reply told the contact for the first time or again: that an AI speaks, or also
    #: that its voice is synthetic.
    disclosed: Literal["", "ai", "voice"] = ""
    #: Whether the contact asked for the person themselves.
    hand_over: bool = False
    #: How the contact asked to be answered from now on; empty when they did not.
    voice_preference: VoicePreference = ""
    #: What the operator should know of this turn, as actions of `CLONE_ALERT_URL`.
    alerts: tuple[str, ...] = ()
