"""The persona file: who the clone is and every line it may say without a model."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from prompts.tables import Table

LANGUAGES = ("pt", "en", "es")

_PLACEHOLDER = re.compile(r"\{\w*\}")
_AI = re.compile(r"\b(IA|AI)\b|intelig[êe]ncia artificial|artificial intelligence", re.IGNORECASE)


class PersonaError(ValueError):
    """The persona file is wrong; the text lists every mistake with its key and remedy."""


@dataclass(frozen=True, kw_only=True)
class Lines:
    """The fixed lines of one language; `{name}` stands for the person's name.

    Metadata: `least` marks a list and its least length, `holds` a placeholder that must stay,
    `says_ai` a line that must say in so many words that an AI speaks.
    """

    ai_notice: str = field(metadata={"says_ai": True})
    synthetic_voice_notice: str = field(metadata={"says_ai": True})
    offline_notice: str
    no_documents: str
    apology: str
    late: str
    opted_out: str
    opted_in: str
    hand_over: str
    no_hand_over: str
    later: str
    could_not_hear: str
    hearing_off: str
    recording_too_long: str
    hearing_failed: str
    heard: str = field(metadata={"holds": "{words}"})
    partly_heard: str
    stop_in_writing: str
    voice_on: str
    voice_off: str
    voice_unavailable: str
    in_writing: str
    cannot_take: str
    recall: str = field(metadata={"holds": "{words}"})
    nothing_to_recall: str
    dont_know: tuple[str, ...] = field(metadata={"least": 5})
    greeting: tuple[str, ...] = field(metadata={"least": 1})
    thanks: tuple[str, ...] = field(metadata={"least": 1})
    laughter: tuple[str, ...] = field(metadata={"least": 1})
    farewell: tuple[str, ...] = field(metadata={"least": 1})
    about_clone: tuple[str, ...] = field(metadata={"least": 1, "says_ai": True})
    abilities: tuple[str, ...] = field(metadata={"least": 1})
    agreement: tuple[str, ...] = field(metadata={"least": 1})
    statement: tuple[str, ...] = field(metadata={"least": 1})


@dataclass(frozen=True, kw_only=True)
class VoiceSettings:
    """How the voice is rendered; the names and ranges are ElevenLabs' `voice_settings`."""

    stability: float = field(default=0.5, metadata={"range": (0.0, 1.0)})
    similarity_boost: float = field(default=0.75, metadata={"range": (0.0, 1.0)})
    style: float = field(default=0.0, metadata={"range": (0.0, 1.0)})
    use_speaker_boost: bool = True
    speed: float = field(default=1.0, metadata={"range": (0.7, 1.2)})


@dataclass(frozen=True, kw_only=True)
class Persona:
    """Who the clone is; validated, so that every line of every language is there."""

    name: str
    aliases: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("pt",)
    tone: str
    shortcuts: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, Lines]
    keywords: tuple[str, ...] = ()
    voice: VoiceSettings = field(default_factory=VoiceSettings)
    #: What may be told to anyone who asks: label → value or link.
    give_out: Mapping[str, str] = field(default_factory=dict)
    #: What the model is asked to keep a reply under, in characters.
    reply_characters: int = 700

    def lines_in(self, language: str) -> Lines:
        """Return the lines of `language`, or of the persona's first language."""
        return self.lines.get(language) or self.lines[self.languages[0]]

    def line_in_each(self, name: str) -> dict[str, str]:
        """Return one of the lines that are no lists, by language, the person's first one first."""
        return {each: getattr(self.lines[each], name) for each in self.languages}


def load_persona(path: Path) -> Persona:
    """Read and validate a persona file; raises `PersonaError` naming file, keys and remedies."""
    try:
        # A byte order mark is what Windows editors leave behind, and TOML does not know it.
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise PersonaError(f"{path}: there is no such file; `clone init` writes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PersonaError(f"{path}: cannot be read ({error}); save it as UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise PersonaError(f"{path}: is not valid TOML: {error}") from error
    mistakes: list[str] = []
    persona = _persona(Table(data, mistakes))
    if mistakes:
        listed = "\n".join(f"  - {mistake}" for mistake in mistakes)
        raise PersonaError(f"{path} needs a correction:\n{listed}")
    return persona


def _persona(top: Table) -> Persona:
    top.only(
        (
            *("name", "aliases", "languages", "tone", "shortcuts", "lines"),
            *("transcription", "voice", "give_out", "limits"),
        )
    )
    transcription, limits, lines = (top.table(k) for k in ("transcription", "limits", "lines"))
    transcription.only(("keywords",))
    limits.only(("reply_characters",))
    lines.only(LANGUAGES)
    name = top.text("name", 'write the person\'s name, e.g. name = "Ana"')
    languages = _languages(top)
    return Persona(
        name=name,
        aliases=top.texts("aliases"),
        languages=languages,
        tone=top.text("tone", 'say how they talk, e.g. tone = "direta e calma"'),
        shortcuts=top.table("shortcuts").named_texts(),
        lines={each: _lines(lines, each, name) for each in languages},
        keywords=transcription.texts("keywords"),
        voice=_voice(top.table("voice")),
        give_out=top.table("give_out").named_texts(),
        reply_characters=limits.whole_number("reply_characters", least=80, most=4000, default=700),
    )


def _languages(top: Table) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(top.texts("languages", 1)))
    for language in found:
        if language not in LANGUAGES:
            top.note("languages", f'"{language}" is not known; use some of {", ".join(LANGUAGES)}')
    return tuple(language for language in found if language in LANGUAGES)


def _lines(lines: Table, language: str, name: str) -> Lines:
    table = lines.table(language)
    model = f"prompts/lines/{language}.toml"
    values: dict[str, Any] = {each.name: "" for each in fields(Lines)}
    if not table.keys():
        lines.note(language, f"is missing; copy the lines of {model} below [lines.{language}]")
        return Lines(**values)
    table.only(values)
    for each in fields(Lines):
        least = each.metadata.get("least", 0)
        found = (
            table.texts(each.name, least)
            if least
            else (table.text(each.name, f"copy it from {model}"),)
        )
        _check_words(table, each.name, found, each.metadata)
        named = tuple(line.replace("{name}", name) for line in found)
        values[each.name] = named if least else named[0]
    return Lines(**values)


def _check_words(table: Table, key: str, found: tuple[str, ...], rules: Mapping[Any, Any]) -> None:
    holds = rules.get("holds", "{name}")
    for line in filter(None, found):
        for placeholder in sorted(set(_PLACEHOLDER.findall(line)) - {"{name}", holds}):
            table.note(key, f"{placeholder} is not known; use {{name}} or plain words")
        if holds != "{name}" and holds not in line:
            table.note(key, f"must hold {holds}, which becomes the contact's own words")
        if rules.get("says_ai") and not _AI.search(line):
            table.note(key, f'must say that an AI speaks ("IA" or "AI"): {line}')


def _voice(table: Table) -> VoiceSettings:
    table.only([each.name for each in fields(VoiceSettings)])
    defaults = VoiceSettings()
    values: dict[str, Any] = {}
    for each in fields(VoiceSettings):
        default = getattr(defaults, each.name)
        if "range" in each.metadata:
            least, most = each.metadata["range"]
            values[each.name] = table.number(each.name, least=least, most=most, default=default)
        else:
            values[each.name] = table.truth(each.name, default=default)
    return VoiceSettings(**values)
