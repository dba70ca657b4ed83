"""The embedding provider as the search sees it: its vectors, their price and their weight."""

from dataclasses import dataclass

from langchain_core.embeddings import Embeddings

OFFLINE = "offline"

# The share of the vectors in the fused score. Hashed vectors blur what BM25 already counts exactly
# and only break its ties; a trained model finds what shares no word with the question.
_WEIGHTS = {OFFLINE: 0.05}
_USUAL_WEIGHT = 0.3


@dataclass(frozen=True)
class DenseArm:
    """An embedding model and the id that its vectors are known by, e.g. `offline`."""

    embeddings: Embeddings
    id: str

    @property
    def weight(self) -> float:
        """The share of the vectors in the fused score, in [0, 1]."""
        return _WEIGHTS.get(self.id, _USUAL_WEIGHT)

    @property
    def is_paid(self) -> bool:
        """Whether a vector costs money or time, so that it is stored and never made twice."""
        return self.id != OFFLINE

    @property
    def knows_meaning(self) -> bool:
        """Whether a near vector alone, with no word in common, is reason to show a passage."""
        return self.id != OFFLINE
