"""`clone init`: asks who the clone is and writes the owner's own persona file."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agent.settings import HOUSE, OWN_PERSONA, SAMPLE
from commands.failure import Failure
from prompts.draft import PersonaDraft
from prompts.persona import LANGUAGES

if TYPE_CHECKING:
    from commands.application import Application

_USUAL_LANGUAGES = ("pt", "en")

T = TypeVar("T")
Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def _words(value: str) -> str:
    words = " ".join(value.split())
    if not words:
        raise click.BadParameter("it must not be blank")
    return words


def _languages(value: str) -> tuple[str, ...]:
    languages = tuple(dict.fromkeys(value.lower().replace(",", " ").split()))
    if not languages or not set(languages) <= set(LANGUAGES):
        raise click.BadParameter(f"use some of {', '.join(LANGUAGES)}, the main one first")
    return languages


def _option(
    name: str, read: Callable[[str], object], help: str
) -> Callable[[Decorated], Decorated]:
    """Return an option that is read as its question's answer would be."""

    def given(context: object, parameter: object, value: str | None) -> object:
        return None if value is None else read(value)

    return click.option(name, callback=given, help=help)


@click.command(short_help="Make the clone yours.")
@_option("--name", _words, "The person's name, as contacts should read it.")
@_option("--languages", _languages, "Some of pt, en, es, the main one first: pt,en.")
@_option("--tone", _words, "How the person talks, in a sentence or two.")
@_option("--greeting", _words, "The answer to a contact who just says hello.")
@click.option("--yes", is_flag=True, help="Ask nothing; what is not given is taken as suggested.")
@click.option("--force", is_flag=True, help="Write over the persona file that is there.")
@click.pass_obj
def init(
    app: "Application",
    name: str | None,
    languages: tuple[str, ...] | None,
    tone: str | None,
    greeting: str | None,
    yes: bool,
    force: bool,
) -> None:
    """Make the clone yours: four questions, and your persona file is written.

    \b
    clone init
    clone init --yes --name "Ana Souza" --languages pt,en
    clone init --yes --name "Ana" --tone "Calma e direta." --greeting "Oi! Pergunte." --force

    The file is prompts/persona.toml, or CLONE_PERSONA where that is set.
    """  # noqa: D301
    path = _own_persona(app)
    if path.exists() and not force:
        raise Failure(f"{path} is there already; change it by hand, or use --force to replace it")
    if yes and name is None:
        raise click.UsageError("--yes asks nothing, so say who the clone is: --name 'Ana Souza'")
    if not yes:
        click.echo("Let's make the clone yours. Enter takes what stands in [brackets].\n")
    _write(path, _draft(name, languages, tone, greeting, ask=not yes).text())
    click.echo(
        f"\nWritten: {path}\n"
        "It is a text file with remarks: every fixed line the clone says is in it, and you may "
        "change any.\n\n"
        "Next:\n"
        f"  1. put your biography and other texts into {_own_documents(app)}\n"
        "  2. clone doctor   what is missing, and what to do about it\n"
        "  3. make run       talk with the clone (start it again if it runs already)"
    )


def _draft(
    name: str | None,
    languages: tuple[str, ...] | None,
    tone: str | None,
    greeting: str | None,
    *,
    ask: bool,
) -> PersonaDraft:
    """Return the given answers, the missing ones asked for or as suggested."""
    name = name or _asked("Whose clone is it? Full name", _words)
    if languages is None:
        languages = _USUAL_LANGUAGES
        if ask:
            question = "Languages it speaks, the main one first (pt, en, es)"
            languages = _asked(question, _languages, ",".join(languages))
    draft = PersonaDraft.suggested(name, languages)
    if ask and tone is None:
        tone = _asked("How do they talk? A sentence or two", _words, draft.tone)
    if ask and greeting is None:
        greeting = _asked("Answer to a contact who just says hello", _words, draft.greeting)
    return PersonaDraft(
        name=name,
        languages=languages,
        tone=tone or draft.tone,
        greeting=greeting or draft.greeting,
    )


def _asked(question: str, read: Callable[[str], T], suggestion: str | None = None) -> T:
    """Return the answer as `read` takes it; asked again for as long as it refuses."""
    answer: T = click.prompt(question, value_proc=read, default=suggestion)
    return answer


def _own_persona(app: "Application") -> Path:
    """The sample is nobody's to write over."""
    path = app.settings.persona
    return OWN_PERSONA if path == SAMPLE / "persona.toml" else path


def _own_documents(app: "Application") -> Path:
    path = app.settings.documents
    return HOUSE / "documents" if path == SAMPLE / "documents" else path


def _write(path: Path, text: str) -> None:
    """Write the whole file or leave the old one as it was."""
    draft = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise Failure(f"cannot write {path} ({error.strerror})") from error
