"""The same search as a LangChain retriever, for chains, notebooks and evaluations."""

import asyncio

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from agent.messages import Passage
from knowledge.retriever import KnowledgeRetriever


class PassageRetriever(BaseRetriever):
    """Returns `k` passages as documents; `invoke` only where no event loop runs."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    knowledge: KnowledgeRetriever
    k: int = 4

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        return asyncio.run(self._find(query, k))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        return await self._find(query, k)

    async def _find(self, query: str, k: int | None) -> list[Document]:
        found = await self.knowledge.find(query, self.k if k is None else k)
        return [_document(passage) for passage in found]


def _document(passage: Passage) -> Document:
    return Document(
        id=passage.id,
        page_content=passage.text,
        metadata={
            "document": passage.document,
            "section": passage.section,
            "score": passage.score,
        },
    )
