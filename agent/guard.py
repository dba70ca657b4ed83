"""What no reply may carry, whatever a model wrote: checked by code, outside the model."""

import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from agent.links import BARE_DOMAIN
from agent.messages import TEXT_LIMIT
from agent.text import clean

#: More than any channel carries; each cuts to its own measure.
_LONGEST = 2 * TEXT_LIMIT
_SENTENCE_END = re.compile(r"[.!?…]+(?=\s)|\n")
#: So often may something be taken out that was hidden in what was taken out before.
_DEEPEST = 8

_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
# What a phone makes a link of: an address with a scheme, `www.`, or a bare domain, either with a
# path or with an ending that is hardly a word. No backslash: browsers read it as a slash.
_REST = r"[^\s<>()\[\]\"'«»\\]"
_LINK = re.compile(
    rf"(?:\b[a-z][a-z0-9+.-]*://|\bwww\.){_REST}+"
    rf"|(?<![\w@.-])(?:[a-z0-9-]+\.)+[a-z]{{2,24}}(?::\d+)?/{_REST}*"
    rf"|{BARE_DOMAIN}",
    re.IGNORECASE,
)
_EMPTY_LINK = re.compile(r"\[([^\]]*)\]\(\s*\)")


def guard_reply(text: str, *, sources: Iterable[str], domains: Sequence[str]) -> str:
    """Return the reply without invisible characters, images and links nobody allowed.

    A link may stand when it stands in one of `sources` (what the owner wrote) or leads to one
    of `domains` or below it. Empty when nothing is left.
    """
    allowed = {link for source in sources for link in _links(source)}

    def judge(match: re.Match[str]) -> str:
        link = _trimmed(match.group())
        if link in allowed or _host(link).endswith(tuple(f".{domain}" for domain in domains)):
            return match.group()
        return match.group()[len(link) :]

    rest = _shortened(clean(text))
    # What is taken out may join its neighbours to another link.
    for _ in range(_DEEPEST):
        before = rest
        rest = _EMPTY_LINK.sub(r"\1", _LINK.sub(judge, _IMAGE.sub("", rest)))
        if rest == before:
            return re.sub(r"[ \t]{2,}", " ", rest).strip()
    return ""  # nobody nests links in good faith


def _shortened(text: str) -> str:
    """Return at most so much of a text as can be read, cut after a sentence and marked."""
    if len(text) <= _LONGEST:
        return text
    whole = [match.end() for match in _SENTENCE_END.finditer(text, 0, _LONGEST)]
    end = whole[-1] if whole else text.rfind(" ", 0, _LONGEST)
    return f"{text[: end if end > 0 else _LONGEST].rstrip()} …"


def _links(text: str) -> list[str]:
    return [_trimmed(link) for link in _LINK.findall(text)]


def _trimmed(link: str) -> str:
    return link.rstrip(".,;:!?…*_~`")


def _host(link: str) -> str:
    """Return the host with a dot before it, so that `evil-example.com` is not `example.com`."""
    whole = link if "://" in link else f"https://{link}"
    try:
        return f".{urlsplit(whole).hostname or ''}"
    except ValueError:
        return ""
