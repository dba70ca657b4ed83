"""Embeddings of a vendor, called as any vendor is: deadline, few retries, circuit, our errors."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from langchain_core.embeddings import Embeddings

from agent.vendors import Vendor


class VendorEmbeddings(Embeddings):
    """Wraps a client's embeddings, whose own retries must be off; raises `VendorError` only."""

    def __init__(self, client: Embeddings, vendor: Vendor) -> None:
        self._client = client
        self._vendor = vendor

    async def aembed_query(self, text: str) -> list[float]:
        """Return the vector of a question, within the deadline of its turn."""
        return await self._vendor.call(lambda: self._client.aembed_query(text))

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a question where no event loop runs."""
        return self.embed_documents([text])[0]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of texts, in their order; blocks, so it is not for an event loop."""

        async def request() -> list[list[float]]:
            # The client's own asynchronous half belongs to the loop of the turns.
            return await asyncio.to_thread(self._client.embed_documents, texts)

        async def call() -> list[list[float]]:
            return await self._vendor.call(request)

        # A thread of its own begins without the deadline of the turn whose question started the
        # indexing, and the index outlives that turn.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, call()).result()
