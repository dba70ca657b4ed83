"""What the owner marked as not to be told: taken out before anything is stored."""

import re

_BLOCK = re.compile(r"\[(?P<name>privado|private)\].*?(?:\[/(?P=name)\]|\Z)", re.I | re.S)
_FRONT_MATTER = re.compile(r"\s*---[ \t]*\n(.*?\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_PRIVATE = re.compile(
    r"^[ \t]*(?:private|privado|privada)[ \t]*:[ \t]*[\"']?(?:true|yes|on|1|sim|sí|si|verdadeiro)"
    r"[\"']?[ \t]*(?:#.*)?$",
    re.I | re.M,
)


def without_private_blocks(text: str) -> str:
    """Return `text` without `[privado]…[/privado]`; one never closed reaches to the end."""
    return _BLOCK.sub(" ", text)


def split_front_matter(text: str) -> tuple[bool, str]:
    """Return whether the front matter says `private: true`, and the text below it."""
    match = _FRONT_MATTER.match(text)
    if match is None:
        return False, text
    header = match.group(1) or ""
    lines = [line for line in header.splitlines() if line.strip()]
    # Two rulers with prose between them are not front matter.
    if not lines or not all(re.match(r"\s*(#|- |[\w-]+\s*:)", line) for line in lines):
        return False, text
    return bool(_PRIVATE.search(header)), text[match.end() :]
