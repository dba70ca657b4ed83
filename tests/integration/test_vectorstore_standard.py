"""LangChain's own suites for vector stores and retrievers, run on ours."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import RetrieversIntegrationTests
from langchain_tests.integration_tests.vectorstores import VectorStoreIntegrationTests

from agent.adapters.offline_embeddings import OfflineEmbeddings
from knowledge.index import KnowledgeIndex
from knowledge.retriever import KnowledgeRetriever
from knowledge.runnable import PassageRetriever


class TestKnowledgeIndex(VectorStoreIntegrationTests):
    """The index keeps every promise that LangChain makes of a vector store."""

    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:
        """Make an empty index whose vectors are stored in its rows."""
        index = KnowledgeIndex.create(tmp_path, self.get_embeddings())
        yield index
        index.close()


class TestKnowledgeIndexWithoutStoredVectors(VectorStoreIntegrationTests):
    """The same promises where vectors are made again instead of stored."""

    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:
        """Make an empty index whose vectors stand in the FAISS file only."""
        index = KnowledgeIndex.create(tmp_path, self.get_embeddings(), keep_vectors=False)
        yield index
        index.close()


class TestPassageRetriever(RetrieversIntegrationTests):
    """The search keeps every promise that LangChain makes of a retriever."""

    @pytest.fixture(autouse=True)
    def knowledge(self, tmp_path: Path) -> None:
        """Write four documents that share a word."""
        for fruit in ("maçã", "pera", "uva", "manga"):
            path = tmp_path / "documents" / f"{fruit}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"A fruta desta página é {fruit}.", encoding="utf-8")
        self._knowledge = KnowledgeRetriever(
            documents=tmp_path / "documents",
            home=tmp_path / "knowledge",
            embeddings=OfflineEmbeddings(),
        )

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        """The class under test."""
        return PassageRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        """What it is made with."""
        return {"knowledge": self._knowledge}

    @property
    def retriever_query_example(self) -> str:
        """A question that all four documents share a word with."""
        return "fruta"
