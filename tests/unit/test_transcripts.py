"""What a transcript is worth."""

import pytest

from agent.messages import Transcript
from agent.transcripts import words_of


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n ",
        "...",
        "[música]",
        "[Música] (aplausos) *suspiro*",
        "♪ la la la ♪",
        "(silêncio).",
        "Legendas pela comunidade Amara.org",
        "Obrigado por assistir!",
        "Thank you for watching. Thank you for watching.",
        "[Music] Thanks for watching!",
        "¡Suscríbete al canal!",
        "Subtítulos realizados por la comunidad de Amara.org",
        "You",
    ],
)
def test_silence_has_no_words(text: str) -> None:
    """Marks of sounds and the sentences that transcribers make up are nobody's words."""
    assert words_of(Transcript(text=text)) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Oi",
        "Obrigado.",
        "Thank you.",
        "Obrigado por assistir ao meu vídeo ontem.",
        "[risos] Onde você nasceu?",
        "Inscreva-se no canal? Não entendi.",
        "1906",
    ],
)
def test_words_stay_as_they_were_heard(text: str) -> None:
    """Whatever somebody may have said is left as it is."""
    assert words_of(Transcript(text=f" {text}\u200b ")) == text


def test_a_transcript_is_bounded() -> None:
    """Ten minutes of speech are kept whole, and no transcript is endless."""
    assert words_of(Transcript(text="lá vai " * 1500)).count("vai") == 1500
    assert len(words_of(Transcript(text="lá vai " * 100_000))) <= 16_000
