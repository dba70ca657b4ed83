"""The words by which a contact leaves and returns: whole messages only, in three languages."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.consent import Command, command_in, offered
from tests.mind import sample

ROOT = Path(__file__).parents[2]
LANGUAGES = ("pt", "en", "es")


def command(text: str, *languages: str) -> Command | None:
    """Return what `text` commands a clone of `languages`, or of all three."""
    return command_in(text, languages or LANGUAGES)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("parar", "pt"),
        ("PARE", "pt"),
        ("Parar mensagens", "pt"),
        ("descadastrar", "pt"),
        ("Não quero mais receber mensagens.", "pt"),
        ("pare de me mandar mensagens!!", "pt"),
        ("stop", "pt"),
        ("STOP ALL", "pt"),
        ("Unsubscribe", "pt"),
        ("stop messaging me", "en"),
        ("Please stop", "en"),
        ("don't message me", "en"),
        ("no quiero recibir más mensajes", "es"),
        ("darme de baja", "es"),
    ],
)
def test_an_absolute_word_stops(text: str, language: str) -> None:
    """Each language has words that are obeyed whatever was said before."""
    assert command(text) == Command(kind="stop", language=language)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("sair", "pt"),
        ("Cancelar", "pt"),
        ("cancel", "en"),
        ("QUIT", "en"),
        ("end", "en"),
        ("salir", "es"),
        ("baja", "es"),
    ],
)
def test_a_soft_word_stops_too_and_says_so(text: str, language: str) -> None:
    """A word that may also be an ordinary answer is marked as such."""
    assert command(text) == Command(kind="stop", language=language, soft=True)


@pytest.mark.parametrize(
    ("text", "language"),
    [("voltar", "pt"), ("Voltar!", "pt"), ("start", "en"), ("volver", "es"), ("retomar", "pt")],
)
def test_a_return_word_brings_back(text: str, language: str) -> None:
    """Each language has words that mean: talk to me again."""
    assert command(text) == Command(kind="return", language=language)


@pytest.mark.parametrize(
    "text",
    ["Parar", " parar\n", "PARAR!!!", "*parar*", "«parar»", "🛑 parar 🙏🏽", "párar", "p\u200barar",
     "PARAAAAR", "...parar?"],
)  # fmt: skip
def test_what_surrounds_a_word_does_not_matter(text: str) -> None:
    """Capitals, accents, marks, emoji, space and drawn-out letters are passed over."""
    assert command(text) == command("parar")


@pytest.mark.parametrize(
    "text",
    ["", "?", "🛑", "parar de fumar", "não quero parar", "quando você quis parar?", "the end",
     "stop the engine", "sair de casa", "voltar para casa", "p a r a r", "parar 2", "por favor"],
)  # fmt: skip
def test_a_word_within_more_words_commands_nothing(text: str) -> None:
    """Only a whole message is a command; an ordinary one is answered."""
    assert command(text) is None


def test_a_word_of_two_languages_is_taken_for_the_personas_first() -> None:
    """`cancelar` and `stop` are of several: the confirmation is in the persona's language."""
    assert command("stop", "en", "pt") == Command(kind="stop", language="en")
    assert command("STOP", "es", "en") == Command(kind="stop", language="es")
    assert command("cancelar", "es", "pt") == Command(kind="stop", language="es", soft=True)
    assert command("cancelar", "en", "es", "pt") == Command(kind="stop", language="es", soft=True)
    assert command("parar", "pt", "es") == Command(kind="stop", language="pt")


def test_words_of_a_language_that_the_persona_does_not_speak_count() -> None:
    """Whoever leaves is obeyed in any of the known languages."""
    assert command("quit", "pt") == Command(kind="stop", language="en", soft=True)
    assert command("parar", "en") == Command(kind="stop", language="pt")


@pytest.mark.parametrize(
    ("text", "last_said"),
    [
        ("Cancelar", "Quer cancelar ou continuar?"),
        ("sair!", "Entendi. Você prefere ficar ou sair? 😊"),
        ("salir", "¿Quieres salir, o quedarte?"),
        ("end", "Shall I tell you the *end*? (It is short.)"),
    ],
)
def test_a_word_that_the_clone_offered_is_an_answer(text: str, last_said: str) -> None:
    """After a question that offers the word, saying it answers the question."""
    assert offered(text, last_said)


@pytest.mark.parametrize(
    ("text", "last_said"),
    [
        ("cancelar", ""),
        ("cancelar", "Você pode cancelar quando quiser."),
        ("sair", "Gosto de sair. E você, como vai?"),
        ("end", "Did you see the friend?"),
        ("sair", "Quer ficar?"),
    ],
)
def test_a_word_that_was_not_offered_is_a_command(text: str, last_said: str) -> None:
    """A statement, another question or a part of a word offers nothing."""
    assert not offered(text, last_said)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_confirmation_names_a_word_that_works(language: str) -> None:
    """Whatever word the sample's and the default lines tell the contact to send is understood."""
    default = (ROOT / "prompts" / "lines" / f"{language}.toml").read_text(encoding="utf-8")
    told = next(line for line in default.splitlines() if line.startswith("opted_out"))
    for line in (sample().lines_in(language).opted_out, told.replace('\\"', '"').strip('"')):
        word = line.split('"')[-2]

        assert command(word) == Command(kind="return", language=language)


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_looked_at(text: str, last_said: str) -> None:
    """No message makes it fail."""
    found = command(text)

    assert found is None or found.language in LANGUAGES
    assert isinstance(offered(text, last_said), bool)


def test_it_is_light() -> None:
    """The process that answers webhooks can ask without loading a model or a graph."""
    script = (
        "import sys, agent.consent; agent.consent.command_in('parar', ['pt']);"
        "print([m for m in sys.modules if m.split('.')[0] in"
        " {'langchain_core', 'langgraph', 'numpy', 'pydantic', 'asyncio'}])"
    )

    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "text",
    [
        "Parar, por favor",
        "Por favor, pare de me mandar mensagens!",
        "pfv para",
        "quero sair, obrigado",
    ],
)
def test_courtesies_around_a_word_do_not_matter(text: str) -> None:
    """Who asks politely is obeyed as well."""
    found = command(text)

    assert found is not None
    assert found.kind == "stop"
