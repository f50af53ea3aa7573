"""The search for the highest rate that holds, on a server that is a formula."""

import pytest

from bench.saturate import Step, kept, search, told_of
from tests.bench.test_targets import result

BOUND = 20.0


async def steps_of(limit: float, begin: float = 100.0) -> list[Step]:
    """What is tried with a server that holds up to `limit`."""

    async def measure(rate: float) -> Step:
        if rate > 3 * limit:
            return Step(rate, None)
        return Step(rate, result(rate, p99=5.0 if rate <= limit else 50.0))

    return await search(measure, begin, BOUND, 0.03)


@pytest.mark.parametrize("limit", [30.0, 99.0, 100.0, 777.0])
async def test_the_highest_rate_is_found_within_the_precision(limit: float) -> None:
    """From wherever it begins; never more than what holds."""
    steps = await steps_of(limit)
    best = max(each.rate for each in steps if each.holds(BOUND))
    assert limit * 0.96 <= best <= limit
    assert len(steps) < 20


async def test_a_server_that_holds_nothing_ends_the_search() -> None:
    """After a bounded number of steps."""
    steps = await steps_of(0.0)
    assert not any(each.holds(BOUND) for each in steps) and len(steps) <= 20


def test_what_holds() -> None:
    """p99 under the bound, all answered, the rate achieved."""
    good = result(1_000, p99=20.0)
    assert Step(1_000, good).holds(BOUND)
    assert not Step(1_000, result(1_000, p99=20.1)).holds(BOUND)
    assert not Step(1_100, good).holds(BOUND)
    assert not Step(1_000, None).holds(BOUND)


def test_steps_are_told_and_kept() -> None:
    """Also those in which the server fell behind."""
    assert "holds" in told_of(Step(1_000, result(1_000)), BOUND)
    assert "fell behind" in told_of(Step(1_000, None), BOUND)
    assert kept(Step(1_000, None), BOUND) == {"offered": 1_000.0, "holds": False}
    assert kept(Step(1_000, result(1_000)), BOUND)["latency"]["percentiles"]["p99"] == 2.0
