"""The conversation as the state holds it: what waits for an answer, and what was said before."""

from collections.abc import Collection, Sequence

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from agent.state import State, TurnInput
from agent.text import clean

#: Marks a reply in the conversation that left with a notice in front of it.
BEHIND_NOTICE = "behind_notice"
#: Marks a message of the contact that was received in silence: nobody is to answer it.
SILENT = "received_in_silence"
#: So many of the contact's last messages tell which language the conversation is in.
_TELLING = 4


def reply_id(turn_id: str) -> str:
    """Return the id of a turn's reply in the conversation, the same at every attempt."""
    return f"{turn_id}:reply"


def turn_at_hand(state: State) -> TurnInput:
    """Return which turn is to be answered; where only messages came, those without a reply.

    Studio's chat sends nothing else, and its state may still describe the turn before.
    """
    introduced = state.get("introduced", True)
    voice_introduced = state.get("voice_introduced", True)
    voice_preference = state.get("voice_preference", "")
    described = state.get("message_ids", [])
    waiting = _unanswered(state.get("messages", []))
    if described and (not waiting or waiting[-1] in described):
        return TurnInput(
            message_ids=described,
            turn_id=state.get("turn_id") or described[0],
            recordings=state.get("recordings", []),
            late=state.get("late", False),
            introduced=introduced,
            voice_introduced=voice_introduced,
            voice_preference=voice_preference,
            background=state.get("background", []),
        )
    return TurnInput(
        message_ids=waiting,
        turn_id=waiting[0] if waiting else "nothing",
        recordings=[],
        late=False,
        introduced=introduced,
        voice_introduced=voice_introduced,
        voice_preference=voice_preference,
        background=[],
    )


def _unanswered(messages: Sequence[AnyMessage]) -> list[str]:
    """Return the ids of the contact's messages after the clone's last one."""
    after: list[str] = []
    for message in reversed(messages):
        if isinstance(message, AIMessage):
            break
        if isinstance(message, HumanMessage) and not message.additional_kwargs.get(SILENT):
            after.append(str(message.id))
    return after[::-1]


def said(message: AnyMessage) -> str:
    """Return the words of a message without what is invisible; Studio sends them in blocks."""
    return clean(str(message.text)).strip()


def history(messages: Sequence[AnyMessage], turn: Collection[str]) -> list[AnyMessage]:
    """Return what was said apart from the contact's messages of `turn`, as a model may read it.

    A message without words (a picture, a recording nobody heard) is left out: some providers
    refuse an empty one.
    """
    return [message for message in messages if message.id not in turn and said(message)]


def last_reply(messages: Sequence[AnyMessage]) -> str:
    """Return what the clone said last, or nothing."""
    return next((said(each) for each in reversed(messages) if isinstance(each, AIMessage)), "")


def lately_said(messages: Sequence[AnyMessage]) -> str:
    """Return the contact's last few messages as one text."""
    own = [said(message) for message in messages if isinstance(message, HumanMessage)]
    return "\n".join(own[-_TELLING:])
