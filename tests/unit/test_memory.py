"""The window of a conversation: what is let go, and when."""

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.messages.utils import count_tokens_approximately

from agent.memory import MOST_MESSAGES, forget


def talk(exchanges: int, words: int = 10) -> list[AnyMessage]:
    """Return a conversation of so many exchanges."""
    messages: list[AnyMessage] = []
    for number in range(exchanges):
        messages.append(HumanMessage("palavra " * words, id=f"h{number}"))
        messages.append(AIMessage("resposta " * words, id=f"a{number}"))
    return messages


def left(messages: list[AnyMessage], window: int, *keep: str) -> list[AnyMessage]:
    """Return what remains of a conversation."""
    gone = {removal.id for removal in forget(messages, window, keep=keep)}
    return [message for message in messages if message.id not in gone]


def test_what_fits_is_kept() -> None:
    """A conversation within its window loses nothing."""
    messages = talk(5)

    assert forget(messages, count_tokens_approximately(messages)) == []


def test_half_the_window_goes_at_once() -> None:
    """What remains is the newest half, and begins with words of the contact."""
    messages = talk(25)

    kept = left(messages, 1000)

    assert kept == messages[-len(kept) :]
    assert kept[0].type == "human"
    assert 400 < count_tokens_approximately(kept) <= 500


def test_the_turn_at_hand_stays_whatever_its_length() -> None:
    """A message longer than the window drives the history out, never itself."""
    messages: list[AnyMessage] = [*talk(3), HumanMessage("palavra " * 5000, id="now")]

    assert left(messages, 200, "now") == messages[-1:]


def test_nothing_is_left_of_what_is_only_too_long() -> None:
    """Without a turn at hand an overlong message goes too."""
    assert left([HumanMessage("palavra " * 5000, id="then")], 200) == []


def test_an_empty_conversation_loses_nothing() -> None:
    """There is nothing to forget at the first word."""
    assert forget([], 200) == []


def test_many_short_messages_go_too() -> None:
    """However short they are, a window holds a bounded number of messages."""
    messages = talk(MOST_MESSAGES, words=1)

    kept = left(messages, 1_000_000)

    assert kept == messages[-MOST_MESSAGES // 2 :]
