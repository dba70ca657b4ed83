"""What the mind needs from the outside; adapters and fakes implement these.

Chat models and embeddings have no port here: LangChain's `BaseChatModel` and `Embeddings` are.
"""

from collections.abc import Sequence
from typing import Protocol

from agent.messages import Audio, Media, Passage


class Transcriber(Protocol):
    """Hears a recording."""

    async def transcribe(self, media: Media) -> str:
        """Return the words, empty when none were spoken; raises `VendorError`."""
        ...


class Voice(Protocol):
    """Speaks in the person's voice."""

    async def speak(self, text: str) -> Audio:
        """Return `text` as sound; raises `VendorError`."""
        ...


class Retriever(Protocol):
    """Finds what the clone has read about a question."""

    async def find(self, query: str, limit: int) -> Sequence[Passage]:
        """Return at most `limit` passages, best first; empty when nothing shares a word."""
        ...

    async def is_empty(self) -> bool:
        """Tell whether there is nothing to search at all."""
        ...
