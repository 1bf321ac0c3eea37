"""Statistics over repeated measurements: percentiles, medians and their spread. Knows no unit."""

import math
import statistics
from collections.abc import Sequence


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest of `ordered` (ascending) that at least `percent` of them do not exceed (nearest rank).

    Raises ValueError when there are none.
    """
    if not ordered:
        raise ValueError("no values to take a percentile of")
    rank = math.ceil(percent / 100 * len(ordered))
    return ordered[max(rank, 1) - 1]


def median(values: Sequence[float]) -> float:
    """The middle of the values; NaN when there are none, so that a missing measurement shows as missing."""
    return statistics.median(values) if values else math.nan


def spread(values: Sequence[float]) -> float:
    """Largest minus smallest, as a share of the median: 0.1 says that the rounds differ by a tenth."""
    middle = median(values)
    return (max(values) - min(values)) / middle if values and middle else math.nan
