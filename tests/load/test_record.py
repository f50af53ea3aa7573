"""Latencies and Result-Codes of a phase."""

import pytest

from ocs.load.record import Record

MICROSECOND, MILLISECOND = 1_000, 1_000_000


def test_percentiles_by_type_and_of_all() -> None:
    """To three digits, in milliseconds; the largest is exact to the same."""
    record = Record()
    record.latencies[2].extend(each * MICROSECOND for each in range(1, 100_001))
    record.latencies[4].append(2_000 * MILLISECOND)
    found = record.latency()
    assert set(found) == {"all", "U", "E"}
    for name, value in (("p50", 50), ("p90", 90), ("p99", 99), ("p99.9", 99.9), ("max", 100)):
        assert found["U"][name] == pytest.approx(value, rel=0.001)
    assert found["U"].mean == pytest.approx(50, rel=0.001)
    assert found["all"].count == 100_001
    assert found["all"]["max"] == pytest.approx(2_000, rel=0.001)


def test_nothing_is_no_error() -> None:
    """A phase without an answer has zeros."""
    assert Record().latency()["all"].count == 0
    assert Record().newest((50, 99)) == [0.0, 0.0]


def test_codes_are_counted_by_type() -> None:
    """As the result shows them."""
    record = Record()
    record.codes[1][2001] += 3
    record.codes[1][4012] += 1
    assert record.by_code() == {"I": {"2001": 3, "4012": 1}}


def test_the_newest_are_told_while_it_runs() -> None:
    """Without what was long ago."""
    record = Record()
    record.latencies[2].extend([1_000 * MILLISECOND] * 100)
    record.latencies[2].extend(each * MILLISECOND for each in range(500))
    assert record.newest((0, 50)) == [0.0, 249.0]
