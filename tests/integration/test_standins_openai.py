"""The OpenAI stand-in, spoken to by LangChain and OpenAI's own client."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial

import httpx2
import openai
import pytest
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openai.types.chat import ChatCompletionUserMessageParam
from pydantic import SecretStr

from tests.standins import openai as ai
from tests.standins.exchange import Behaviour, dropped, late, stalled
from tests.standins.openai import OpenAIStandIn

QUESTION = """Today is 2026-11-22. The contact asks about Alberto. Answer from the passages only.

<passages 0a1b>
[1] biografia.md · Paris
Voei em torno da torre.

Era 1901.

[2] biografia.md · Fazenda
Nasci em Cabangu.
</passages 0a1b>

<message 0a1b>
E a torre?
</message 0a1b>

Kind of message: question. Language: pt."""

# `verify=False` below: loading certificates would be the slowest part of a loopback client.


@pytest.fixture
def vendor() -> Iterator[OpenAIStandIn]:
    """An OpenAI on loopback."""
    with OpenAIStandIn() as stand_in:
        yield stand_in


@pytest.fixture
async def chat(vendor: OpenAIStandIn) -> AsyncIterator[ChatOpenAI]:
    """The chat model as the clone uses it, with a short timeout."""
    async with httpx2.AsyncClient(verify=False) as http:
        yield ChatOpenAI(
            model="gpt-6-luna",
            base_url=vendor.base_url,
            api_key=SecretStr(vendor.api_key),
            http_async_client=http,
            max_retries=0,
            timeout=0.3,
        )


@pytest.fixture
async def sdk(vendor: OpenAIStandIn) -> AsyncIterator[openai.AsyncOpenAI]:
    """OpenAI's own async client, without retries."""
    http = httpx2.AsyncClient(verify=False)
    async with openai.AsyncOpenAI(
        base_url=vendor.base_url, api_key=vendor.api_key, http_client=http, max_retries=0
    ) as client:
        yield client


async def test_chat_quotes_the_first_passage(vendor: OpenAIStandIn, chat: ChatOpenAI) -> None:
    """A question is answered with its first passage and the mark of a citation, and usage."""
    answer = await chat.ainvoke([("system", "Be brief."), ("human", QUESTION)])

    assert answer.content == "Voei em torno da torre. Era 1901. [[1]]"
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] == 10
    assert vendor.chats[0]["messages"][0] == {"role": "system", "content": "Be brief."}


async def test_chat_is_friendly_in_conversation(chat: ChatOpenAI) -> None:
    """A prompt without passages gets a friendly line in its language."""
    answer = await chat.ainvoke("Kind of message: greeting. Language: en.")

    assert answer.content == "How nice to talk with you!"


async def test_a_repeated_prefix_is_cached(chat: ChatOpenAI) -> None:
    """A long system message costs less from the second request on."""
    prompt = [("system", "rule " * 1000), ("human", "oi")]

    first, second = await chat.ainvoke(prompt), await chat.ainvoke(prompt)

    assert first.usage_metadata is not None
    assert first.usage_metadata["input_token_details"]["cache_read"] == 0
    assert second.usage_metadata is not None
    assert second.usage_metadata["input_token_details"]["cache_read"] == 1152


async def test_chat_streams(vendor: OpenAIStandIn, chat: ChatOpenAI) -> None:
    """A streamed answer comes in words and ends with its usage."""
    vendor.queue("chat", ai.says("Voei em Paris."))

    chunks = [chunk async for chunk in chat.astream("oi", stream_usage=True)]

    assert "".join(str(chunk.content) for chunk in chunks) == "Voei em Paris."
    assert sum(1 for chunk in chunks if chunk.content) == 3
    assert any(chunk.usage_metadata for chunk in chunks)


async def test_chat_follows_a_script(vendor: OpenAIStandIn, chat: ChatOpenAI) -> None:
    """Texts, functions of the request, no content and a refusal come in the scripted order."""
    vendor.queue(
        "chat",
        ai.says("primeira"),
        ai.says(lambda asked: asked["messages"][-1]["content"].upper()),
        ai.says_message({"content": None}),
        ai.says_message({"refusal": "I cannot help with that."}),
    )

    answers = [await chat.ainvoke("segunda") for _ in range(5)]

    assert [answer.content for answer in answers[:4]] == ["primeira", "SEGUNDA", "", ""]
    assert answers[3].additional_kwargs["refusal"] == "I cannot help with that."
    assert answers[4].content == "Que bom falar com você!"


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (429, "rate_limit_exceeded", openai.RateLimitError),
        (429, "insufficient_quota", openai.RateLimitError),
        (401, "invalid_api_key", openai.AuthenticationError),
        (500, "server_error", openai.InternalServerError),
    ],
)
async def test_openai_refuses(
    vendor: OpenAIStandIn,
    sdk: openai.AsyncOpenAI,
    status: int,
    code: str,
    error: type[openai.APIStatusError],
) -> None:
    """A scripted refusal reaches the caller as OpenAI's own error, with code and Retry-After."""
    vendor.queue("models", ai.refused(status, code, retry_after=3))

    with pytest.raises(error) as refusal:
        await sdk.models.list()

    assert refusal.value.code == code
    assert refusal.value.response.headers["retry-after"] == "3"


@pytest.mark.parametrize(
    "behaviour",
    [
        ai.says_html(),
        ai.cut_short(),
        ai.says_nothing(),
        stalled(60),
        late(60),
        dropped(),
        ai.refused(500, "server_error"),
    ],
)
async def test_a_broken_chat_answer_fails_soon(
    vendor: OpenAIStandIn, chat: ChatOpenAI, behaviour: Behaviour
) -> None:
    """Every broken answer is an error to the real client within its timeout."""
    vendor.queue("chat", behaviour)
    start = time.monotonic()

    with pytest.raises((openai.OpenAIError, ValueError, IndexError)):
        await chat.ainvoke("oi")

    assert time.monotonic() - start < 2


@pytest.mark.parametrize("behaviour", [ai.drips(0.1), ai.never_ends()])
async def test_an_answer_without_an_end_outlives_the_read_timeout(
    vendor: OpenAIStandIn, chat: ChatOpenAI, behaviour: Behaviour
) -> None:
    """A dripping and an endless answer run past the client's timeout: only a deadline ends them."""
    vendor.queue("chat", behaviour)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(chat.ainvoke("oi"), 0.5)


async def test_chat_takes_its_time(vendor: OpenAIStandIn, chat: ChatOpenAI) -> None:
    """The latency setting delays ordinary and scripted texts."""
    vendor.latency = 0.05
    vendor.queue("chat", ai.says("já"))
    start = time.monotonic()

    await chat.ainvoke("oi")
    await chat.ainvoke("oi")

    assert time.monotonic() - start >= 0.1


async def test_reasoning_models_take_no_temperature(sdk: openai.AsyncOpenAI) -> None:
    """A temperature is refused unless the effort is none, as OpenAI refuses it."""
    oi = ChatCompletionUserMessageParam(role="user", content="oi")
    ask = partial(sdk.chat.completions.create, model="gpt-6-luna", messages=[oi], temperature=0.7)

    with pytest.raises(openai.BadRequestError):
        await ask()

    assert (await ask(reasoning_effort="none")).choices


async def test_openai_knows_its_key(vendor: OpenAIStandIn, sdk: openai.AsyncOpenAI) -> None:
    """A wrong key is refused."""
    with pytest.raises(openai.AuthenticationError):
        await sdk.with_options(api_key="wrong").models.list()


async def test_embeddings_are_near_when_words_are_shared(
    vendor: OpenAIStandIn, sdk: openai.AsyncOpenAI
) -> None:
    """Vectors are the same every time and in both encodings, and obey the dimensions."""
    async with httpx2.AsyncClient(verify=False) as http:
        embeddings = OpenAIEmbeddings(
            model="text-embedding-3-small",
            base_url=vendor.base_url,
            api_key=SecretStr(vendor.api_key),
            dimensions=64,
            check_embedding_ctx_length=False,
            http_async_client=http,
        )
        tower, eiffel, farm = await embeddings.aembed_documents(
            ["a torre de Paris", "a torre Eiffel de Paris", "o café da fazenda"]
        )
        again = await embeddings.aembed_query("a torre de Paris")
    floats = await sdk.embeddings.create(
        model="text-embedding-3-small", input="a torre de Paris", encoding_format="float"
    )

    def nearness(left: list[float], right: list[float]) -> float:
        return sum(a * b for a, b in zip(left, right, strict=True))

    assert tower == pytest.approx(again)
    assert len(tower) == 64
    assert nearness(tower, tower) == pytest.approx(1, abs=1e-5)
    assert nearness(tower, eiffel) > 0.5 > nearness(tower, farm)
    assert len(floats.data[0].embedding) == 1536
    assert floats.usage.total_tokens == 4


async def test_transcription_sees_the_file(vendor: OpenAIStandIn, sdk: openai.AsyncOpenAI) -> None:
    """The uploaded bytes arrive exactly, with name, type, languages and keywords."""
    sound = bytes(range(256)) + b"\r\n--\r\r\n\n"
    vendor.queue("transcription", ai.hears("Olá", "pt", "es"))

    heard = await sdk.audio.transcriptions.create(
        file=("voice.ogg", io.BytesIO(sound), "audio/ogg"),
        model="gpt-transcribe",
        extra_body={"languages": ["pt", "en"], "keywords": ["14-bis", "Demoiselle"]},
    )

    assert heard.text == "Olá"
    assert heard.languages is not None
    assert [language.code for language in heard.languages] == ["pt", "es"]
    (recording,) = vendor.recordings
    assert recording.data == sound
    assert (recording.file_name, recording.content_type) == ("voice.ogg", "audio/ogg")
    assert recording.languages == ("pt", "en")
    assert recording.keywords == ("14-bis", "Demoiselle")


async def test_transcription_judges_the_file_name(sdk: openai.AsyncOpenAI) -> None:
    """The same bytes are refused under the name of an unknown format."""
    with pytest.raises(openai.BadRequestError, match="Unsupported file format opus"):
        await sdk.audio.transcriptions.create(file=("voice.opus", b"OggS"), model="gpt-transcribe")


async def test_models_announce_their_end(sdk: openai.AsyncOpenAI) -> None:
    """A model tells its shutdown date, and one that does not exist is refused."""
    assert (await sdk.models.retrieve("gpt-4o-mini")).shutdown_date == "2027-01-14"
    assert {m.id for m in (await sdk.models.list()).data} >= {"gpt-6-luna", "gpt-transcribe"}
    with pytest.raises(openai.NotFoundError):
        await sdk.models.retrieve("gpt-0")
