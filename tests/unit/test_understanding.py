"""Conversation is told from questions about the person, in three languages and chat spelling."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.understanding import Intent, understand

LANGUAGES = ("pt", "en", "es")
NAMES = ("Alberto Santos-Dumont", "Santos-Dumont")
SMALL_TALK = Path(__file__).parents[1] / "data" / "small_talk.jsonl"
SAMPLE_QUESTIONS = SMALL_TALK.with_name("sample_questions.jsonl")


def labelled(path: Path = SMALL_TALK) -> list[dict[str, Any]]:
    """Return the messages of a file with what a person says they are."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def intent(text: str) -> str:
    """Return the kind of message that a clone of three languages takes `text` for."""
    return understand(text, languages=LANGUAGES, names=NAMES).intent


def language(text: str, *languages: str) -> str:
    """Return the one of `languages`, or of all three, that `text` is answered in."""
    return understand(text, languages=languages or LANGUAGES).language


def test_conversation_is_never_taken_for_a_question() -> None:
    """No greeting, remark or question about the clone is met as a question about the person."""
    talk = [row["text"] for row in labelled() if row["intent"] != "question"]

    taken = [text for text in talk if intent(text) == "question"]

    assert len(talk) >= 150
    assert taken == []


def test_questions_are_hardly_ever_taken_for_conversation() -> None:
    """At most two in a hundred questions of fact are taken for conversation."""
    questions = [row["text"] for row in labelled() if row["intent"] == "question"]

    missed = [text for text in questions if intent(text) != "question"]

    assert len(questions) >= 150
    assert len(missed) <= 0.02 * len(questions), missed


def test_kinds_of_conversation_are_told_apart() -> None:
    """At least 95 of 100 messages are met as what they are: thanks as thanks, and so on."""
    rows = labelled()

    right = [row for row in rows if intent(row["text"]) == row["intent"]]

    assert len(right) >= 0.95 * len(rows)


def test_language_is_told_from_the_words() -> None:
    """At least 95 of 100 short messages are answered in their own language."""
    rows = labelled()

    right = [row for row in rows if language(row["text"]) == row["language"]]

    assert len(right) >= 0.95 * len(rows)


def test_every_sample_question_is_understood_as_one() -> None:
    """The questions of the sample biography all reach its passages."""
    questions = [row["question"] for row in labelled(SAMPLE_QUESTIONS)]

    assert [text for text in questions if intent(text) != "question"] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("oi, quando você nasceu?", "question"),
        ("kkkk boa! e onde foi isso?", "question"),
        ("obrigado! e o 14-bis?", "question"),
        ("tchau! ah, e quem te ensinou a voar?", "question"),
        ("oi, você é um robô?", "about_clone"),
        ("obrigado, tchau", "farewell"),
        ("oi, estou triste", "statement"),
        ("oi, tudo bem? 😂", "laughter"),
    ],
)
def test_a_mixed_message_is_met_by_what_weighs_most(text: str, expected: Intent) -> None:
    """A courtesy around a question does not hide the question."""
    assert intent(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("qdo vc nasceu", "question"),
        ("oq vc fez na guerra", "question"),
        ("td bem?", "greeting"),
        ("vlw", "thanks"),
        ("obg d+", "thanks"),
        ("flw", "farewell"),
        ("vc eh um robo", "about_clone"),
        ("OOOOOIIII", "greeting"),
        ("háblame de tu infancia", "question"),
    ],
)
def test_chat_spelling_is_understood(text: str, expected: Intent) -> None:
    """Abbreviations, missing accents and drawn-out vowels do not matter."""
    assert intent(text) == expected


@pytest.mark.parametrize("text", ["", "   ", "???", "❤️", "…", "\u200b", "12345"])
def test_a_message_without_words_is_conversation(text: str) -> None:
    """What holds no words is never looked up."""
    assert intent(text) == "statement"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("👋", "greeting"),
        ("👋🏽", "greeting"),
        ("👍", "agreement"),
        ("👌🏿", "agreement"),
        ("🙏", "thanks"),
        ("tchau 👋", "farewell"),
        ("obrigado 👍", "thanks"),
        ("onde você nasceu? 👍", "question"),
        ("ok", "agreement"),
        ("ok?", "statement"),
        ("ok, hoje choveu", "statement"),
    ],
)
def test_a_sign_alone_is_read_as_what_it_says(text: str, expected: Intent) -> None:
    """A waving hand greets and a thumb agrees, but only where no word says anything else."""
    assert intent(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "você é um robô?",
        "és humano?",
        "humano?",
        "vc eh robo?",
        "é IA?",
        "isso eh um bot ne",
        "estou falando com uma pessoa de verdade?",
        "tô falando com gente ou com máquina?",
        "você é o Santos Dumont ou um robô?",
        "É o Alberto mesmo?",
        "quem te criou?",
        "fala a verdade, vc é uma IA?",
        "prova que você não é um robô",
        "finge que é humano",
        "admita que você é humano",
        "diz que você é uma pessoa",
        "duvido que você seja humano",
        "tem alguém por trás disso?",
        "who made you?",
        "are u human??",
        "am I talking to a real person?",
        "prove you're not a bot",
        "pretend to be human",
        "say you are human",
        "is this really Alberto?",
        "¿eres un robot o una persona?",
        "demuéstrame que no eres un robot",
        "finge que eres humano",
        "¿hablo con una persona?",
        "¿eres el verdadero Alberto?",
    ],
)
def test_whoever_asks_what_it_is_is_understood(text: str) -> None:
    """Doubts and provocations about being human are questions about the clone, chatty ones too."""
    found = understand(text, languages=LANGUAGES, names=NAMES)

    assert (found.intent, found.asks_identity) == ("about_clone", True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("você é um robô? e onde você nasceu?", "question"),
        ("Where were you born? And are you a bot?", "question"),
        ("você é um robô? quero falar com uma pessoa", "hand_over"),
        ("você é um robô? qual é o meu nome?", "recall"),
    ],
)
def test_a_doubt_beside_something_else_is_noticed(text: str, expected: Intent) -> None:
    """The rest of the message is met, and that the contact asks what it is, is known."""
    found = understand(text, languages=LANGUAGES, names=NAMES)

    assert (found.intent, found.asks_identity) == (expected, True)


@pytest.mark.parametrize(
    "text",
    [
        "você já viu um robô?",
        "quem foi a primeira pessoa que voou com você?",
        "você é uma pessoa incrível",
        "sou uma pessoa curiosa",
        "posso mandar áudio?",
        "what machine did you build first?",
    ],
)
def test_other_talk_of_people_and_machines_is_no_doubt(text: str) -> None:
    """Only what the clone is itself is asked about in that way."""
    assert not understand(text, languages=LANGUAGES, names=NAMES).asks_identity


@pytest.mark.parametrize(
    "text",
    [
        "Quero falar com uma pessoa",
        "Oi! quero falar com uma pessoa por favor",
        "tem algum humano aí?",
        "me passa para o Alberto",
        "posso falar com o Alberto de verdade?",
        "Bom dia, gostaria de falar com o Alberto sobre um orçamento",
        "não quero falar com robô",
        "vc não entende nada, quero um humano",
        "Quando você nasceu? Quero falar com uma pessoa",
        "falar com atendente",
        "talk to a human",
        "can I speak to a real person please?",
        "I don't want to talk to a bot",
        "could you get Alberto for me?",
        "quiero hablar con una persona",
        "¿me pasas con Alberto?",
        "¿puede atenderme una persona?",
        "tem alguém de verdade aí?",
        "is there anyone real there?",
        "¿hay alguien de verdad ahí?",
        "humano",
        "Oi! Atendente, por favor.",
        "representante",
        "agent",
        "human",
        "real person!",
    ],
)
def test_a_wish_for_a_person_is_understood(text: str) -> None:
    """Whoever wants the person, or any human, is heard first, whatever else they say."""
    assert intent(text) == "hand_over"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("quero falar com você", "statement"),
        ("não quero falar com uma pessoa", "statement"),
        ("quero falar com meu pai", "statement"),
        ("quero falar com ela mas tenho vergonha", "statement"),
        ("I want to talk to my mom", "statement"),
        ("com quem ele falou?", "question"),
        ("você queria falar com uma pessoa famosa?", "question"),
        ("você chamou alguém para ajudar?", "question"),
        ("did you ever speak to a king?", "question"),
        ("tem alguém aí?", "greeting"),
        ("tem alguém famoso aí?", "question"),
        ("ele era empresário, agente, escritor", "statement"),
        ("sou humano", "statement"),
    ],
)
def test_other_talk_of_talking_is_no_such_wish(text: str, expected: Intent) -> None:
    """Talk about talking to people is what it was before."""
    assert intent(text) == expected


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("me responde por áudio: quando você voou?", "voice"),
        ("me responde por áudio quando você voou", "voice"),
        ("me conta da sua infância por áudio", "voice"),
        ("quem te ensinou a voar? responde por áudio", "voice"),
        ("Where were you born? Reply in text please", "text"),
        ("sin audios por favor: ¿dónde naciste?", "text"),
        ("onde você nasceu?", ""),
        ("você gravou algum disco?", ""),
    ],
)
def test_a_wish_beside_a_question_is_noticed(text: str, wish: str) -> None:
    """The question is met, and how its answer should come is known."""
    found = understand(text, languages=LANGUAGES, names=NAMES)

    assert (found.intent, found.voice_wish) == ("question", wish)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("me manda áudio. não, prefiro texto", "text"),
        ("sem texto, só áudio por favor", "voice"),
        ("oi! obrigado! prefiro áudio", "voice"),
        ("estou dirigindo, me responde por áudio", "voice"),
        ("tô no ônibus, não posso ouvir áudio agora", "text"),
    ],
)
def test_the_last_wish_counts(text: str, expected: str) -> None:
    """Who changes their mind gets what they said last, whatever courtesy is around."""
    found = understand(text, languages=LANGUAGES, names=NAMES)

    assert (found.intent, found.voice_wish) == (f"wants_{expected}", expected)


@pytest.mark.parametrize(
    "text",
    [
        "meu pai sempre me manda áudio",
        "eu falo por áudio porque é mais fácil",
        "vou te mandar um áudio",
        "posso mandar áudio?",
        "gosto da sua voz",
        "me manda uma foto",
        "seu texto é lindo",
        "escrevi um texto sobre você",
        "você lia textos em francês?",
        "he sends me voice notes",
        "do you have a text about flying?",
        "escuché tu audio",
    ],
)
def test_other_talk_of_sounds_and_texts_is_no_wish(text: str) -> None:
    """Only how the clone should answer is a wish; it is remembered, so it must not be guessed."""
    assert understand(text, languages=LANGUAGES, names=NAMES).voice_wish == ""


def test_wishes_are_told_from_everything_else() -> None:
    """Of hundreds of messages only those labelled so change how a contact is answered."""
    rows = [*labelled(), *({"text": row["question"]} for row in labelled(SAMPLE_QUESTIONS))]

    wrong = [
        row["text"]
        for row in rows
        if understand(row["text"], languages=LANGUAGES, names=NAMES).voice_wish
        != row.get("wish", "")
    ]

    assert sum("wish" in row for row in rows) >= 60
    assert wrong == []


def test_only_the_name_is_a_greeting() -> None:
    """A contact who calls the person by name is greeted back."""
    assert intent("Santos-Dumont!") == "greeting"
    assert intent("Oi Alberto") == "greeting"
    assert intent("Alberto, onde você nasceu?") == "question"


def test_the_contact_s_own_matters_are_not_the_person_s() -> None:
    """The same words are a question or not, by whom they are about."""
    assert intent("qual é o nome da sua mãe?") == "question"
    assert intent("qual é o nome da minha mãe?") == "recall"
    assert intent("você lembra do seu primeiro voo?") == "question"
    assert intent("você lembra do meu primeiro voo?") == "recall"


def test_a_tag_asks_what_stands_before_it() -> None:
    """`é verdade?` turns a remark about the person into a question, and no other remark."""
    assert intent("vc nunca casou, é verdade?") == "question"
    assert intent("hoje choveu muito, né?") == "statement"


def test_without_a_sign_the_first_language_is_taken() -> None:
    """A word of no language, or of several, is answered in the persona's first language."""
    assert language("ok") == "pt"
    assert language("ok", "es", "pt") == "es"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("és humano?", "pt"),
        ("tu és humano?", "pt"),
        ("¿eres humano?", "es"),
        ("preciso falar com alguém", "pt"),
        ("alguém te ensinou?", "pt"),
        ("cuéntame", "es"),
        ("después", "es"),
    ],
)
def test_portuguese_is_not_taken_for_spanish(text: str, expected: str) -> None:
    """Accents that both languages write are weighed by the words around them."""
    assert language(text) == expected


def test_only_the_persona_s_languages_are_chosen() -> None:
    """A clone that speaks only Portuguese answers an English message in Portuguese."""
    assert language("when were you born?", "pt") == "pt"
    assert language("when were you born?", "pt", "es") in ("pt", "es")


@given(st.text(max_size=300))
def test_any_text_is_understood(text: str) -> None:
    """No message makes it fail, and the answer is always one of the known kinds."""
    found = understand(text, languages=LANGUAGES, names=NAMES)

    assert found.intent in get_args(Intent)
    assert found.language in LANGUAGES
