"""`clone say`: the owner hears the voice first."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pytest

from agent.adapters.sound import Sound
from app import Application
from tests.mind import sample
from tests.standins.elevenlabs import ElevenLabsStandIn, refused
from tests.standins.exchange import dropped
from tests.terminal import Terminal, complaint


class SpeakingApplication(Application):
    """What `app.py` hands to a command, with the sample's persona."""

    @cached_property
    def sound(self) -> Sound:
        """What hears and speaks."""
        return Sound(self.settings, sample())


@pytest.fixture
def elevenlabs() -> Iterator[ElevenLabsStandIn]:
    """An ElevenLabs on loopback."""
    with ElevenLabsStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def terminal(tmp_path: Path, elevenlabs: ElevenLabsStandIn) -> Terminal:
    """A terminal whose settings name the stand-in."""
    terminal = Terminal(tmp_path)
    terminal.env |= {
        "ELEVENLABS_API_KEY": elevenlabs.api_key,
        "ELEVENLABS_VOICE_ID": elevenlabs.voice_id,
        "ELEVENLABS_BASE_URL": elevenlabs.url,
    }
    return terminal


def app(terminal: Terminal) -> SpeakingApplication:
    """Return the application of a new process."""
    return SpeakingApplication(terminal.env)


def test_the_owner_hears_the_voice(
    terminal: Terminal, elevenlabs: ElevenLabsStandIn, tmp_path: Path
) -> None:
    """The text is spoken as given into the file, with its length, size and price."""
    out = tmp_path / "a.ogg"

    result = terminal.run("say", "Oi! Tudo bem?", "--out", str(out), app=app(terminal))

    assert result.exit_code == 0, result.stderr
    assert out.read_bytes() == elevenlabs.audio
    assert elevenlabs.speeches[0].text == "Oi! Tudo bem?"
    assert result.stdout == f"{out}: 2.9 s, 12 kB; 13 characters paid.\n"


def test_the_same_words_cost_nothing(
    terminal: Terminal, elevenlabs: ElevenLabsStandIn, tmp_path: Path
) -> None:
    """Words that were spoken before come from the disk, and that is said."""
    words = ("say", "Oi!", "--out", str(tmp_path / "a.ogg"))
    terminal.run(*words, app=app(terminal))

    result = terminal.run(*words, app=app(terminal))

    assert result.stdout.endswith("kept from before, nothing was paid.\n")
    assert len(elevenlabs.speeches) == 1


@pytest.mark.parametrize(("name", "option"), [("a.mp3", ()), ("a.bin", ("--mp3",))])
def test_an_mp3_by_name_or_option(
    terminal: Terminal,
    elevenlabs: ElevenLabsStandIn,
    tmp_path: Path,
    name: str,
    option: tuple[str, ...],
) -> None:
    """The file's name or `--mp3` asks for the other form."""
    out = tmp_path / name

    result = terminal.run("say", "Oi!", "--out", str(out), *option, app=app(terminal))

    assert result.exit_code == 0, result.stderr
    assert out.read_bytes() == elevenlabs.mp3
    assert result.stdout == f"{out}: 12 kB; 3 characters paid.\n"


def test_without_keys_it_says_what_to_set(terminal: Terminal, tmp_path: Path) -> None:
    """A voice that is off is told with the settings that turn it on."""
    del terminal.env["ELEVENLABS_API_KEY"]

    result = terminal.run("say", "Oi!", "--out", str(tmp_path / "a.ogg"), app=app(terminal))

    assert result.exit_code == 2
    assert complaint(result).endswith("to turn it on, set ELEVENLABS_API_KEY")


def test_a_voice_that_was_switched_off_is_told(terminal: Terminal, tmp_path: Path) -> None:
    """With key and voice set, the setting that keeps it silent is named."""
    terminal.env["CLONE_VOICE"] = "none"

    result = terminal.run("say", "Oi!", "--out", str(tmp_path / "a.ogg"), app=app(terminal))

    assert complaint(result).endswith("to turn it on, take out CLONE_VOICE=none")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("voice_not_found", "check ELEVENLABS_VOICE_ID"),
        ("quota_exceeded", "the account's quota is used up"),
        ("invalid_api_key", "check the key"),
    ],
)
def test_a_refusal_is_one_plain_line(
    terminal: Terminal, elevenlabs: ElevenLabsStandIn, tmp_path: Path, code: str, told: str
) -> None:
    """What ElevenLabs refuses is told with what to do about it, and no file is left."""
    elevenlabs.whenever("speak", refused(401, code))

    result = terminal.run("say", "Oi!", "--out", str(tmp_path / "a.ogg"), app=app(terminal))

    assert result.exit_code == 1
    assert told in complaint(result)
    assert not (tmp_path / "a.ogg").exists()


def test_a_vendor_out_of_reach_is_one_plain_line(
    terminal: Terminal, elevenlabs: ElevenLabsStandIn, tmp_path: Path
) -> None:
    """A lost connection is no trace."""
    elevenlabs.whenever("speak", dropped())

    result = terminal.run("say", "Oi!", "--out", str(tmp_path / "a.ogg"), app=app(terminal))

    assert result.exit_code == 1
    assert "elevenlabs" in complaint(result)


def test_what_cannot_be_written_is_told(terminal: Terminal, tmp_path: Path) -> None:
    """A folder that is not there is named."""
    out = tmp_path / "nowhere" / "a.ogg"

    result = terminal.run("say", "Oi!", "--out", str(out), app=app(terminal))

    assert result.exit_code == 1
    assert f"{out} cannot be written" in complaint(result)


def test_an_empty_text_is_wrong_usage(terminal: Terminal, tmp_path: Path) -> None:
    """There is nothing to speak."""
    result = terminal.run("say", " ", "--out", str(tmp_path / "a.ogg"), app=app(terminal))

    assert result.exit_code == 2
    assert "the text is empty" in result.stderr
