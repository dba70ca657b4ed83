"""A file of vectors, searched by inner product without being read into memory."""

import os
from collections.abc import Iterable
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]

# With more than one thread a Flat search is slower, and a process forked afterwards hangs.
faiss.omp_set_num_threads(1)


class VectorFile:
    """An exact FAISS index, memory-mapped and never changed: a new one is written beside it.

    Flat serves to some 50,000 vectors of 1,536 dimensions (2.3 ms a search at 10,000).
    """

    def __init__(self, path: Path) -> None:
        """Map the file at `path`; raises `OSError` when it is missing or is no such index."""
        try:
            # IO_FLAG_MMAP would do nothing for a Flat index.
            self._index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise OSError("the file of vectors is missing or damaged") from error
        if not isinstance(self._index, faiss.IndexFlatIP):
            raise OSError("the file of vectors is of another kind")
        self.count = int(self._index.ntotal)
        self.dimensions = int(self._index.d)

    def nearest(self, vector: list[float], limit: int) -> list[tuple[int, float]]:
        """Return (position, inner product), best first; raises `OSError` on another dimension."""
        if len(vector) != self.dimensions:
            raise OSError("the vectors were made by a model of other dimensions")
        query = np.asarray([vector], dtype=np.float32)
        scores, positions = self._index.search(query, min(limit, self.count))
        return [(int(p), float(s)) for p, s in zip(positions[0], scores[0], strict=True)]

    def vector(self, position: int) -> Matrix:
        """Return the vector at `position`, in the order of writing."""
        found: Matrix = self._index.reconstruct(position)
        return found


def write_vectors(path: Path, dimensions: int, blocks: Iterable[Matrix]) -> None:
    """Write the rows of `blocks` in order to `path`, replacing it in one step."""
    index = faiss.IndexFlatIP(dimensions)
    for block in blocks:
        index.add(np.ascontiguousarray(block, dtype=np.float32))
    written = path.with_name(f"{path.name}.{os.getpid()}.new")
    faiss.write_index(index, str(written))
    with written.open("rb") as file:
        os.fsync(file.fileno())
    written.replace(path)
