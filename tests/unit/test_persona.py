"""The persona file: what loads, and what is said of each kind of mistake."""

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from agent.consent import command_in
from prompts.persona import LANGUAGES, Lines, Persona, PersonaError, VoiceSettings, load_persona

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples" / "santos_dumont" / "persona.toml"
DEFAULT_LINES = ROOT / "prompts" / "lines"
HEAD = 'name = "Ana Lima"\ntone = "direta e calma"\nlanguages = ["pt"]\n'

Load = Callable[[str], Persona]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Return a function that loads a persona file with the given text."""

    def write_and_load(text: str) -> Persona:
        path = tmp_path / "persona.toml"
        path.write_text(text, encoding="utf-8")
        return load_persona(path)

    return write_and_load


def lines(language: str = "pt") -> str:
    """Return the default lines of a language as a table of a persona file."""
    text = (DEFAULT_LINES / f"{language}.toml").read_text(encoding="utf-8")
    return f"[lines.{language}]\n{text}"


def changed(key: str, value: str) -> str:
    """Return the default lines with another value of `key`; an empty value leaves the key out."""
    pattern = re.compile(rf"^{key} = (\[.*?^\]|.*?$)", re.MULTILINE | re.DOTALL)
    assert pattern.search(lines())
    # A function, because a replacement text would be searched for group numbers.
    return pattern.sub(lambda _: f"{key} = {value}" if value else "", lines(), count=1)


def mistakes(load: Load, text: str) -> list[str]:
    """Return what is said of a wrong file, one entry a mistake."""
    with pytest.raises(PersonaError) as error:
        load(text)
    first, *rest = str(error.value).splitlines()
    assert first.endswith("persona.toml needs a correction:")
    return [each.removeprefix("  - ") for each in rest]


def test_sample_loads() -> None:
    """The sample clone is a whole persona in three languages."""
    persona = load_persona(SAMPLE)

    assert persona.name == "Alberto Santos-Dumont"
    assert persona.languages == ("pt", "en", "es")
    assert set(persona.lines) == set(LANGUAGES)
    assert "14-bis" in persona.keywords


def test_sample_says_the_promised_words() -> None:
    """The sample's smoke-test shortcut and its apology are exactly the published ones."""
    persona = load_persona(SAMPLE)

    assert persona.shortcuts["oi"] == (
        "Olá! O novo sistema v2.0 está funcionando. O bug de cache foi resolvido!"
    )
    assert persona.lines["pt"].apology == (
        "Desculpe, encontrei um erro. Minha equipe de engenharia foi notificada."
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_default_lines_load(load: Load, language: str) -> None:
    """The default lines of each language make a whole persona, with variety where it is heard."""
    persona = load(HEAD.replace('"pt"', f'"{language}"') + lines(language))

    found = persona.lines_in(language)
    assert len(set(found.dont_know)) >= 6
    for many in (found.greeting, found.thanks, found.laughter, found.farewell):
        assert len(set(many)) >= 3
    assert len(set(found.about_clone)) >= 3
    assert len(set(found.statement)) >= 3
    assert len(set(found.abilities)) >= 3
    assert len(set(found.agreement)) >= 3


@pytest.mark.parametrize(
    "path", [SAMPLE, *sorted(DEFAULT_LINES.glob("*.toml"))], ids=lambda p: p.name
)
def test_abstaining_lines_promise_no_note(path: Path) -> None:
    """No line claims that the clone noted something down, which it does not do."""
    text = path.read_text(encoding="utf-8").casefold()

    assert not re.search(r"anotei|noted it|lo anoté|tomei nota|tomé nota", text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_hand_over_lines_promise_no_answer(load: Load, language: str) -> None:
    """Both say that the clone is still there, and neither that the person will write."""
    default = load(HEAD.replace('"pt"', f'"{language}"') + lines(language)).lines_in(language)

    for found in (default, load_persona(SAMPLE).lines_in(language)):
        for line in (found.hand_over, found.no_hand_over):
            assert re.search(r"\b(clone|clon)\b", line)
            assert not re.search(r"\b(vai|irá|logo|em breve|will|soon|pronto|va a)\b", line)
            assert "?" not in line


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_agreement_asks_nothing(load: Load, language: str) -> None:
    """A thumb or an "ok" is met with a short word, not with another question."""
    default = load(HEAD.replace('"pt"', f'"{language}"') + lines(language)).lines_in(language)

    for line in (*default.agreement, *load_persona(SAMPLE).lines_in(language).agreement):
        assert "?" not in line
        assert len(line.split()) <= 4


@pytest.mark.parametrize("language", LANGUAGES)
def test_opt_out_names_the_way_back(load: Load, language: str) -> None:
    """Whoever opts out is told the word that brings the clone back."""
    word = {"pt": "voltar", "en": "start", "es": "volver"}[language]

    assert word in load_persona(SAMPLE).lines[language].opted_out
    assert word in lines(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_word_to_stop_is_one_that_is_obeyed(load: Load, language: str) -> None:
    """Who says that they want to leave is told a word that the door takes for it when written."""
    default = load(HEAD.replace('"pt"', f'"{language}"') + lines(language)).lines_in(language)

    for line in (default.stop_in_writing, load_persona(SAMPLE).lines_in(language).stop_in_writing):
        command = command_in(line.partition("«")[2].partition("»")[0], (language,))
        assert command is not None
        assert (command.kind, command.language, command.soft) == ("stop", language, False)


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_of_the_voice_tell_the_way_back(load: Load, language: str) -> None:
    """What stands for a link fits in a sentence, and a clone that speaks says how it may write."""
    default = load(HEAD.replace('"pt"', f'"{language}"') + lines(language)).lines_in(language)

    for found in (default, load_persona(SAMPLE).lines_in(language)):
        assert re.fullmatch(r"[^.!?]+", found.in_writing)
        assert re.search(r"texto|escrita|escritura|text|writing", found.voice_on)


def test_name_fills_the_lines(load: Load) -> None:
    """`{name}` becomes the person's name in single lines and in lists, `{words}` stays."""
    found = load(HEAD + lines()).lines["pt"]

    assert "Ana Lima" in found.ai_notice
    assert all("Ana Lima" in line for line in found.about_clone)
    assert "{words}" in found.recall
    assert "{words}" in found.heard
    for each in fields(Lines):
        assert "{name}" not in str(getattr(found, each.name))


def test_defaults_of_what_is_optional(load: Load) -> None:
    """Name, tone, languages and lines are enough."""
    persona = load(HEAD + lines())

    assert persona.aliases == ()
    assert persona.shortcuts == {}
    assert persona.give_out == {}
    assert persona.voice == VoiceSettings()
    assert persona.reply_characters == 700


def test_unknown_language_of_a_contact_gets_the_first_one(load: Load) -> None:
    """A contact whose language the persona does not speak gets its first language's lines."""
    persona = load(HEAD + lines())

    assert persona.lines_in("es") is persona.lines["pt"]


def test_byte_order_mark_is_accepted(load: Load) -> None:
    """A file saved by an editor that writes a byte order mark loads."""
    assert load("\ufeff" + HEAD + lines()).name == "Ana Lima"


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        (HEAD.replace('name = "Ana Lima"', "") + lines(), "name", "write the person's name"),
        (HEAD.replace('"Ana Lima"', '"  "') + lines(), "name", "must be a text that is not empty"),
        (HEAD.replace('"Ana Lima"', "7") + lines(), "name", "must be a text"),
        (HEAD.replace('tone = "direta e calma"', "") + lines(), "tone", "say how they talk"),
        (HEAD.replace('languages = ["pt"]', "") + lines(), "languages", "is missing"),
        (HEAD.replace('["pt"]', "[]") + lines(), "languages", "0 of at least 1"),
        (HEAD.replace('["pt"]', '["pt", "fr"]') + lines(), "languages", "use some of pt, en, es"),
        (HEAD.replace('["pt"]', '"pt"') + lines(), "languages", "write a list of texts"),
        (HEAD.replace('["pt"]', '["pt", "en"]') + lines(), "lines.en", "prompts/lines/en.toml"),
        (HEAD + lines() + '[lines.fr]\napology = "Pardon"\n', "lines.fr", "is not a known key"),
        (HEAD + 'nome = "Ana"\n' + lines(), "nome", 'did you mean "name"?'),
        (HEAD + "zzz = 1\n" + lines(), "zzz", "known: aliases"),
        (HEAD + 'aliases = ["Ana", 3]\n' + lines(), "aliases", "write a list of texts"),
        (HEAD + changed("apology", ""), "lines.pt.apology", "copy it from prompts/lines/pt.toml"),
        (HEAD + changed("no_hand_over", ""), "lines.pt.no_hand_over", "copy it from"),
        (HEAD + changed("apology", '["a"]'), "lines.pt.apology", "must be a text"),
        (HEAD + changed("greeting", "[]"), "lines.pt.greeting", "0 of at least 1"),
        (HEAD + changed("greeting", '[" "]'), "lines.pt.greeting", "texts that are not empty"),
        (HEAD + changed("dont_know", '["a", "b"]'), "lines.pt.dont_know", "2 of at least 5"),
        (HEAD + changed("recall", '"Você disse algo."'), "lines.pt.recall", "must hold {words}"),
        (HEAD + changed("heard", '"Ouvi algo."'), "lines.pt.heard", "must hold {words}"),
        (HEAD + changed("voice_on", ""), "lines.pt.voice_on", "copy it from"),
        (HEAD + changed("late", '"Oi, {nome}!"'), "lines.pt.late", "{nome} is not known"),
        (HEAD + changed("later", '"Já já, {}."'), "lines.pt.later", "{} is not known"),
        (HEAD + changed("ai_notice", '"Sou a Ana."'), "lines.pt.ai_notice", "an AI speaks"),
        (HEAD + changed("about_clone", '["Sou a Ana."]'), "lines.pt.about_clone", "an AI speaks"),
        (HEAD + lines() + 'sorry = "x"\n', "lines.pt.sorry", "is not a known key"),
        (HEAD + lines() + '[shortcuts]\noi = ""\n', "shortcuts.oi", "write a text between quotes"),
        (HEAD + lines() + "[give_out]\nfone = 190\n", "give_out.fone", "write a text"),
        (HEAD + "voice = 1\n" + lines(), "voice", "write it as a table, [voice]"),
        (HEAD + lines() + "[voice]\nspeed = 3\n", "voice.speed", "a number from 0.7 to 1.2"),
        (HEAD + lines() + "[voice]\nstyle = true\n", "voice.style", "a number from 0 to 1"),
        (HEAD + lines() + "[voice]\nuse_speaker_boost = 1\n", "voice.use_speaker_boost", "true or"),
        (HEAD + lines() + "[voice]\npitch = 1\n", "voice.pitch", "is not a known key"),
        (
            HEAD + lines() + "[transcription]\nwords = []\n",
            "transcription.words",
            "keywords",
        ),
        (HEAD + lines() + "[limits]\nreply_characters = 5\n", "limits.reply_characters", "80 to"),
        (HEAD + lines() + '[limits]\nreply = "no"\n', "limits.reply", "reply_characters"),
    ],
    ids=lambda value: "file" if "\n" in value else value,
)
def test_a_mistake_names_key_and_remedy(load: Load, text: str, key: str, remedy: str) -> None:
    """Each kind of mistake is reported once, by its key, with what to do about it."""
    (mistake,) = mistakes(load, text)

    assert mistake.startswith(f"{key}: ")
    assert remedy in mistake


def test_mistakes_are_reported_together(load: Load) -> None:
    """One reading of the file tells every mistake, so that it is corrected at once."""
    wrong = 'tone = "calma"\nlanguages = ["pt"]\nnick = "x"\n' + changed("apology", "")

    found = mistakes(load, wrong + "[voice]\nspeed = 9\n")

    assert sorted(each.partition(":")[0] for each in found) == [
        "lines.pt.apology",
        "name",
        "nick",
        "voice.speed",
    ]


def test_bad_toml_names_the_line(load: Load) -> None:
    """A file that is no TOML is refused with the place of the mistake."""
    with pytest.raises(PersonaError, match=r"persona\.toml: is not valid TOML: .*line 1"):
        load("name = Ana\n")


def test_missing_file_names_the_command(tmp_path: Path) -> None:
    """A file that is not there is answered with the command that writes one."""
    with pytest.raises(PersonaError, match=r"mine\.toml: there is no such file; `clone init`"):
        load_persona(tmp_path / "mine.toml")


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    """A file in another encoding is refused with the remedy instead of garbled names."""
    path = tmp_path / "persona.toml"
    path.write_bytes('name = "José"'.encode("latin-1"))

    with pytest.raises(PersonaError, match="save it as UTF-8"):
        load_persona(path)
