"""What stands inside a line of Markdown, as runs of words that wear WhatsApp's styles."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from channels.marks import BLOCK, PLAIN, Styles, links

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

Runs = list[tuple[str, Styles]]

_SCHEME = re.compile(r"(?:https?://|mailto:|tel:)?(?:www\.)?", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)", re.IGNORECASE)
_ADDRESS = re.compile(r"""\shref\s*=\s*["']?([^\s"'>]+)""", re.IGNORECASE)
_STYLE_TAGS = {
    **dict.fromkeys(("b", "strong"), "*"),
    **dict.fromkeys(("i", "em", "cite"), "_"),
    **dict.fromkeys(("s", "del", "strike"), "~"),
}
_BREAK_TAGS = {"br": "\n", "hr": "\n", "/p": "\n", "/div": "\n", "/li": "\n", "li": "- "}
_SILENT_TAG = re.compile("a|big|center|code|div|font|li|mark|ol|p|pre|small|span|sub|sup|u|ul")


class Phrases:
    """Reads the inline nodes of one text, in which a single `*` means the style `star`."""

    def __init__(self, star: str) -> None:
        self._star = star

    def runs(self, nodes: "Sequence[SyntaxTreeNode]", style: Styles = PLAIN) -> Runs:
        """Return the words of the nodes; addresses and code wear no style."""
        found: Runs = []
        tags: list[str] = []
        anchor: tuple[int, str] | None = None
        for node in nodes:
            worn = style.union(tags)
            if node.type != "html_inline":
                found += self._read(node, worn)
                continue
            closing, name = _tag(node.content)
            if mark := _STYLE_TAGS.get(name):
                _wear(tags, mark, closing)
            elif name == "a" and not closing:
                address = _ADDRESS.search(node.content)
                anchor = (len(found), address[1]) if address else None
            elif name == "a" and anchor:
                begin, href = anchor
                found, anchor = found[:begin] + _linked(found[begin:], href), None
            else:
                found.append((_sign(node.content), worn))
        return found

    def _read(self, node: "SyntaxTreeNode", style: Styles) -> Runs:
        match node.type:
            case "text":
                return _words(node.content, style)
            case "inline":
                return self.runs(node.children, style)
            case "strong":
                return self.runs(node.children, style | {"*"})
            case "em":
                mark = "_" if node.markup == "_" else self._star
                return self.runs(node.children, style | {mark})
            case "s":
                return self.runs(node.children, style | {"~"})
            case "code_inline":
                return [(_code(node.content), PLAIN)]
            case "link":
                return _linked(self.runs(node.children, style), str(node.attrs["href"]))
            case "image":
                return _linked(_words(node.content, style), str(node.attrs["src"]))
            case _:
                return [("\n", style)]


def _words(text: str, style: Styles) -> Runs:
    """A phone might take a mark at an address's end for a part of it."""
    found: Runs = []
    start = 0
    for begin, end in links(text):
        found += [(text[start:begin], style), (text[begin:end], PLAIN)]
        start = end
    return [*found, (text[start:], style)]


def _linked(words: Runs, href: str) -> Runs:
    text = "".join(each for each, _ in words).strip()
    if not text:
        return [(href, PLAIN)]
    if _bare(text) == _bare(href):
        # Nobody reads "mailto:"; but of two web addresses, the one with its scheme opens.
        return [(text if href.startswith(("mailto:", "tel:")) else href, PLAIN)]
    return [*words, (f" ({href})", PLAIN)]


def _bare(address: str) -> str:
    return _SCHEME.sub("", address, count=1).rstrip("/").lower()


def _code(code: str) -> str:
    if "`" not in code:
        return f"`{code}`"
    # Three backticks hold single ones, but for those at their edges.
    fits = BLOCK not in code and not code.startswith("`") and not code.endswith("`")
    return f"{BLOCK}{code}{BLOCK}" if fits else code


def _tag(html: str) -> tuple[bool, str]:
    found = _TAG.match(html)
    return (bool(found[1]), found[2].lower()) if found else (False, "")


def _wear(tags: list[str], mark: str, closing: bool) -> None:
    if not closing:
        tags.append(mark)
    elif mark in tags:
        tags.remove(mark)


def _sign(html: str) -> str:
    """Return what a tag without a style amounts to; one that HTML does not know is text."""
    closing, name = _tag(html)
    if not name:
        return ""  # a comment
    if sign := _BREAK_TAGS.get(f"/{name}" if closing else name):
        return sign
    return "" if _SILENT_TAG.fullmatch(name) or name in _BREAK_TAGS else html
