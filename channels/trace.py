"""How a reply came about: written to the columns of its turn, and read from them."""

import json
from collections.abc import Mapping
from typing import Any

from agent.messages import Reply


def trace_columns(reply: Reply) -> dict[str, Any]:
    """Return how a reply came about, as the columns of its turn keep it."""
    used = {source.id for source in reply.sources}
    sources = [
        {
            "document": passage.document,
            "section": passage.section,
            "excerpt": passage.text,
            "score": round(passage.score, 4),
            "used": passage.id in used,
        }
        for passage in reply.passages
    ]
    return {
        "route": json.dumps(reply.route),
        "sources": json.dumps(sources, ensure_ascii=False),
        "model": reply.model,
        "seconds": reply.seconds,
        "usage": json.dumps(dict(reply.usage)),
        "hand_over": reply.hand_over,
        "disclosed": reply.disclosed,
    }


def trace_of(row: Any) -> Mapping[str, object]:
    """Return the trace that a turn's row keeps, as JSON values."""
    return {
        "status": row["status"],
        "route": json.loads(row["route"]),
        "passages": json.loads(row["sources"]),
        "model": row["model"],
        "seconds": row["seconds"],
        "usage": json.loads(row["usage"]),
        "error": row["error"],
    }
