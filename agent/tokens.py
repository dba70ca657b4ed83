"""What the searches compare: folded words with their character 4-grams, alike in three languages.

The grams do a stemmer's work (`voava` meets `voar`) and forgive a typo, with no rules per language.
"""

import re

from agent.text import fold, words

#: Changes whenever the same text would give other tokens: an index made with another is rebuilt.
TOKENS_VERSION = "c4w-1"

# Both are letters to SQLite's `unicode61`, which drops punctuation, and neither survives `fold`,
# so a token with a mark never equals a plain run of letters.
_EDGE = "ª"
_WHOLE = "º"
_GRAM = 4
# A longer run of letters is an address or an encoded blob; its grams would drown the others.
_LONGEST_WORD = 40

_STOPWORDS = frozenset(
    fold(
        # Portuguese
        "a à às ao aos as o os um uma uns umas de do da dos das dum duma em no na nos nas num numa "
        "por pelo pela pelos pelas para pra pro com sem sob sobre entre até desde e ou mas nem que "
        "se como quando onde aonde quem qual quais quanto quanta quantos quantas porque porquê "
        "eu tu você vocês ele ela eles elas nós vós me te lhe lhes nos vos meu minha meus minhas "
        "teu tua teus tuas seu sua seus suas nosso nossa nossos nossas dele dela deles delas "
        "este esta estes estas esse essa esses essas aquele aquela aqueles aquelas isto isso "
        "aquilo deste desta desse dessa neste nesta nesse nessa lhe ser é são era eram foi foram "
        "fui sou somos seja sejam fosse sendo sido estar está estão estava estavam esteve estou "
        "tá tô tava tavam né pros pras "
        "ter tem têm tinha tinham teve tenho há havia houve haver não sim já também muito muita "
        "muitos muitas mais menos só ainda aí aqui ali lá então mesmo mesma "
        # Spanish
        "el la los las lo un una unos unas del al en con sin por y o u pero ni que si cómo cuándo "
        "dónde adónde quién quiénes cuál cuáles cuánto cuánta cuántos cuántas porque yo tú usted "
        "ustedes él ella ellos ellas nosotros mi mis tu tus su sus nuestro nuestra nuestros "
        "nuestras este esta estos estas ese esa esos esas aquel aquella esto eso aquello ser es "
        "son era eran fue fueron fui soy somos estar está están estaba estuvo estoy hay había "
        "hubo tener tiene tienen tenía tuvo tengo no sí ya también muy más menos le les "
        # English
        "a an the of to in on at by for from with without about into over and or but nor that "
        "this these those if as than then so when where who whom whose which what why how i you "
        "he she it we they me him her us them my your his its our their mine yours is are was "
        "were be been being am do does did done doing have has had having not no yes there here "
        "also very"
    ).split()
)

# What people type in a chat, and what they mean by it. Only questions are expanded: the owner's
# documents are taken at their word.
_ABBREVIATIONS = {
    short: fold(long).split()
    for short, long in {
        "vc": "você",
        "vcs": "vocês",
        "ce": "você",
        "cê": "você",
        "q": "que",
        "oq": "o que",
        "pq": "porque",
        "xq": "porque",
        "qdo": "quando",
        "qnd": "quando",
        "qndo": "quando",
        "cdo": "cuando",
        "aond": "onde",
        "ond": "onde",
        "dnd": "donde",
        "qm": "quem",
        "ql": "qual",
        "qto": "quanto",
        "qnt": "quanto",
        "qta": "quanta",
        "qts": "quantos",
        "qtos": "quantos",
        "qtas": "quantas",
        "c": "com",
        "n": "não",
        "ñ": "não",
        "s": "sim",
        "tb": "também",
        "tbm": "também",
        "tmb": "también",
        "tmbn": "también",
        "mt": "muito",
        "mto": "muito",
        "mta": "muita",
        "mts": "muitos",
        "td": "tudo",
        "tds": "todos",
        "msm": "mesmo",
        "vdd": "verdade",
        "dnv": "de novo",
        "hj": "hoje",
        "agr": "agora",
        "dps": "depois",
        "cmg": "comigo",
        "ctg": "contigo",
        "gnt": "gente",
        "pfv": "por favor",
        "pf": "por favor",
        "fds": "fim de semana",
        "finde": "fin de semana",
        "niver": "aniversário",
        "cumple": "cumpleaños",
        "nasc": "nasceu nascimento",
        "trampo": "trabalho",
        "facul": "faculdade",
        "u": "you",
        "ur": "your",
        "r": "are",
        "y": "why",
        "wht": "what",
        "whn": "when",
        "wen": "when",
        "wher": "where",
        "bday": "birthday",
        "pls": "please",
        "plz": "please",
        "thx": "thanks",
    }.items()
}


# People ask "you", a biography answers "I": endings of the past that differ between the two, and
# the verbs that have their own way. The present needs none, its grams meet.
_FIRST_PERSON_ENDINGS = {
    "ou": ("ei",),
    "eu": ("i",),
    "iu": ("i",),
    "aste": ("ei", "e"),
    "este": ("i",),
    "iste": ("i",),
}
_FIRST_PERSON = {
    "deu": "dei",
    "viu": "vi",
    "fez": "fiz",
    "veio": "vim",
    "pode": "pude",
    "hizo": "hice",
    "hiciste": "hice",
    "vino": "vine",
    "viniste": "vine",
    "dijo": "dije",
    "dijiste": "dije",
    "pudo": "pude",
}
_SHORTEST_STEM = 2


def document_tokens(text: str) -> list[str]:
    """Return the tokens under which `text` is found, repeated as often as they occur."""
    return [token for word in _content_words(text) for token in word_tokens(word)]


def query_tokens(text: str) -> list[str]:
    """Return the distinct tokens that a question looks for."""
    return list(dict.fromkeys(token for word in query_words(text) for token in word_tokens(word)))


def query_words(text: str) -> list[str]:
    """Return the distinct words that a question looks for.

    Chat abbreviations are written out, and a verb in the second or third person of the past
    brings its first person with it (`nasceu`, `nasci`).
    """
    expanded = [meant for word in words(text) for meant in _ABBREVIATIONS.get(word, [word])]
    asked = _content_words(" ".join(expanded))
    return list(dict.fromkeys([form for word in asked for form in (word, *_first_person(word))]))


def word_tokens(word: str) -> list[str]:
    """Return the tokens of one folded word: the whole of it first, then its grams in order."""
    edged = f"{_EDGE}{word[:_LONGEST_WORD]}{_EDGE}"
    grams = [edged[start : start + _GRAM] for start in range(max(1, len(edged) - _GRAM + 1))]
    return [_WHOLE + word[:_LONGEST_WORD], *grams]


def _content_words(text: str) -> list[str]:
    found: list[str] = []
    for word in words(text):
        parts = word.split("-")
        found += [part for part in parts if part not in _STOPWORDS]
        # People write a name such as 14-bis also in one piece.
        if len(parts) > 1 and re.search(r"\d", word):
            found.append("".join(parts))
    return found


def _first_person(word: str) -> list[str]:
    if word in _FIRST_PERSON:
        return [_FIRST_PERSON[word]]
    return [
        word.removesuffix(ending) + own
        for ending, endings in _FIRST_PERSON_ENDINGS.items()
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM
        for own in endings
    ]
