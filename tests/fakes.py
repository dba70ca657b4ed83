"""Small stand-ins with state: a clock, a channel and a mind that tests hold in their hands."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Literal

from agent.errors import PermanentError, VendorError
from agent.messages import Audio, IncomingMessage, Kind, Media, Reply, Turn, TurnMessage
from agent.ports import SoundForm
from channels.inbox import Verdict
from channels.outbox import Draft, Part
from channels.reception import DoorLines
from channels.standing import Standing


class ManualClock:
    """A wall clock that moves when a test moves it, also backwards."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Move the clock by some seconds, back with a negative number."""
        self.now += seconds


class Changes:
    """Wakes whoever waits for something that a fake has recorded."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def note(self) -> None:
        """Tell that something was recorded."""
        self._changed.set()

    async def until(self, condition: Callable[[], object], seconds: float = 5.0) -> None:
        """Return once `condition` holds; raises `TimeoutError` when it never does."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class FakeSender(Changes):
    """A channel that keeps what it was given; errors queued in `errors` meet the next sends."""

    def __init__(self) -> None:
        super().__init__()
        #: Parts accepted, in order; an id is `SM` and the part's number here.
        self.sent: list[Part] = []
        #: Calls of `send`, whether they went well or not, and of `find`.
        self.sends: list[Part] = []
        self.finds: list[tuple[Part, frozenset[str]]] = []
        self.typed: list[TurnMessage] = []
        #: What the next calls of `send` raise; None lets one through.
        self.errors: list[Exception | None] = []
        self.find_errors: list[Exception] = []
        #: What the codes of reports mean.
        self.reported: dict[str, VendorError] = {}
        #: Accept also what ends in an error: the answer is lost, the message is not.
        self.accepts_in_doubt = False
        #: Sends wait while this is clear.
        self.open = asyncio.Event()
        self.open.set()
        self.closed = False

    @property
    def bodies(self) -> list[str]:
        """What was accepted, as text."""
        return [part.body for part in self.sent]

    def parts(self, text: str) -> Sequence[str]:
        """Cut at `|`, so that a test decides."""
        return [piece for piece in text.split("|") if piece]

    def smaller(self, body: str) -> Sequence[str]:
        """Cut a message in two."""
        half = len(body) // 2
        return [piece for piece in (body[:half], body[half:]) if piece]

    def undelivered(self, part: Part) -> VendorError:
        """Return the error that the test gave the report's code."""
        return self.reported.get(part.delivery_error, PermanentError("did not arrive"))

    async def send(self, part: Part) -> str:
        """Accept a part, or raise what the test queued."""
        self.sends.append(part)
        self.note()
        await self.open.wait()
        error = self.errors.pop(0) if self.errors else None
        if error is None or self.accepts_in_doubt:
            self.sent.append(part)
            self.note()
        if error is not None:
            raise error
        return f"SM{len(self.sent)}"

    async def find(self, part: Part, known: Collection[str]) -> str | None:
        """Return the id of an accepted part, if it was."""
        self.finds.append((part, frozenset(known)))
        self.note()
        if self.find_errors:
            raise self.find_errors.pop(0)
        found = [number for number, each in enumerate(self.sent, 1) if each.id == part.id]
        return f"SM{found[-1]}" if found else None

    async def typing(self, message: TurnMessage) -> None:
        """Remember for which message the indicator was shown."""
        self.typed.append(message)
        self.note()

    async def close(self) -> None:
        """Remember that it was called."""
        self.closed = True


class FakeMind(Changes):
    """Answers with the words it was given, or with what the test put into `answers`."""

    def __init__(self) -> None:
        super().__init__()
        #: Every turn it was asked, in order; those it gave up because it was cancelled.
        self.turns: list[Turn] = []
        self.cancelled: list[Turn] = []
        #: What the next turns meet: a text, a reply, or an exception. Else an echo.
        self.answers: list[str | Reply | BaseException] = []
        #: Thinking waits while this is clear.
        self.open = asyncio.Event()
        self.open.set()
        self.running = 0
        self.most_running = 0

    async def answer(self, turn: Turn, deadline: float) -> Reply:
        """Answer a turn."""
        self.turns.append(turn)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.note()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled.append(turn)
            raise
        finally:
            self.running -= 1
            self.note()
        answer = self.answers.pop(0) if self.answers else f"re: {said(turn)}"
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, Reply):
            return answer
        return Reply(text=answer, route=("answer",), model="fake")

    def line(self, turn: Turn, which: Literal["apology", "later"]) -> str:
        """Return the fixed apology, or the word about too many turns."""
        return {"apology": "sorry", "later": "later"}[which]


class FakeVoice:
    """Speaks a text as its own bytes, or raises what the test put into `error`."""

    def __init__(self) -> None:
        #: Every text it was asked to speak, with the form.
        self.asked: list[tuple[str, SoundForm]] = []
        self.error: Exception | None = None
        #: Speaking waits while this is clear.
        self.open = asyncio.Event()
        self.open.set()

    async def speak(self, text: str, form: SoundForm = "ogg") -> Audio:
        """Return the words as sound of a form."""
        self.asked.append((text, form))
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return sound(f"{form}: {text}", form)


def sound(told: str, form: SoundForm = "ogg") -> Audio:
    """Return bytes that stand for sound."""
    content_type = {"ogg": "audio/ogg", "mp3": "audio/mpeg"}[form]
    return Audio(data=told.encode(), content_type=content_type)


#: What is said at a door of three languages.
DOOR = DoorLines(
    shortcuts={"oi": "Olá!"},
    opted_out={language: f"opted_out {language}" for language in ("pt", "en", "es")},
    opted_in={language: f"opted_in {language}" for language in ("pt", "en", "es")},
)


def drafts(*bodies: str) -> list[Draft]:
    """Return texts as the parts of a reply."""
    return [Draft(body) for body in bodies]


def answered(text: str) -> Callable[[Standing], Verdict]:
    """Return a door's judgement that answers every message with `text`."""
    return lambda standing: Verdict(text)


def said(turn: Turn) -> str:
    """Return the words of a turn, as one line."""
    return " + ".join(message.text for message in turn.messages)


def incoming(
    text: str = "olá",
    *,
    number: int | str = 1,
    contact: str = "ana",
    channel: str = "fake",
    kind: Kind = "text",
    quoted_id: str = "",
    media: tuple[Media, ...] = (),
) -> IncomingMessage:
    """Return a message as a channel would deliver it; `number` makes its id."""
    return IncomingMessage(
        channel=channel,
        message_id=f"SM{contact}{number}",
        contact_id=contact,
        address=f"address of {contact}",
        kind=kind,
        text=text,
        quoted_id=quoted_id,
        media=media,
    )
