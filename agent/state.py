"""What the graph knows during a turn; only `messages` outlives it."""

from typing import Annotated, Literal

from langchain_core.messages import AnyMessage
from langgraph.channels.untracked_value import UntrackedValue
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict

from agent.messages import VoicePreference
from agent.understanding import Intent

#: Why there are no words of a recording: none were spoken, or it could not be heard.
Unheard = Literal["silent", "too_long", "failed"]


class Recording(TypedDict):
    """A voice note of the turn, still where the channel keeps it; no `url` where it got lost."""

    message_id: str
    url: str
    content_type: str


class Background(TypedDict):
    """What a message refers to: words it replies to, the ad it came by, a file beside it."""

    source: Literal["quoted", "advertisement", "attachment"]
    words: str


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
    introduced: Annotated[bool, UntrackedValue]
    """Whether the contact has been told that an AI speaks; absent means that they have."""
    voice_introduced: Annotated[bool, UntrackedValue]
    """Whether they have been told that its voice is synthetic; absent means that they have."""
    voice_preference: Annotated[VoicePreference, UntrackedValue]
    """How they asked earlier to be answered; empty or absent when they did not."""
    background: Annotated[list[Background], UntrackedValue]
    """What the messages refer to without saying it; data, and no part of the conversation."""


class State(TurnInput, total=False):
    """The conversation, and the scratch of the turn at hand."""

    words: Annotated[str, UntrackedValue]
    """Everything the contact said in this turn, voice notes included."""
    unheard: Annotated[list[Unheard], UntrackedValue]
    """Why some of the recordings gave no words, in no order."""
    doubtful: Annotated[str, UntrackedValue]
    """What was heard, where that is in doubt; empty where it is not."""
    stops_aloud: Annotated[bool, UntrackedValue]
    """Whether a recording says one of the words that must be obeyed, and nothing else."""
    intent: Annotated[Intent, UntrackedValue]
    """What kind of message that is."""
    asks_identity: Annotated[bool, UntrackedValue]
    """Whether they ask, maybe beside something else, what they are talking to."""
    voice_wish: Annotated[VoicePreference, UntrackedValue]
    """How they ask now, maybe beside something else, to be answered from now on."""
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
    aloud: Annotated[str, UntrackedValue]
    """What is to be heard, where that differs from the reply; empty where it does not."""
    disclosed: Annotated[Literal["", "ai", "voice"], UntrackedValue]
    """Whether the reply says that an AI speaks, or also that its voice is synthetic."""
    speech: Annotated[Speech | None, UntrackedValue]
    """The reply as sound."""
    spoken: Annotated[str, UntrackedValue]
    """The words in it."""
    beside: Annotated[str, UntrackedValue]
    """What of the reply cannot be spoken and goes as text beside the sound."""
    alerts: Annotated[list[str], UntrackedValue]
    """What the operator should know of this turn."""


def blank_scratch() -> State:
    """Return the scratch of a turn that has only begun, where one before may have left its own."""
    return State(
        words="",
        unheard=[],
        doubtful="",
        stops_aloud=False,
        intent="statement",
        asks_identity=False,
        voice_wish="",
        passages=[],
        knows_nothing=False,
        cited=[],
        reply="",
        author="",
        model="",
        usage={},
        aloud="",
        disclosed="",
        speech=None,
        spoken="",
        beside="",
        alerts=[],
    )
