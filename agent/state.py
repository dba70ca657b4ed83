"""What the graph knows during a turn; only `messages` outlives it."""

from typing import Annotated

from langchain_core.messages import AnyMessage
from langgraph.channels.untracked_value import UntrackedValue
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict

from agent.understanding import Intent


class Recording(TypedDict):
    """A voice note of the turn, still where the channel keeps it."""

    message_id: str
    url: str
    content_type: str


class FoundPassage(TypedDict):
    """A passage as the state carries it: plain data, so that Studio can show and replay it."""

    id: str
    document: str
    section: str
    text: str
    score: float


class Speech(TypedDict):
    """A spoken reply."""

    data: bytes
    content_type: str


class TurnInput(TypedDict, total=False):
    """What a turn brings; from Studio, `messages` is enough."""

    messages: Annotated[list[AnyMessage], add_messages]
    """The contact's messages of this turn, each with its id."""
    turn_id: Annotated[str, UntrackedValue]
    """Id of the turn; the first message's id when absent."""
    message_ids: Annotated[list[str], UntrackedValue]
    """Which messages are to be answered; those after the last reply when absent or answered."""
    recordings: Annotated[list[Recording], UntrackedValue]
    """Voice notes among them."""
    late: Annotated[bool, UntrackedValue]
    """Whether the reply must open with a word about its lateness."""


class State(TurnInput, total=False):
    """The conversation, and the scratch of the turn at hand."""

    words: Annotated[str, UntrackedValue]
    """Everything the contact said in this turn, voice notes included."""
    intent: Annotated[Intent, UntrackedValue]
    """What kind of message that is."""
    language: Annotated[str, UntrackedValue]
    """The language to answer in: that of the message, or of the conversation when unsure."""
    passages: Annotated[list[FoundPassage], UntrackedValue]
    """What retrieval found, best first."""
    knows_nothing: Annotated[bool, UntrackedValue]
    """Whether there is no document to search at all."""
    cited: Annotated[list[int], UntrackedValue]
    """Indices of the passages that the reply rests on."""
    reply: Annotated[str, UntrackedValue]
    """What the clone is going to say; empty when the model found no answer."""
    author: Annotated[str, UntrackedValue]
    """The model whose words the reply is; empty for a fixed line of the persona."""
    model: Annotated[str, UntrackedValue]
    """The model that was asked, even when its answer was not used; empty when none was."""
    usage: Annotated[dict[str, int], UntrackedValue]
    """Tokens by kind, as the model reported them."""
    speech: Annotated[Speech | None, UntrackedValue]
    """The reply as sound."""


def blank_scratch() -> State:
    """Return the scratch of a turn that has only begun, where one before may have left its own."""
    return State(
        words="",
        passages=[],
        knows_nothing=False,
        cited=[],
        reply="",
        author="",
        model="",
        usage={},
        speech=None,
    )
