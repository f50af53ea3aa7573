"""What came of the requests of a phase: latencies by request type, Result-Codes, what had no answer.

While the run goes on a latency is appended to an array of nanoseconds, the cheapest thing there is. The
percentiles come from HDR histograms (three significant digits) that are made of the arrays afterwards.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hdrh.histogram import HdrHistogram

TYPES = ("?", "I", "U", "T", "E")
PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9, 99.99)
#: Microseconds; what takes longer than a minute counts as a minute.
HIGHEST = 60_000_000
DIGITS = 3
MICROSECOND, MILLISECOND = 1_000, 1_000_000
#: Answers of each type that whoever watches is told of.
NEWEST = 500


@dataclass(frozen=True, slots=True)
class Latency:
    """The latencies of one type, in milliseconds: percentiles by their names ("p99.9", "max")."""

    count: int
    mean: float
    percentiles: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        return self.percentiles[name]


class Record:
    """One phase of a run."""

    def __init__(self) -> None:
        self.latencies: tuple[array[int], ...] = tuple(array("q") for _ in TYPES)
        self.codes: tuple[Counter[int], ...] = tuple(Counter() for _ in TYPES)
        #: How late requests were sent: the generator's own doing, and part of their latency.
        self.lateness = array("q")
        self.sent = 0
        self.repeats = 0
        self.unanswered = 0

    @property
    def answered(self) -> int:
        """Answers of all types."""
        return sum(map(len, self.latencies))

    def newest(self, percents: Iterable[int]) -> list[float]:
        """Percentiles of the newest answers in milliseconds: for whoever watches, not for the result."""
        found = sorted(nanos for each in self.latencies for nanos in each[-NEWEST:])
        last = len(found) - 1
        return [found[last * each // 100] / MILLISECOND if found else 0.0 for each in percents]

    def latency(self) -> dict[str, Latency]:
        """By type, and of all together ("all")."""
        named = {
            TYPES[kind]: latency_of([found]) for kind, found in enumerate(self.latencies) if found
        }
        return {"all": latency_of(self.latencies), **named}

    def by_code(self) -> dict[str, dict[str, int]]:
        """Counts of Result-Codes by type."""
        return {
            TYPES[kind]: {str(code): count for code, count in sorted(found.items())}
            for kind, found in enumerate(self.codes)
            if found
        }

    def late(self) -> Latency:
        """How late requests were sent."""
        return latency_of([self.lateness])


def latency_of(arrays: Iterable["array[int]"]) -> Latency:
    """Arrays of nanoseconds as one histogram."""
    histogram = HdrHistogram(1, HIGHEST, DIGITS)
    counts: Counter[int] = Counter()
    for each in arrays:
        counts.update(max(1, nanos // MICROSECOND) for nanos in each)
    for micros, count in counts.items():
        histogram.record_value(min(micros, HIGHEST), count)
    values = {f"p{each:g}": histogram.get_value_at_percentile(each) for each in PERCENTILES}
    values["max"] = histogram.get_max_value()
    total = histogram.get_total_count()
    mean = histogram.get_mean_value() / 1000 if total else 0.0
    return Latency(
        total, round(mean, 3), {name: round(each / 1000, 3) for name, each in values.items()}
    )
