"""The owner's first persona file."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.persona import LANGUAGES, Persona, load_persona
from prompts.starter import starter_persona

ANSWERS = {"name": "Ana Lima", "languages": ["pt"], "tone": "calma", "greeting": "Oi, sou a Ana!"}

typed = st.text(min_size=1, max_size=40).filter(str.strip)
awkward = st.sampled_from(
    ['Ana "Nana" Lima', "C:\\ana\\n", "uma\nduas\r\n", "é\x7f\x00", "$name {x}", "'''\"\"\""]
)


def load_text(text: str) -> Persona:
    """Load a persona file with this text."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "persona.toml"
        path.write_text(text, encoding="utf-8", newline="")
        return load_persona(path)


@settings(max_examples=60, deadline=None)
@given(
    name=typed | awkward,
    tone=typed | awkward,
    greeting=typed | awkward,
    languages=st.lists(st.sampled_from(LANGUAGES), min_size=1, max_size=4),
)
def test_whatever_is_typed_comes_back(
    name: str, tone: str, greeting: str, languages: list[str]
) -> None:
    """Whatever the owner types, the file loads and holds exactly that."""
    persona = load_text(
        starter_persona(name=name, tone=tone, greeting=greeting, languages=languages)
    )

    assert persona.name == name.strip()
    assert persona.tone == tone.strip()
    assert persona.languages == tuple(dict.fromkeys(languages))
    assert set(persona.shortcuts.values()) == {greeting.strip()}


def test_each_language_opens_with_the_greeting() -> None:
    """The opening word of each chosen language, and of no other, answers with the greeting."""
    persona = load_text(starter_persona(**{**ANSWERS, "languages": ["es", "en"]}))

    assert persona.shortcuts == {"hola": "Oi, sou a Ana!", "hello": "Oi, sou a Ana!"}
    assert set(persona.lines) == {"es", "en"}


def test_file_explains_itself() -> None:
    """The file is the owner's to edit: every part carries a remark, and no slot is left open."""
    text = starter_persona(**ANSWERS)

    assert "Copy" not in text
    assert "$" not in text
    assert text.count("\n#") > 25
    assert "Santos" not in text


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        ({"name": " "}, "name"),
        ({"tone": ""}, "tone"),
        ({"greeting": "\n"}, "greeting"),
        ({"languages": []}, "languages"),
        ({"languages": ["pt", "fr"]}, "languages"),
    ],
)
def test_unusable_answers_are_refused(answer: dict[str, object], key: str) -> None:
    """A blank answer or an unknown language is refused by its name."""
    with pytest.raises(ValueError, match=key):
        starter_persona(**{**ANSWERS, **answer})
