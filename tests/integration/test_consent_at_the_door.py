"""Whoever wants no more messages gets none, at once, and can come back."""

from pathlib import Path

import pytest

from agent.messages import Reply
from channels.reception import Reception
from channels.standing import Limits
from channels.steps import Run, Wait
from tests.desk import ANA, Desk
from tests.fakes import DOOR, drafts, incoming

OUT, BACK = "opted_out pt", "opted_in pt"


class Door:
    """A reception on a new database, with one contact before it."""

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        self.desk = Desk(path, limits)
        self.woken = 0
        self.reception = Reception(self.desk.inbox, DOOR, self._wake)
        self._number = 1000

    def says(self, text: str, *, number: int = 0) -> str | None:
        """Let the contact write; return the answer given at once."""
        self._number += 1
        self.desk.clock.advance(1.0)
        return self.reception.receive(incoming(text, number=number or self._number))

    def reply(self, *parts: str) -> None:
        """Let a turn about all that waits end with a reply of these parts, not sent yet."""
        self.desk.clock.advance(5.0)
        step = self.desk.turns.next(ANA)
        assert isinstance(step, Run)
        assert self.desk.turns.finish(step.turn, Reply(text="x"), drafts(*parts))

    async def send(self) -> None:
        """Let everything leave that is due."""
        await self.desk.work_now()

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """A reception that nobody has written to."""
    return Door(tmp_path / "clone.db")


@pytest.mark.parametrize("word", ["parar", "PARAR", " Stop. ", "stop!", "pare", "Párar"])
def test_a_stop_word_is_confirmed_once(door: Door, word: str) -> None:
    """The confirmation comes at once and wakes nobody; then everything is met with silence."""
    assert door.says(word) == OUT
    assert [door.says(text) for text in (word, "oi", "Quem foi você?", "sair")] == [None] * 4
    assert door.woken == 0
    assert not door.desk.turns.any_owed()


def test_the_confirmation_speaks_the_language_of_the_word(door: Door) -> None:
    """Who stops in English is answered in English."""
    assert door.says("please stop") == "opted_out en"


@pytest.mark.parametrize(
    "text", ["vamos parar com isso", "não para", "the bus stop", "start", "voltar"]
)
def test_other_words_stop_nothing(door: Door, text: str) -> None:
    """Only the whole message counts, and words of return only after a stop."""
    assert door.says(text) is None
    assert door.woken == 1


@pytest.mark.parametrize("word", ["voltar", "START", "volver"])
async def test_a_word_of_return_opens_the_conversation_again(door: Door, word: str) -> None:
    """What comes after it is answered, without what was said in between."""
    door.says("parar")
    door.says("segredo")

    assert str(door.says(word)).startswith("opted_in")
    assert door.says("oi") == "Olá!"
    door.says("Quem foi você?")
    door.desk.clock.advance(5.0)
    step = door.desk.turns.next(ANA)
    assert isinstance(step, Run)
    assert "segredo" not in [message.text for message in step.turn.messages]
    assert door.says("parar") == OUT


def test_a_redelivered_stop_gets_the_same_confirmation(door: Door) -> None:
    """A confirmation whose answer was lost is given again to the same message, for a minute."""
    first = door.says("parar", number=7)

    assert door.says("parar", number=7) == first == OUT
    door.desk.clock.advance(61.0)
    assert door.says("parar", number=7) is None


async def test_a_stop_takes_everything_with_it(door: Door) -> None:
    """Parts that wait and fragments nobody has read are never answered."""
    door.says("a")
    door.reply("one", "two")
    door.says("b")
    door.says("parar")

    await door.send()

    assert door.desk.sender.sends == []
    assert [status for _, status, _ in door.desk.parts()] == ["dropped", "dropped"]
    assert not door.desk.turns.any_owed()


@pytest.mark.parametrize(
    ("question", "word", "counts"),
    [
        ("Quer continuar ou sair?", "sair", False),
        ("Quer continuar ou sair?", "cancelar", True),
        ("Quer continuar ou sair?", "parar", True),
        ("Você pode sair quando quiser.", "sair", True),
        ("Do you want to cancel it?", "cancel", False),
    ],
)
async def test_an_answer_is_not_a_stop(door: Door, question: str, word: str, counts: bool) -> None:
    """A soft word that our last message offered in a question answers it; an absolute one stops."""
    door.says("a")
    door.reply(question)
    await door.send()

    assert (door.says(word) is not None) == counts


async def test_the_whole_last_reply_is_looked_at(door: Door) -> None:
    """A question in the first of two parts offers its words as well."""
    door.says("a")
    door.reply("Quer continuar ou sair?", "É só dizer.")
    await door.send()

    assert door.says("sair") is None


async def test_what_was_said_at_the_door_counts_as_the_last_word(door: Door) -> None:
    """A shortcut's answer takes the place of an older question."""
    door.says("a")
    door.reply("Quer continuar ou sair?")
    await door.send()
    door.says("oi")

    assert door.says("sair") == OUT


async def test_who_is_limited_gets_no_shortcut(tmp_path: Path) -> None:
    """Shortcuts count as answers: beyond the limit the message goes the way of a refused turn."""
    door = Door(tmp_path / "clone.db", Limits(per_minute=2))

    assert [door.says("oi") for _ in range(4)] == ["Olá!", "Olá!", None, None]
    door.desk.clock.advance(5.0)
    await door.send()
    assert door.desk.sender.bodies == ["later"]
    door.desk.clock.advance(60.0)
    assert door.says("oi") == "Olá!"
    assert door.says("parar") == OUT


def test_a_stop_is_heard_beyond_the_limit(tmp_path: Path) -> None:
    """Nobody is kept in by having written too much."""
    door = Door(tmp_path / "clone.db", Limits(per_minute=1))
    door.says("oi")

    assert door.says("parar") == OUT


def test_coming_and_going_is_no_way_around_the_limit(tmp_path: Path) -> None:
    """Beyond the limit every stop and every return is obeyed, but no longer answered."""
    door = Door(tmp_path / "clone.db", Limits(per_minute=4))

    told = [door.says(word) for _ in range(5) for word in ("parar", "voltar")]

    assert told == [OUT, BACK, OUT, BACK, *[None] * 6]
    door.says("a")
    assert door.desk.turns.any_owed()


def test_a_redelivered_shortcut_is_not_answered_after_a_stop(door: Door) -> None:
    """Whatever comes again, nothing follows the words of farewell but themselves."""
    assert door.says("oi", number=7) == "Olá!"
    door.says("parar", number=8)

    assert door.says("oi", number=7) is None
    assert door.says("parar", number=8) == OUT


@pytest.mark.parametrize("kind", ["image", "audio", "sticker", "location"])
def test_pictures_and_recordings_are_met_with_silence_too(door: Door, kind: str) -> None:
    """Who has left gets no answer to anything."""
    door.says("parar")

    assert door.reception.receive(incoming("", number=9, kind=kind)) is None
    assert not door.desk.turns.any_owed()


def test_nothing_else_of_the_contact_is_silenced(door: Door) -> None:
    """Another contact is answered as ever."""
    door.says("parar")

    assert door.reception.receive(incoming("oi", contact="rui")) == "Olá!"


def test_a_burst_waits_as_ever(door: Door) -> None:
    """Messages that are no commands wait for their window to close."""
    door.says("a")

    assert isinstance(door.desk.turns.next(ANA), Wait)
