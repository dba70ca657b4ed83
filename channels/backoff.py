"""How long to wait before a failed thing is tried again."""

import random


def backoff(failures: int, first: float, factor: float, most: float) -> float:
    """Return the seconds to wait after so many earlier failures, scattered by up to a half.

    Many contacts that failed together must not come back together.
    """
    return float(min(most, first * factor ** max(failures, 0))) * random.uniform(0.5, 1.0)  # nosec B311
