"""Markdown as plain reading: comments dropped, sections under their headings, marks taken off."""

import re

from knowledge.sections import Section

# As in a browser, a comment that is never closed hides the rest.
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_HEADING = re.compile(r"(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*")
_FENCE = re.compile(r"[ ]{0,3}(```|~~~)")
_IMAGE = re.compile(r"!\[([^\[\]\n]*)\]\([^()\s]*(?:\s+\"[^\"\n]*\")?\)")
_LINK = re.compile(r"(?<!!)\[([^\[\]\n]+)\]\(([^()\s]+)(?:\s+\"[^\"\n]*\")?\)")
_EMPHASIS = re.compile(r"(?<![\w*])(\*{1,3}|_{1,3})(?=\S)([^*_\n]+?)(?<=\S)\1(?![\w*])")
_CODE = re.compile(r"`([^`\n]+)`")
_RULE = re.compile(r"[ ]{0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})")


def strip_comments(text: str) -> str:
    """Return `text` without its HTML comments, which a reader of the page would not see."""
    return _COMMENT.sub("", text)


def read_markdown(text: str) -> tuple[Section, ...]:
    """Return the sections of `text`, each titled by the path of headings above it."""
    sections: list[Section] = []
    path: list[tuple[int, str]] = []
    lines: list[str] = []
    fence = ""

    def close() -> None:
        body = _plain("\n".join(lines)).strip("\n")
        if body.strip():
            sections.append(Section(" › ".join(title for _, title in path if title), body))
        lines.clear()

    for line in text.split("\n"):
        opening = _FENCE.match(line)
        if opening and fence in ("", opening.group(1)):
            fence = "" if fence else opening.group(1)
            continue
        heading = None if fence else _HEADING.fullmatch(line)
        if heading:
            close()
            level = len(heading.group(1))
            path = [(depth, title) for depth, title in path if depth < level]
            path.append((level, _plain(heading.group(2))))
        elif not fence and _RULE.fullmatch(line):
            lines.append("")
        else:
            lines.append(line)
    close()
    return tuple(sections)


def _plain(text: str) -> str:
    """Take the marks off: a passage is quoted to people who see them as noise."""
    text = _LINK.sub(_link, _IMAGE.sub(r"\1", text))
    return _CODE.sub(r"\1", _EMPHASIS.sub(r"\2", _EMPHASIS.sub(r"\2", text)))


def _link(match: re.Match[str]) -> str:
    label, address = match.groups()
    return address if label == address else f"{label} ({address})"
