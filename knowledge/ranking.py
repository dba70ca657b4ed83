"""Joining two rankings into one, and telling a real match from a coincidence of letters."""

from collections.abc import Mapping, Sequence, Set

from agent.tokens import document_tokens, word_tokens

_SHORTEST_RELATED = 4
_SHORT_WORD = 5


def fuse(
    lexical: Mapping[int, float], dense: Mapping[int, float], dense_weight: float
) -> dict[int, float]:
    """Return the weighted sum of both scores, each brought to [0, 1] first, best first.

    Ranks alone (RRF) let a weak dense arm ruin a good lexical one; scores keep what it is sure of.
    """
    near, worded = _spread(dense), _share_of_best(lexical)
    fused = {
        key: dense_weight * near.get(key, 0.0) + (1 - dense_weight) * worded.get(key, 0.0)
        for key in {**lexical, **dense}
    }
    return dict(sorted(fused.items(), key=lambda item: (-item[1], item[0])))


def shares_word(query_words: Sequence[str], text: str) -> bool:
    """Tell whether `text` holds a word of the query, or a relative of one.

    Relatives begin alike or share half of the word's 4-grams: inflections and typos are admitted,
    two long words that only end alike are not.
    """
    held = set(document_tokens(text))
    return any(_is_related(word, held) for word in query_words)


def _is_related(word: str, held: Set[str]) -> bool:
    whole, *grams = word_tokens(word)
    if whole in held:
        return True
    # A number is this one or another, and three letters may stand in anything.
    if len(word) < _SHORTEST_RELATED or any(character.isdigit() for character in word):
        return False
    # The first gram is the edge and three letters, the second the first four.
    beginning = grams[:1] if len(word) <= _SHORT_WORD else grams[:2]
    return held >= set(beginning) or 2 * sum(gram in held for gram in grams) >= len(grams)


def _spread(scores: Mapping[int, float]) -> dict[int, float]:
    """Spread scores from 0 to 1: vectors crowd together, and their zero means nothing."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    if low == high:
        return dict.fromkeys(scores, 1.0)
    return {key: (score - low) / (high - low) for key, score in scores.items()}


def _share_of_best(scores: Mapping[int, float]) -> dict[int, float]:
    """Divide by the best: BM25 has a true zero, a text that shares nothing."""
    high = max(scores.values(), default=0.0)
    return {key: score / high if high > 0 else 0.0 for key, score in scores.items()}
