"""Turns what chat models write, which is Markdown, into what WhatsApp shows."""

import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from channels.dialect import parse
from channels.marks import BLOCK, PLAIN, Styles, links, mark_up
from channels.phrases import Phrases, Runs

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

_BOLD: Styles = frozenset("*")
_RULE = "———"
_TASK = re.compile(r"\[([ xX])\] ")
# A text without any of these is the same in both; most chat replies are.
_MARKUP = re.compile(r"[*_~`#<>&\\|\[\t]|^ *(?:[-+]|\d+[.)])|^ | $|\n\n\n|\r", re.MULTILINE)


def whatsapp_text(markdown: str) -> str:
    """Return `markdown` in WhatsApp's own formatting, at most six times as long, and 40 more.

    Headings become bold lines, tables lines of `header: value` or `a – b`, links `text (address)`
    in full. A single `*word*` is bold in WhatsApp and italic in Markdown: it is taken as italic
    only beside `**bold**`, because who writes both tells them apart, and who writes single ones
    alone writes for WhatsApp. So what is formatted already stays as it is.

    Addresses keep every byte, and none appears that did not stand in `markdown`: what has passed
    the guard may pass here. Where words would be joined to a new address, or nothing would be
    left, the text stays as it was written.
    """
    plain = markdown.strip()
    if not _MARKUP.search(plain):
        return plain
    text = _Rendering(plain).text
    if not text or len(text) > 6 * len(plain) + 40 or _addresses(text) - _addresses(plain):
        return plain
    return text


def _addresses(text: str) -> set[str]:
    return {text[start:end] for start, end in links(text)}


class _Rendering:
    """One text on its way: which of its lines are blank, and what a single `*` means in it."""

    def __init__(self, markdown: str) -> None:
        root = parse(markdown)
        strong = any(node.type == "strong" and node.markup == "**" for node in root.walk())
        self._phrases = Phrases("_" if strong else "*")
        self._lines = markdown.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self.text = self._blocks(root.children).strip()

    def _blocks(self, nodes: "Sequence[SyntaxTreeNode]", indent: str = "") -> str:
        """Join blocks as far apart as they were written; all but a leading paragraph indented."""
        told = ""
        for node in nodes:
            block = self._block(node)
            if indent and not (node is nodes[0] and node.type == "paragraph"):
                block = textwrap.indent(block, indent)
            if block.strip():
                told += (self._gap(node) if told else "") + block
        return told

    def _gap(self, node: "SyntaxTreeNode") -> str:
        before = self._lines[node.map[0] - 1] if node.map and node.map[0] else ""
        return "\n" if before.strip(" \t>") else "\n\n"

    def _block(self, node: "SyntaxTreeNode") -> str:
        match node.type:
            case "paragraph":
                return self._line(node)
            case "heading":
                return self._line(node, _BOLD)
            case "bullet_list" | "ordered_list":
                return self._blocks(node.children)
            case "list_item":
                return self._item(node)
            case "blockquote":
                # WhatsApp quotes one level deep, and not across a blank line.
                lines = self._blocks(node.children).split("\n")
                return "\n".join(f"> {line.removeprefix('> ')}" for line in lines if line.strip())
            case "fence":
                return _code_block(node.content)
            case "table":
                return self._table(node)
            case _:
                return _RULE

    def _item(self, node: "SyntaxTreeNode") -> str:
        bullet = f"{node.info}{node.markup} " if node.info else "- "
        told = self._blocks(node.children, " " * len(bullet)).lstrip()
        if node.markup == "+" and told[:1].isdigit():
            bullet = "+ "  # "- 5 °C" is another temperature than "+ 5 °C"
        if task := _TASK.match(told):
            told = f"{'☐' if task[1] == ' ' else '☑'} {told[task.end() :]}"
        return f"{bullet}{told}".rstrip()

    def _table(self, node: "SyntaxTreeNode") -> str:
        head, *rows = [row.children for part in node.children for row in part.children]
        if len(head) > 2 and rows:
            return "\n\n".join(filter(None, (self._record(head, row) for row in rows)))
        lines = [self._row(head, _BOLD), *(self._row(row) for row in rows)]
        return "\n".join(filter(None, lines))

    def _row(self, cells: "Sequence[SyntaxTreeNode]", style: Styles = PLAIN) -> str:
        runs: Runs = []
        for cell in filter(_holds_words, cells):
            runs += [(" – ", style)] if runs else []
            runs += self._phrases.runs(cell.children, style)
        return mark_up(runs)

    def _record(self, titles: "Sequence[SyntaxTreeNode]", row: "Sequence[SyntaxTreeNode]") -> str:
        """Tell a row of many cells in as many lines, the first one bold."""
        lines: list[str] = []
        for title, cell in zip(titles, row, strict=True):
            style = PLAIN if lines else _BOLD
            name = [*self._phrases.runs(title.children, style), (": ", style)]
            if _holds_words(cell):
                value = self._phrases.runs(cell.children, style)
                lines.append(mark_up([*(name if _holds_words(title) else []), *value]))
        return "\n".join(lines)

    def _line(self, node: "SyntaxTreeNode", style: Styles = PLAIN) -> str:
        lines = mark_up(self._phrases.runs(node.children, style)).split("\n")
        return "\n".join(line.strip() for line in lines).strip()


def _holds_words(cell: "SyntaxTreeNode") -> bool:
    return any(node.content.strip() for node in cell.children)


def _code_block(code: str) -> str:
    lines = code.strip("\n")
    return f"{BLOCK}\n{lines}\n{BLOCK}" if lines.strip() and BLOCK not in lines else lines
