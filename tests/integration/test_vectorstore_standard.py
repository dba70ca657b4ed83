"""LangChain's own suites for vector stores and retrievers, run on ours."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests.vectorstores import VectorStoreIntegrationTests

from knowledge.index import KnowledgeIndex


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
