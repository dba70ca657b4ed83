"""`clone say`: the owner hears the voice before anybody else does."""

import asyncio
import logging
import math
import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from agent.opus import OpusStream
from commands.checks import how_to_turn_voice_on
from commands.failure import Failure, WrongSetup

if TYPE_CHECKING:
    from agent.messages import Audio
    from commands.application import Application


@click.command(short_help="Hear the voice.")
@click.argument("text")
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, .ogg or .mp3.",
)
@click.option("--mp3", is_flag=True, help="Make an MP3, whatever the file is named.")
@click.pass_obj
def say(app: "Application", text: str, out: Path, mp3: bool) -> None:
    """Speak TEXT in the clone's voice, exactly as it is written, into a file.

    The voice is that of ELEVENLABS_VOICE_ID, and sounds as [voice] in the persona file says. An
    .ogg is what WhatsApp gets; what was said before is kept in CLONE_DATA, and costs nothing.

    \b
    clone say "Oi! Aqui é a voz do meu clone." --out voice.ogg
    clone say "Hello, can you hear me?" --out voice.mp3
    """  # noqa: D301
    if not text.strip():
        raise click.UsageError("the text is empty")
    app.log_to(logging.CRITICAL, sys.stderr)
    form: Literal["ogg", "mp3"] = "mp3" if mp3 or out.suffix.lower() == ".mp3" else "ogg"
    audio, was_kept = asyncio.run(_say(app, text, form))
    try:
        out.write_bytes(audio.data)
    except OSError as error:
        raise Failure(f"{out} cannot be written: {error.strerror}") from error
    origin = "kept from before, nothing was paid" if was_kept else f"{len(text)} characters paid"
    click.echo(f"{out}: {_measured(audio)}; {origin}.")


async def _say(app: "Application", text: str, form: Literal["ogg", "mp3"]) -> tuple["Audio", bool]:
    async with aclosing(app.sound) as sound:
        if sound.voice is None:
            remedy = how_to_turn_voice_on(app.settings)
            raise WrongSetup(f"the voice is off; to turn it on, {remedy}")
        was_kept = await sound.voice.holds(text, form)
        return await sound.voice.speak(text, form), was_kept


def _measured(audio: "Audio") -> str:
    size = f"{math.ceil(len(audio.data) / 1000)} kB"
    stream = OpusStream.of(audio.data)
    return f"{stream.seconds:.1f} s, {size}" if stream else size
