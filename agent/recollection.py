"""What the contact said earlier in the conversation, found without a model."""

import re
from collections.abc import Sequence

from agent.lexicon import lexicon, match, word_parts
from agent.speech import written_out
from agent.text import sentences
from agent.tokens import query_words
from agent.understanding import understand

_LONGEST = 300


def recollect(question: str, said: Sequence[str], *, languages: Sequence[str]) -> str:
    """Return the words among `said`, oldest first, that `question` asks about; empty if none are.

    A question about something in particular ("where do I live?") finds only what names it;
    one about nothing in particular ("what did I tell you?") finds the last thing told.
    """
    known = lexicon().recall
    plain = written_out(question)
    if known["name"].search(plain):
        return _last_with(known["introduction"], said)
    if known["my_topic"].search(plain) and (found := _last_with(known["told_topic"], said)):
        return found
    wanted = [word for word in query_words(plain) if word not in lexicon().recall_frames]
    if wanted:
        return _about(wanted, said)
    told = [each for each in said if understand(each, languages=languages).intent == "statement"]
    if known["first"].search(plain):
        return _short(said[0]) if said else ""
    return _short((told or list(said))[-1]) if said else ""


def _last_with(pattern: re.Pattern[str], said: Sequence[str]) -> str:
    for message in reversed(said):
        for sentence in sentences(message):
            if pattern.search(written_out(sentence)):
                return _short(sentence)
    return ""


def _about(wanted: Sequence[str], said: Sequence[str]) -> str:
    """Return the latest of the messages that share the most with what is asked."""
    best, most = "", 0.0
    for message in reversed(said):
        found = word_parts(message)
        shared = sum(match(word, found) for word in wanted)
        if shared > most:
            best, most = message, shared
    return _short(best)


def _short(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1].rsplit(" ", 1)[0] + "…"
