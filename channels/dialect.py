"""The Markdown that chat models write, as a parser reads it.

CommonMark with tables and strike, less what a chat means otherwise: indented lines are no code, a
line above dashes no heading, `>:(` no quote, `2*3*4` no emphasis, and an address stays whole.
The parser is loaded with the first text that needs it: the web process never does.
"""

import re
from functools import cache
from typing import TYPE_CHECKING

from channels.marks import LINK, link_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline
    from markdown_it.tree import SyntaxTreeNode

    InlineRule = Callable[[StateInline, bool], bool]
    BlockRule = Callable[[StateBlock, int, int, bool], bool]

#: Lists and quotes nested deeper are read as text. The parser drops what lies beyond its own 20.
_DEEPEST = 14
# Faces made of marks: a shrug, a kiss, a grin, and eyes wide open.
_FACE = r"¯\\_\(ツ\)_/¯|(?<!\S)(?:[:;=]-?[*\\]|\*[_.-]+\*|>[._]+<)(?!\w)"
_NEXT = re.compile(rf"(?P<link>{LINK})|(?P<face>{_FACE})|[\n!&*<\[\\\]_`~]")


def parse(markdown: str) -> "SyntaxTreeNode":
    """Return the tree of a text."""
    from markdown_it.tree import SyntaxTreeNode

    return SyntaxTreeNode(_parser().parse(markdown))


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import blockquote, list_block
    from markdown_it.rules_inline import emphasis, strikethrough

    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    parser.disable(["code", "lheading", "reference", "html_block"])
    # Addresses stay as they were written.
    parser.normalizeLink = parser.normalizeLinkText = str  # type: ignore[method-assign, assignment]
    parser.inline.ruler.at("text", _read_text)
    parser.inline.ruler.at("emphasis", _between_words(emphasis.tokenize))
    parser.inline.ruler.at("strikethrough", _between_words(strikethrough.tokenize))
    # "alt": what the beginning of such a block ends.
    quote, bullets = _shallow(blockquote, r">(?:[\s>]|$)"), _shallow(list_block, "")
    parser.block.ruler.at("blockquote", quote, {"alt": ["paragraph", "blockquote", "list"]})
    parser.block.ruler.at("list", bullets, {"alt": ["paragraph", "blockquote"]})
    return parser


def _read_text(state: "StateInline", silent: bool) -> bool:
    """Take what needs no look: words, and whole addresses and faces, whatever marks they hold."""
    found = _NEXT.search(state.src, state.pos, state.posMax)
    end = state.posMax
    if found and found.start() > state.pos:
        end = found.start()
    elif found and found["link"]:
        end = link_end(found)
    elif found:
        end = found.end() if found["face"] else state.pos
    if end <= state.pos:
        return False
    if not silent:
        state.append_pending(state.src[state.pos : end])
    state.pos = end
    return True


def _between_words(tokenize: "InlineRule") -> "InlineRule":
    """Let marks open and close emphasis only where a chat means it.

    Nothing opens inside a word or a number. `**` closes also where CommonMark wants a space
    first (`**Nota:**veja`), which models forget.
    """

    def rule(state: "StateInline", silent: bool) -> bool:
        start, known = state.pos, len(state.delimiters)
        if not tokenize(state, silent):
            return False
        before = state.src[start - 1 : start] or " "
        after = state.src[state.pos : state.pos + 1] or " "
        double = state.src[start] == "*" and state.pos - start > 1
        for each in state.delimiters[known:]:
            if double:
                each.open = not after.isspace()
                each.close = not before.isspace() and not (before.isalnum() and after.isdigit())
            each.open = each.open and not before.isalnum()
            each.close = each.close and (double or not after.isalnum())
        return True

    return rule


def _shallow(block: "BlockRule", opening: str) -> "BlockRule":
    opens = re.compile(opening)

    def rule(state: "StateBlock", start: int, end: int, silent: bool) -> bool:
        at = state.bMarks[start] + state.tShift[start]
        if state.level > _DEEPEST or not opens.match(state.src, at, state.eMarks[start] + 1):
            return False
        return block(state, start, end, silent)

    return rule
