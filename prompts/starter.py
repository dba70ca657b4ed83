"""The first persona file of an owner, as `clone init` writes it."""

import json
from collections.abc import Sequence
from pathlib import Path
from string import Template

from prompts.persona import LANGUAGES

_HERE = Path(__file__).parent
# The word that contacts open with, and that the greeting answers at once.
_OPENING = {"pt": "oi", "en": "hello", "es": "hola"}


def starter_persona(*, name: str, languages: Sequence[str], tone: str, greeting: str) -> str:
    """Return the text of a complete, commented persona file.

    Every text is escaped, so that whatever the owner typed comes back from the file as it was.

    Raises:
        ValueError: `name`, `tone` or `greeting` is blank, or `languages` is empty or holds
            one that has no lines.
    """
    for key, value in (("name", name), ("tone", tone), ("greeting", greeting)):
        if not value.strip():
            raise ValueError(f"{key} must not be blank")
    if not languages or not set(languages) <= set(LANGUAGES):
        raise ValueError(f"languages must be some of {', '.join(LANGUAGES)}")
    template = Template((_HERE / "starter.toml.template").read_text(encoding="utf-8"))
    chosen = list(dict.fromkeys(languages))
    return template.substitute(
        name=_quoted(name),
        languages=f"[{', '.join(map(_quoted, chosen))}]",
        first=chosen[0],
        tone=_quoted(tone),
        shortcuts="\n".join(f"{_OPENING[each]} = {_quoted(greeting)}" for each in chosen),
        lines="\n".join(_lines(each) for each in chosen),
    )


def _lines(language: str) -> str:
    text = (_HERE / "lines" / f"{language}.toml").read_text(encoding="utf-8")
    # The remark at the top speaks of the defaults, not of the owner's copy.
    _, _, lines = text.partition("\n\n")
    return f"[lines.{language}]\n{lines}"


def _quoted(text: str) -> str:
    """Return `text` as a TOML string: JSON's escapes are TOML's, which also refuses DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
