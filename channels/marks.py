"""WhatsApp's own marks: where they count, how words are put between them, what a cut leaves open.

`*bold*`, `_italic_`, `~strike~`, `` `code` `` and a block between three backticks; `> ` quotes a
line, `- ` and `1. ` make lists (https://faq.whatsapp.com/539178204879377). A mark counts only when
it touches a non-space inside and no letter or digit outside, and, but for the block, only
within one line. There is no way to escape one.
"""

import re
from collections.abc import Iterator, Sequence

Styles = frozenset[str]
#: Bold, italic and strike, in the order in which they are put around the same words.
STYLES = ("*", "_", "~")
PLAIN: Styles = frozenset()
BLOCK = "```"

# What a phone makes a link of. Brackets end it, but for those that it opens itself.
_REST = r"(?:[^\s<>()\[\]\"'«»\\`|]|\([^\s<>()\[\]\"'«»\\`|]*\))"
LINK = (
    rf"(?:(?<![a-zA-Z0-9])[a-zA-Z][a-zA-Z0-9+.-]{{1,20}}://|(?<!\w)[wW]{{3}}\.){_REST}+"
    rf"|(?<![\w@.-])(?:[a-zA-Z0-9-]{{1,63}}\.)+(?:[a-zA-Z]{{2,24}}(?::\d+)?/{_REST}*"
    r"|(?i:com|net|org|br|io|app|link|info|xyz|ly|site|online|shop)\b)"
)
_LINK = re.compile(LINK)
_CODE = re.compile(r"`[^`\n]+`")
_BLOCK = re.compile(r"```.+?```", re.DOTALL)


def links(text: str) -> list[tuple[int, int]]:
    """Return where each address stands in `text`, without the punctuation that follows it."""
    return [(found.start(), link_end(found)) for found in _LINK.finditer(text)]


def link_end(found: re.Match[str]) -> int:
    """Return where the address of a match of `LINK` ends: punctuation behind it is not its own."""
    return found.start() + len(found.group().rstrip(".,;:!?…*_~'"))


def mark_up(runs: Sequence[tuple[str, Styles]]) -> str:
    """Return the runs of text with WhatsApp's marks around what has a style.

    A style that WhatsApp would not show (inside a word, around its own mark) leaves the plain
    words: better unadorned than among stray asterisks.
    """
    text = "".join(words for words, _ in runs)
    styles = [style for words, style in runs for _ in words]
    marked, start = [], 0
    for line in text.split("\n"):
        marked.append(_mark_line(line, styles[start : start + len(line)]))
        start += len(line) + 1
    return "\n".join(marked)


def open_marks(text: str, cut: int) -> str:
    """Return the opening marks of what a cut at `cut` tears apart, outermost first."""
    if any(found.start() < cut < found.end() for found in _BLOCK.finditer(text)):
        return BLOCK
    start = text.rfind("\n", 0, cut) + 1
    line = text[start:].split("\n", 1)[0]
    codes = [found.span() for found in _CODE.finditer(line)]
    torn = [(begin, "`") for begin, end in codes if begin < cut - start < end]
    # Inside code and addresses no mark counts.
    for begin, end in [*codes, *links(line)]:
        line = line[:begin] + "." * (end - begin) + line[end:]
    for mark in STYLES:
        torn += [(begin, mark) for begin, end in _pairs(line, mark) if begin < cut - start < end]
    return "".join(mark for _, mark in sorted(torn))


def _pairs(line: str, mark: str) -> Iterator[tuple[int, int]]:
    opened: int | None = None
    for at, character in enumerate(line):
        if character != mark:
            continue
        before, after = line[at - 1 : at] or " ", line[at + 1 : at + 2] or " "
        if opened is None:
            if not before.isalnum() and not after.isspace() and after != mark:
                opened = at
        elif not before.isspace() and not after.isalnum() and at > opened + 1:
            yield opened, at + 1
            opened = None


def _mark_line(line: str, styles: list[Styles]) -> str:
    worn = _visible(line, _trimmed(line, styles))
    marked: list[str] = []
    worn_now: list[str] = []
    for at, character in enumerate(line):
        wanted = worn[at]
        while any(mark not in wanted for mark in worn_now):
            closed = worn_now.pop()
            marked.append(closed)
            # What HTML tags let overlap ends with what ends first.
            _take_off(worn, at, closed)
            wanted = worn[at]
        # The longest is put outside; `STYLES` decides between equals.
        for mark in sorted(wanted - set(worn_now), key=lambda m: (-_reach(worn, at, m), m)):
            worn_now.append(mark)
            marked.append(mark)
        marked.append(character)
    return "".join([*marked, *reversed(worn_now)])


def _reach(worn: list[Styles], start: int, mark: str) -> int:
    return next((at for at in range(start, len(worn)) if mark not in worn[at]), len(worn))


def _take_off(worn: list[Styles], start: int, mark: str) -> None:
    end = _reach(worn, start, mark)
    worn[start:end] = [style - {mark} for style in worn[start:end]]


def _trimmed(line: str, styles: list[Styles]) -> list[Styles]:
    """Take from each space the styles that the words on both its sides do not wear too."""
    sides: list[list[Styles]] = []
    for step in (1, -1):
        near, side = PLAIN, []
        for character, style in list(zip(line, styles, strict=True))[::step]:
            near = near if character.isspace() else style
            side.append(near)
        sides.append(side[::step])
    return [frozenset.intersection(*each) for each in zip(styles, *sides, strict=True)]


def _visible(line: str, styles: list[Styles]) -> list[Styles]:
    for mark in STYLES:
        start = 0
        while start < len(line):
            if mark not in styles[start]:
                start += 1
                continue
            end = _reach(styles, start, mark)
            around = line[start - 1 : start] + line[end : end + 1]
            if mark in line[start:end] + around or any(map(str.isalnum, around)):
                _take_off(styles, start, mark)
            start = end
    return styles
