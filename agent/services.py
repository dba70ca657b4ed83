"""What the nodes work with: clients, index and words, bound once when the graph is built."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from langchain_core.language_models import BaseChatModel

from agent.ports import Recordings, Retriever, Transcriber, Voice
from agent.vendors import Vendor
from prompts.persona import Persona


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything a turn may use; a fake of each is enough to run the whole graph."""

    persona: Persona
    model: BaseChatModel
    model_vendor: Vendor
    retriever: Retriever
    #: Both are needed to hear.
    recordings: Recordings | None = None
    transcriber: Transcriber | None = None
    voice: Voice | None = None
    #: When replies are spoken; a contact's own wish goes before `mirror` and `always`, while
    #: `never` means that the owner has no wish granted.
    voice_replies: Literal["never", "mirror", "always"] = "mirror"
    #: Whether somebody is told when a contact asks for the person themselves.
    alerts_operator: bool = False
    window_tokens: int = 3000
    link_domains: tuple[str, ...] = ()
    today: Callable[[], date] = field(default=date.today)
