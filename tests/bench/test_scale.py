"""Cost against size: the arithmetic is right, and each dimension runs to its audit."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bench import scale, soak
from bench.micro.stores import binaries
from bench.scale import QUICK, Size, draw_all, keep, told
from bench.scale_memory import Contents, Kind, contents, kind_of, share
from bench.scale_places import catalogue_with, memory_of_sessions
from bench.scale_runs import PRODUCT, Length, product_with
from ocs.load.workload import read_workload
from ocs.rating.catalogue import load

SMALL = Size(
    subscribers=(20, 40), sessions=(10,), mscc=(2,), buckets=(3,), workers=(1,),
    people=20, open=10, memory=20, starts=1,
)  # fmt: skip
SHORT = Length(requests=40, rounds=1)
AGREE = "accounts agree to the micro"


# --- arithmetic ---------------------------------------------------------------------------------------


def test_a_key_is_told_by_its_kind() -> None:
    """What has no partition is told by its first word."""
    assert kind_of(b"{p017}:acct:5") == "acct"
    assert kind_of(b"{p017}:ledger") == "ledger"
    assert kind_of(b"ocs:accounts") == "ocs"


def test_what_one_more_costs_is_the_difference_divided() -> None:
    """What was there before counts for nothing; tables are what no key explains."""
    before = Contents(1_000, {"sub": Kind(1, 500)}, entries=2)
    after = Contents(
        9_000,
        {"sub": Kind(11, 4_500), "sess": Kind(10, 1_000), "ledger": Kind(1, 2_000)},
        entries=22,
    )
    found = share(before, after, 10)
    assert found["octets"] == 800
    assert (found["kept"], found["of_sessions"], found["history"]) == (400, 100, 200)
    assert found["tables_and_rest"] == 100
    assert (found["ledger_entries"], found["octets_per_ledger_entry"]) == (2, 100)
    assert found["megabytes_per_million"] == round(800_000_000 / 1024**2)


async def test_contents_are_what_the_store_says(redis: Redis) -> None:
    """Keys are counted all, and sized by a sample."""
    for number in range(20):
        await redis.hset(f"{{p{number:03}}}:sub:{number}", "data", "x" * 200)
    await redis.xadd("{p001}:ledger", {"a": "b"})
    await redis.xadd("{p001}:ledger", {"a": "c"})
    found = await contents(redis)
    size = await redis.memory_usage("{p001}:sub:1", samples=0) or 0
    assert found.kinds["sub"].keys == 20
    assert abs(found.kinds["sub"].octets - 20 * size) <= 20 * 16  # names differ in length
    assert found.entries == 2 and found.used > 0


def test_a_trend_is_the_slope_after_the_warm_up() -> None:
    """What grows by 6 kB in ten seconds grows by 36 in a minute; the first quarter says nothing."""
    grown = [soak.Sample(10.0 * each, 1_000 + 6 * each, 5) for each in range(40)]
    grown[0] = replace(grown[0], server_kb=90_000)
    found = soak.trend(grown)
    assert (found.kb_a_minute, found.samples) == (36.0, 30)
    assert (found.low_kb, found.high_kb) == (1_060, 1_234)


def test_memory_that_stays_has_no_slope() -> None:
    """Also where there is one sample."""
    flat = [soak.Sample(10.0 * each, 1_000, 5) for each in range(8)]
    assert soak.trend(flat).kb_a_minute == 0
    assert soak.trend(flat[:1]).kb_a_minute == 0


def test_the_catalogue_of_the_buckets_is_one() -> None:
    """With the product whose buckets are used up."""
    with catalogue_with((PRODUCT, product_with(5))) as settings:
        rule = load(Path(settings["catalogue__folder"])).products[PRODUCT]
    assert [each.name for each in rule.buckets] == ["b0", "b1", "b2", "b3", "b4"]


def test_a_dimension_that_was_not_measured_stays_in_the_result(tmp_path: Path) -> None:
    """Each says when and with which command it was measured."""
    path = tmp_path / "results" / "scale.json"
    keep({"nodes": [{"skipped": "no"}]}, {"at": "then"}, path)
    keep({"mscc": [{"x": 1}]}, {"at": "now"}, path)
    found = json.loads(path.read_text())
    assert found["nodes"] == {"at": "then", "rows": [{"skipped": "no"}]}
    assert found["mscc"]["at"] == "now"
    assert found["mscc"]["rows"] == [{"x": 1}]


def test_every_dimension_has_a_quick_version() -> None:
    """And a method."""
    assert set(scale.PICTURES) < set(scale.DIMENSIONS)
    assert QUICK.memory < Size().memory and max(QUICK.subscribers) < max(Size().subscribers)


# --- runs ---------------------------------------------------------------------------------------------


@pytest.mark.process
async def test_dimensions_run_to_their_audit(tmp_path: Path) -> None:
    """Buckets are looked at and own money pays; a cluster is told to be missing; pictures are drawn."""
    found = await scale.scale(["buckets", "nodes"], SMALL, SHORT)
    (row,) = found["buckets"]
    assert (row["x"], row["workload"]) == (3, "data-update")
    assert not row["refused"] and not row["unanswered"]
    assert row["rate"] > 0 and all(AGREE in each for each in row["audit"])
    assert "3  data-update" in told(row)
    assert "not supported yet" in told(found["nodes"][0])
    draw_all(found, tmp_path)
    assert "<svg" in (tmp_path / "scale-buckets.svg").read_text()


@pytest.mark.process
async def test_memory_of_sessions_is_measured() -> None:
    """Of open ones with what they hold, and of ended ones with what is left."""
    kind = next(iter(binaries()))
    opened, ended = await memory_of_sessions(kind, 20, updates=1)
    assert opened["ledger_entries"] == 2 and ended["ledger_entries"] >= 2
    assert opened["by_kind"]["sess"] > 0 and opened["by_kind"]["due"] > 0
    assert "due" not in ended["by_kind"]
    assert AGREE in opened["audit"] and opened["server_mb"] > 0
    assert f"after 1 updates, {kind}" in told({"dimension": "memory", **opened})


@pytest.mark.process
async def test_a_soak_samples_the_memory_and_is_audited() -> None:
    """A short one."""
    workload = replace(read_workload("canonical"), subscribers=20, sessions=20)
    result, samples = await soak.soak(workload, rate=200, seconds=0.2, every=0.05)
    assert samples and samples[0].server_kb > 1_000
    assert AGREE in str(result.audit)
    assert soak.summary(result, samples)["trend"]["samples"] >= 1
