"""What the stand-in's chat model ordinarily makes of a prompt of ours."""

import re

_PASSAGES = re.compile(r"<passages (\w+)>\n(.*?)\n</passages \1>", re.DOTALL)
_LANGUAGE = re.compile(r"Language: (\w+)\.\s*$")
_FRIENDLY = {
    "pt": "Que bom falar com você!",
    "en": "How nice to talk with you!",
    "es": "¡Qué gusto hablar contigo!",
}


def ordinary_answer(prompt: str) -> str:
    """Quote the first passage of a question's prompt, abstain without one, else be friendly."""
    if found := _PASSAGES.search(prompt):
        passage = first_passage(found.group(2))
        return f"{passage} [[1]]" if passage else "[[?]]"
    language = _LANGUAGE.search(prompt)
    return _FRIENDLY.get(language.group(1) if language else "pt", _FRIENDLY["pt"])


def first_passage(passages: str) -> str:
    """Return the text below the heading `[1] document · section`, up to the next heading."""
    first = re.split(r"\n\s*\[\d+\] ", "\n" + passages.strip())[1:2]
    _heading, _, text = first[0].partition("\n") if first else ("", "", "")
    return " ".join(text.split())
