"""The small measurements measure what they say, and what they count does not depend on the clock."""

import asyncio
from functools import partial

import pytest

from bench.micro import codec, ledger, plan, rating, scripts
from bench.micro.measure import Figure, calls, count, of, result, table, timed
from bench.micro.scene import DATA, SMS, TEN, Kind, message
from bench.micro.stores import binaries
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.credit_control import EVENT_REQUEST, UPDATE_REQUEST
from ocs.load.place import StoreKind


def test_a_figure_is_the_median_with_its_spread() -> None:
    """One repeat that was disturbed does not move it."""
    figure = of("a: b", "us", [3.0, 100.0, 2.0])
    assert (figure.median, figure.low, figure.high) == (3.0, 2.0, 100.0)


def test_function_calls_are_counted_exactly() -> None:
    """Python's and C's, each once."""

    def work() -> int:
        return len(str(7)) + abs(-1)

    assert calls(work) == 3  # work, len, abs; str is a type, which is no function


def test_a_table_has_a_row_and_a_column_for_each_name() -> None:
    """What was not measured of a row stays empty, and the spread is told."""
    figures = [count("one: size", "B", 1234), of("two: time", "us", [1.0, 2.0, 3.0])]
    lines = table(figures).splitlines()
    assert lines[0].split() == ["size,", "B", "time,", "us"]
    assert lines[1].split() == ["one", "1,234"]
    assert lines[2].split() == ["two", "2"]
    assert lines[3].endswith("at most 100% apart")


def test_a_result_says_where_and_from_what_it_comes() -> None:
    """Machine, version and commit, and nothing of the machine's folders."""
    made = result("x", [count("a: b", "B", 1)], store="s")
    assert {"machine", "python", "version", "commit", "at", "command"} <= made.keys()
    assert made["store"] == "s" and made["figures"][0]["median"] == 1
    assert str(made["command"]).startswith("python ") and " /" not in str(made["command"])


def test_cpu_time_is_that_of_one_call() -> None:
    """A call that does ten times as much costs more."""

    def work(times: int) -> int:
        return sum(range(times))

    few = timed("", partial(work, 1_000), 50, 3)
    many = timed("", partial(work, 100_000), 50, 3)
    assert many.median > few.median > 0


@pytest.mark.parametrize(("kind", "services"), [(DATA, 1), (TEN, 10)], ids=["data", "ten"])
def test_requests_are_what_they_are_called(kind: Kind, services: int) -> None:
    """An update of data reports and asks for as many services as its kind says."""
    ccr = decode_ccr(message(kind, UPDATE_REQUEST, 3))
    assert (ccr.request_number, len(ccr.mscc)) == (3, services)
    assert all(each.rsu is not None and each.usu for each in ccr.mscc)


def test_an_event_is_one_message() -> None:
    """It names a recipient and reports nothing."""
    ccr = decode_ccr(message(SMS, EVENT_REQUEST))
    assert len(ccr.recipients) == 1 and not ccr.mscc[0].usu


def test_codec_and_plan_are_measured() -> None:
    """Every figure is there; calls are the same in each run."""
    sizes = {each.what: each.median for each in codec.measure(2, 1)}
    assert 600 < sizes["data-update: CCR"] < 720
    assert all(value > 0 for value in sizes.values())
    first, second = (
        [each.median for each in plan.measure(1, 1) if each.unit == "calls"] for _ in range(2)
    )
    assert first == second and len(first) == 2 * len(plan.KINDS)


def test_rating_is_measured() -> None:
    """A catalogue of the size that was asked for serves."""
    figures = rating.measure(prefixes=50, products=3, rounds=20, repeats=2)
    assert [each.what for each in figures] == [
        f"50 prefixes, 3 products: {name}" for name in ("load", "more memory", "a charge")
    ]
    assert figures[2].median > 0


def test_the_clients_side_of_a_ledger_call_is_measured() -> None:
    """Arguments, octets and reply of both kinds."""
    figures = ledger.of_client(2, 1)
    assert len(figures) == 6 and all(each.median > 0 for each in figures)


@pytest.mark.process
@pytest.mark.parametrize("kind", [*binaries()])
def test_each_function_is_measured_on_each_store(kind: StoreKind) -> None:
    """Each call is one function call; what is counted is the same however often it was made."""
    version, few = asyncio.run(scripts.measure(kind, 2, 1))
    _, more = asyncio.run(scripts.measure(kind, 4, 2))
    assert int(version.split(".")[0]) >= 7

    def commands(figures: list[Figure]) -> dict[str, float]:
        return {each.what: each.median for each in figures if each.unit == "commands"}

    assert commands(few) == commands(more)
    assert {name.partition(":")[0] for name in commands(few)} >= {
        "put", "post, a top-up", "charge, data U", "charge, ten U", "event, sms", "refund of it",
        "expire", "origin",
    }  # fmt: skip
    inside = {each.what: each.median for each in more if each.unit == "us"}
    assert inside["charge, ten U: inside"] > inside["charge, data U: inside"] > 0


@pytest.mark.process
def test_whole_ledger_calls_are_measured() -> None:
    """One at a time and together, on each store that is here."""
    found = asyncio.run(ledger.measure(1, 1))
    assert len(found) == len(binaries())
    for figures in found.values():
        assert len(figures) == 6 and all(each.median > 0 for each in figures[:2])
