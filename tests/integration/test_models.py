"""Models and embeddings as settings name them, against a stand-in of OpenAI on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from agent.adapters.models import chat_model, embeddings, explain_sdk
from agent.adapters.offline_chat import OfflineChatModel
from agent.adapters.offline_embeddings import OfflineEmbeddings
from agent.errors import (
    AccountError,
    PermanentError,
    SettingsError,
    TemporaryError,
    VendorError,
)
from agent.settings import Settings
from agent.vendors import Vendor, shared_deadline
from tests.mind import answer, clone, lines, sample, turn
from tests.standins.exchange import Behaviour, always, dropped, json_answer, stalled
from tests.standins.openai import (
    OpenAIStandIn,
    cut_short,
    refused,
    says_html,
    says_message,
    says_nothing,
)

QUESTION = "Onde você nasceu?"


@pytest.fixture
async def openai() -> AsyncIterator[OpenAIStandIn]:
    """Yield an OpenAI that answers, and close the connections of the chat models to it."""
    with OpenAIStandIn() as standing:
        yield standing
        # LangChain shares one HTTP client among all chat models that talk to one address.
        shared: Any = connected(standing)[0]
        await shared.root_async_client.close()


@pytest.fixture
async def embedder(openai: OpenAIStandIn) -> AsyncIterator[Embeddings]:
    """Yield the stand-in's embeddings, and close their connections."""
    embedder: Any = embeddings(settings(openai))
    yield embedder
    embedder._client.client._client.close()
    await embedder._client.async_client._client.close()


def settings(openai: OpenAIStandIn | None = None, **more: str) -> Settings:
    """Return settings that name the stand-in, its key, and `more`."""
    names = {}
    if openai:
        names = {"OPENAI_API_KEY": openai.api_key, "OPENAI_BASE_URL": openai.base_url}
    return Settings.from_env({**names, **more})


def connected(openai: OpenAIStandIn, **more: str) -> tuple[BaseChatModel, Vendor]:
    """Return the stand-in's model and its policy."""
    return chat_model(settings(openai, **more), sample())


async def once(openai: OpenAIStandIn, behaviour: Behaviour) -> VendorError:
    """Return what one call that meets `behaviour` comes to, told as the policy tells it."""
    model, _ = connected(openai)
    policy = Vendor("openai", explain_sdk("openai"), attempts=1)
    openai.queue("chat", behaviour)
    with pytest.raises(VendorError) as raised:
        await policy.call(lambda: model.ainvoke("oi"))
    return raised.value


async def test_the_default_model_answers_without_reasoning(openai: OpenAIStandIn) -> None:
    """The default model is asked for no reasoning and no temperature, and once a turn."""
    model, vendor = connected(openai)
    mind, _ = clone(model=model, model_vendor=vendor)

    reply = await answer(mind, turn(QUESTION))

    assert reply.text == "Nasci no sítio Cabangu."
    assert reply.model == "gpt-6-luna"
    assert reply.usage["total_tokens"] > reply.usage["output_tokens"] > 0
    [chat] = openai.chats
    assert chat["reasoning_effort"] == "none"
    assert "temperature" not in chat
    assert [each["role"] for each in chat["messages"]] == ["system", "user"]


async def test_cached_tokens_are_counted(openai: OpenAIStandIn) -> None:
    """What a provider took from its cache is told apart: it costs less."""
    model, vendor = connected(openai)
    persona = replace(sample(), tone="Fala devagar. " * 400)
    mind, _ = clone(model=model, model_vendor=vendor, persona=persona)

    first = await answer(mind, turn(QUESTION, contact="ana"))
    second = await answer(mind, turn(QUESTION, contact="bia"))

    assert "cached_tokens" not in first.usage
    assert second.usage["cached_tokens"] >= 1024


@pytest.mark.parametrize(
    ("behaviour", "kind", "code"),
    [
        (refused(401, "invalid_api_key"), AccountError, "invalid_api_key"),
        (refused(403, "forbidden"), AccountError, "forbidden"),
        (refused(404, "model_not_found"), PermanentError, "model_not_found"),
        (refused(400, "context_length_exceeded"), PermanentError, "context_length_exceeded"),
        (refused(429, "rate_limit_exceeded", retry_after=7), TemporaryError, "rate_limit_exceeded"),
        (refused(429, "insufficient_quota"), AccountError, "insufficient_quota"),
        (refused(500, "server_error"), TemporaryError, "server_error"),
        (says_html(502), TemporaryError, "502"),
        (says_html(200), TemporaryError, "unreadable"),
        (says_nothing(), TemporaryError, "unreadable"),
        (cut_short(), TemporaryError, "unreadable"),
        (always(json_answer([1, 2, 3])), TemporaryError, "unreadable"),
        (dropped(), TemporaryError, ""),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
async def test_what_goes_wrong_is_told_in_our_words(
    openai: OpenAIStandIn, behaviour: Behaviour, kind: type[VendorError], code: str
) -> None:
    """Each way to fail is worth repeating or not, with the vendor's code and no SDK's exception."""
    error = await once(openai, behaviour)

    assert type(error) is kind
    assert error.code == code
    assert str(error).startswith("openai ")
    assert openai.api_key not in str(error)


async def test_a_wait_that_was_asked_for_is_told(openai: OpenAIStandIn) -> None:
    """`Retry-After` reaches the policy in seconds."""
    error = await once(openai, refused(429, "rate_limit_exceeded", retry_after=7))

    assert isinstance(error, TemporaryError)
    assert error.retry_after == 7


async def test_nobody_listening_is_worth_repeating() -> None:
    """A refused connection is a temporary failure."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    model, _ = chat_model(settings(OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=url), sample())
    policy = Vendor("openai", explain_sdk("openai"), attempts=1)

    with pytest.raises(TemporaryError, match="could not be reached"):
        await policy.call(lambda: model.ainvoke("oi"))


async def test_a_stalled_call_ends_at_the_deadline(openai: OpenAIStandIn) -> None:
    """A model that takes the request and never answers costs no more than the turn's time."""
    model, vendor = connected(openai)
    mind, _ = clone(model=model, model_vendor=vendor)
    openai.whenever("chat", stalled())
    began = asyncio.get_running_loop().time()

    with pytest.raises(TemporaryError):
        await answer(mind, turn(QUESTION), seconds=0.5)

    assert asyncio.get_running_loop().time() - began < 1.5


async def test_a_refusal_is_met_with_i_dont_know(openai: OpenAIStandIn) -> None:
    """A model that refuses to answer a question is not asked again."""
    model, vendor = connected(openai)
    mind, _ = clone(model=model, model_vendor=vendor)
    openai.queue("chat", says_message({"content": None, "refusal": "I cannot help with that."}))

    reply = await answer(mind, turn(QUESTION))

    assert reply.text in lines().dont_know
    assert len(openai.chats) == 1


async def test_null_content_is_asked_for_again(openai: OpenAIStandIn) -> None:
    """An answer without a word is repeated like any other failure."""
    model, vendor = connected(openai)
    mind, _ = clone(model=model, model_vendor=vendor)
    openai.queue("chat", says_message({"content": None}))

    reply = await answer(mind, turn(QUESTION))

    assert reply.text == "Nasci no sítio Cabangu."
    assert len(openai.chats) == 2


async def test_embeddings_need_no_download(openai: OpenAIStandIn, embedder: Embeddings) -> None:
    """Texts go to the vendor as they are: no token table is fetched, and the order is kept."""
    query = await embedder.aembed_query("onde nasceu")
    documents = await asyncio.to_thread(embedder.embed_documents, ["onde nasceu", "x " * 5000])

    assert len(query) == 1536
    assert documents[0] == pytest.approx(query)
    sent = [request.json()["input"] for request in openai.requests("embeddings")]
    assert sent == [["onde nasceu"], ["onde nasceu", "x " * 5000]] or sent[0] == "onde nasceu"


@pytest.mark.parametrize("way", ["query", "documents"])
async def test_embeddings_fail_in_our_words(
    openai: OpenAIStandIn, embedder: Embeddings, way: str
) -> None:
    """Both ways of embedding raise our errors, after the policy's repeats."""
    openai.queue("embeddings", refused(429, "rate_limit_exceeded", retry_after=0))

    assert len(await embed(embedder, way)) == 1536
    openai.queue("embeddings", refused(401, "invalid_api_key"))
    with pytest.raises(PermanentError, match="openai answered 401"):
        await embed(embedder, way)


async def embed(embedder: Embeddings, way: str) -> list[float]:
    """Embed one text, as a question or as a document."""
    if way == "query":
        return await embedder.aembed_query("oi")
    return (await asyncio.to_thread(embedder.embed_documents, ["oi"]))[0]


async def test_indexing_outlives_the_deadline_of_a_turn(embedder: Embeddings) -> None:
    """A question whose time is over does not break the index that it started."""
    with shared_deadline(asyncio.get_running_loop().time() - 1):
        with pytest.raises(TemporaryError):
            await embedder.aembed_query("oi")
        assert len(await asyncio.to_thread(embedder.embed_documents, ["oi"])) == 1


def test_nothing_configured_is_offline() -> None:
    """Without a key both models are the embedded ones."""
    model, vendor = chat_model(settings(), sample())

    assert isinstance(model, OfflineChatModel)
    assert vendor.name == "offline"
    assert isinstance(embeddings(settings()), OfflineEmbeddings)


def test_a_server_of_ones_own_needs_no_key() -> None:
    """With a base address and no key an OpenAI-compatible server can be used."""
    model, vendor = chat_model(
        settings(CLONE_MODEL="openai:llama3:8b", OPENAI_BASE_URL="http://127.0.0.1:9/v1"), sample()
    )

    shown: Any = model
    assert (shown.model_name, shown.openai_api_base) == ("llama3:8b", "http://127.0.0.1:9/v1")
    assert shown.reasoning_effort is None
    assert vendor.name == "openai"


def test_a_bare_name_of_openai_will_do() -> None:
    """LangChain knows whose model it is without the provider, and so do we."""
    model, vendor = chat_model(settings(CLONE_MODEL="gpt-6-luna", OPENAI_API_KEY="k"), sample())

    shown: Any = model
    assert (shown.model_name, shown.reasoning_effort) == ("gpt-6-luna", "none")
    assert vendor.name == "openai"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nobody:x", "write provider:model"),
        ("llama3:8b", "write provider:model"),
        ("anthropic:claude-x", "langchain-anthropic"),
        ("claude-x", "langchain-anthropic"),
        ("openai:gpt-6-luna", "OPENAI_API_KEY is not set"),
    ],
)
def test_a_model_that_cannot_be_used_is_explained(name: str, told: str) -> None:
    """An unknown provider, a missing package and a missing key are one sentence each."""
    with pytest.raises(SettingsError, match=told) as raised:
        chat_model(settings(CLONE_MODEL=name), sample())

    assert str(raised.value).startswith("CLONE_MODEL")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nobody:x", "write provider:model"),
        ("x", "write provider:model"),
        ("cohere:embed", "langchain-cohere"),
        ("openai:text-embedding-3-small", "OPENAI_API_KEY is not set"),
    ],
)
def test_embeddings_that_cannot_be_used_are_explained(name: str, told: str) -> None:
    """The same holds for embeddings."""
    with pytest.raises(SettingsError, match=told) as raised:
        embeddings(settings(CLONE_EMBEDDINGS=name))

    assert str(raised.value).startswith("CLONE_EMBEDDINGS")
    assert "\n" not in str(raised.value)


def test_a_provider_without_a_model_is_explained() -> None:
    """A setting that ends after the colon is a mistake, not LangChain's default model."""
    key = {"OPENAI_API_KEY": "k"}

    with pytest.raises(SettingsError, match="write provider:model"):
        chat_model(settings(CLONE_MODEL="openai:", **key), sample())
    with pytest.raises(SettingsError, match="write provider:model"):
        embeddings(settings(CLONE_EMBEDDINGS="openai:", **key))


def test_a_foreign_model_never_gets_openais_key() -> None:
    """The key of one vendor is not shown to another."""
    with pytest.raises(SettingsError) as raised:
        chat_model(settings(CLONE_MODEL="claude-x", OPENAI_API_KEY="sk-secret"), sample())

    assert "sk-secret" not in repr(raised.value.__cause__)
