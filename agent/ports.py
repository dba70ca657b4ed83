"""What the mind needs from the outside; adapters and fakes implement these.

Chat models and embeddings have no port here: LangChain's `BaseChatModel` and `Embeddings` are.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

from agent.messages import Audio, Media, Passage, Transcript

SoundForm = Literal["ogg", "mp3"]


class Recordings(Protocol):
    """Brings what a contact recorded from where the channel keeps it."""

    async def fetch(self, media: Media) -> Audio:
        """Return the file, its type told by its bytes; raises `VendorError`."""
        ...


class Transcriber(Protocol):
    """Hears a recording."""

    async def transcribe(self, audio: Audio) -> Transcript:
        """Return the words, empty when none were spoken; raises `VendorError`.

        `PermanentError` with code `too_long` for what is beyond the vendor's limits.
        """
        ...


class Voice(Protocol):
    """Speaks in the person's voice."""

    async def speak(self, text: str, form: SoundForm = "ogg") -> Audio:
        """Return `text` as sound: Ogg/Opus that WhatsApp shows as a voice note, or MP3.

        Raises `VendorError`; what it returns was checked and may be sent.
        """
        ...


class Retriever(Protocol):
    """Finds what the clone has read about a question."""

    async def find(self, query: str, limit: int) -> Sequence[Passage]:
        """Return at most `limit` passages, best first; empty when nothing shares a word."""
        ...

    async def is_empty(self) -> bool:
        """Tell whether there is nothing to search at all."""
        ...
