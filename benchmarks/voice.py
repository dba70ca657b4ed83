"""What voice notes cost those who send them and those who write: fifty at once, beside text."""

import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import NamedTuple

from benchmarks.contacts import Message, open_house, send
from tests.e2e.house import ROOT, House, eventually
from tests.sounds import sound
from tests.standins.chat import Chat, prompt_text
from tests.standins.elevenlabs import ElevenLabsStandIn
from tests.standins.openai import OpenAIStandIn
from tests.standins.prompt import ordinary_answer
from tests.standins.twilio import TwilioStandIn

#: The aims: the event loop's longest stall in seconds; the others' text turns beside the notes
#: against the same alone; fifty notes against one.
STALL_AIM, TEXT_AIM, NOTES_AIM = 0.050, 1.10, 1.25
_HEARING_SECONDS, _SPEAKING_SECONDS, _MODEL_SECONDS = 2.0, 1.5, 1.0
_NOTES = 50
#: Written by contacts of their own as long as the notes take.
_TEXTS, _TEXTS_PER_SECOND = 25, 5
_ROUNDS = 3
_WAIT_SECONDS = 60.0


class Late(NamedTuple):
    """A beat of the worker's loop that came late: all in seconds."""

    due: float
    by: float
    #: What the loop's own thread used of the processor meanwhile.
    used: float


class Round(NamedTuple):
    """One round: how long turns took in seconds, from the webhook to Twilio."""

    #: A note alone, and all notes from the first one's webhook to the last one's answer.
    one: float
    all: float
    #: Text turns alone, and those beside the notes.
    alone: list[float]
    beside: list[float]


def run() -> None:
    """Print the table: the first note of a worker, then rounds of one against fifty."""
    print(
        f"Voice: {_NOTES} notes at once (hearing {_HEARING_SECONDS} s, model {_MODEL_SECONDS} s,"
        f" speaking {_SPEAKING_SECONDS} s), {_TEXTS} text turns beside them"
    )
    with _talk() as talk:
        talk.turns([talk.text()])
        began = [time.monotonic()]
        [first] = talk.turns([talk.note()])
        rounds = []
        for _ in range(_ROUNDS):
            began.append(time.monotonic())
            rounds.append(_round(talk))
        late = talk.end()
    print(f"  first note of a worker {first:.2f} s; {_stall(late, began[0], began[1])}")
    for each, start, end in zip(rounds, began[1:], [*began[2:], time.monotonic()], strict=True):
        print(f"  one {each.one:.2f} s, all {each.all:.2f} s; {_stall(late, start, end)}")
        print(f"    text alone {_told(each.alone)}; beside {_told(each.beside)}")
    _judge(rounds, late, began[0])


def _judge(rounds: Sequence[Round], late: Sequence[Late], since: float) -> None:
    """Tell the best round: what else runs on the machine can only lengthen a time."""
    stall = max((each.by for each in late if each.due >= since), default=0.0)
    notes = min(each.all / each.one for each in rounds)
    medians = min(_median(each.beside) / _median(each.alone) for each in rounds)
    slowest = min(_p95(each.beside) / _p95(each.alone) for each in rounds)
    print(f"  longest stall of the loop {stall * 1000:.0f} ms (aim {STALL_AIM * 1000:.0f} ms)")
    print(f"  {_NOTES} notes in x{notes:.2f} of one (aim x{NOTES_AIM}), best of {_ROUNDS}")
    print(f"  text turns x{medians:.2f}, p95 x{slowest:.2f} (aim x{TEXT_AIM:.2f}), best each")


def _round(talk: "Talk") -> Round:
    [one] = talk.turns([talk.note()])
    alone = talk.turns(talk.texts())
    notes = [talk.note() for _ in range(_NOTES)]
    took = talk.turns([*notes, *talk.texts()])
    return Round(one, max(took[:_NOTES]), alone, took[_NOTES:])


class Talk:
    """A house, its vendors, and contacts who each send one message."""

    def __init__(self, house: House, twilio: TwilioStandIn, worker: subprocess.Popen[str]) -> None:
        self._house = house
        self._twilio = twilio
        self._worker = worker
        self._numbers = count()

    def text(self, after: float = 0.0) -> Message:
        """Return a question of somebody new."""
        return Message(number=next(self._numbers), after=after)

    def texts(self) -> list[Message]:
        """Return the questions of as many people, one after the other."""
        return [self.text(number / _TEXTS_PER_SECOND) for number in range(_TEXTS)]

    def note(self) -> Message:
        """Return a question that somebody new asks aloud."""
        url = self._twilio.add_media(sound("voice_note.ogg"))
        return Message(number=next(self._numbers), note=url)

    def turns(self, messages: list[Message]) -> list[float]:
        """Send messages; return how many seconds each waited for its answer at Twilio."""
        due = [due for due, _ in send(self._house, messages)]

        def answered() -> dict[str, float]:
            # A note is answered by sound, words by words.
            asked = {message.address: bool(message.note) for message in messages}
            found = {
                each.to: each.at
                for each in reversed(self._twilio.sent)
                if each.to in asked and bool(each.media_url) == asked[each.to]
            }
            return found if len(found) == len(messages) else {}

        at = self._twilio.wait_for(answered, timeout=_WAIT_SECONDS)
        return [at[message.address] - begun for message, begun in zip(messages, due, strict=True)]

    def end(self) -> list[Late]:
        """Stop the worker; return every beat of its loop that came late."""
        self._worker.send_signal(signal.SIGTERM)
        told, _ = self._worker.communicate(timeout=_WAIT_SECONDS)
        return [Late(*each) for each in json.loads(told)]


@contextmanager
def _talk() -> Iterator[Talk]:
    with (
        TwilioStandIn() as twilio,
        OpenAIStandIn(latency=_MODEL_SECONDS, hearing_latency=_HEARING_SECONDS) as openai,
        ElevenLabsStandIn(latency=_SPEAKING_SECONDS) as elevenlabs,
    ):
        openai.reply = _new_answers()
        settings = {
            "ELEVENLABS_API_KEY": elevenlabs.api_key,
            "ELEVENLABS_VOICE_ID": elevenlabs.voice_id,
            "ELEVENLABS_BASE_URL": elevenlabs.url,
            "CLONE_IDLE_SECONDS": "600",
        }
        with open_house(openai, twilio, **settings) as house:
            command = [sys.executable, "-m", "benchmarks.pulse"]
            worker = subprocess.Popen(
                command, cwd=ROOT, env=house.settings, stdout=subprocess.PIPE, text=True
            )
            eventually(lambda: (house.data / "worker.sock").exists())
            house.serve()
            yield Talk(house, twilio, worker)


def _new_answers() -> Callable[[Chat], str]:
    """Never say the same twice: what was spoken once would not be asked of the voice again."""
    numbers = count(1)

    def reply(chat: Chat) -> str:
        return f"Conto {next(numbers)}: {ordinary_answer(prompt_text(chat['messages'][-1:]))}"

    return reply


def _stall(late: Sequence[Late], start: float, end: float) -> str:
    within = [each for each in late if start <= each.due < end]
    if not within:
        return "no stall that could be seen"
    longest = max(within, key=lambda each: each.by)
    return f"longest stall {longest.by * 1000:.0f} ms ({longest.used * 1000:.0f} ms of its own)"


def _median(seconds: Sequence[float]) -> float:
    return statistics.median(seconds)


def _p95(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


def _told(seconds: Sequence[float]) -> str:
    return f"p50 {_median(seconds):.3f} p95 {_p95(seconds):.3f} s"
