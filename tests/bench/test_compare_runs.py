"""A whole comparison, small: servers are started and loaded, and what is kept says what was measured."""

import asyncio
import json
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bench import compare
from bench.compare import NoResult, measure, measured, play
from bench.contenders import Contender, contenders, other_server
from bench.servers.start import floor, started
from ocs.load.audit import Audit
from ocs.load.drive import Limit
from ocs.load.result import Result
from ocs.load.workload import read_workload

SMALL = replace(read_workload("data-update"), subscribers=40, sessions=20)
FEW = Limit(requests=200)
IDENTITIES = [f"load-{index}.load.example" for index in range(4)]


@pytest.fixture(autouse=True)
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is measured here that a warm-up would make steadier."""
    monkeypatch.setattr(compare, "WARM_UP_SECONDS", 0.0)


def named(*names: str) -> list[Contender]:
    """Some of those that can be started."""
    return [each for each in contenders(IDENTITIES) if each.name in names]


async def results_of(name: str) -> list[Result]:
    """One round of one server."""
    return await measure(named(name)[0], SMALL, FEW, seed=1)


async def test_this_server_is_audited() -> None:
    """Under load and alone; every account agrees."""
    loaded, alone = await results_of("this server, everything on")
    assert loaded.answered == alone.answered == 200
    assert loaded.audit.accounts == alone.audit.accounts == 40 and alone.audit.is_good
    assert loaded.codes == {"U": {"2001": 200}}
    found = measured(named("this server, everything on")[0], loaded)
    assert found.failed == 0 and found.rate > 0 and found.p50 <= found.p99
    assert found.server_cpu is not None and found.store_cpu is not None


async def test_others_are_counted() -> None:
    """They answer everything and are asked for no accounts."""
    for each in await results_of("our floor + one trivial FCALL"):
        assert each.codes == {"U": {"2001": 200}}
        assert each.audit.accounts == 0 and "nothing to audit" in str(each.audit)


async def test_another_server_is_measured_where_it_runs() -> None:
    """By its address; whether it is on this machine is not known, nor is its processor time."""
    with started(floor(None)) as server:
        contender = other_server(f"far=127.0.0.1:{server.port}")
        (result,) = await measure(contender, SMALL, FEW, seed=1)
    found = measured(contender, result)
    assert result.target == "far" and result.answered == 200
    assert found.server_cpu is None and found.store_cpu is None


async def test_a_server_that_is_not_there_ends_the_run() -> None:
    """The sentence names it."""
    with pytest.raises(NoResult, match=r"far: \[Errno"):
        await play([other_server("far=127.0.0.1:1")], SMALL, 1, FEW, Console(file=StringIO()))


async def test_a_comparison_is_told_and_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two rounds of two servers: tables, file, picture and document agree."""
    ours, other = named("our floor, no store", "python-diameter, plain")
    servers = [replace(ours, is_ours=True), replace(other, is_alone_too=False)]

    def some(identities: Sequence[str]) -> list[Contender]:
        assert list(identities) == IDENTITIES
        return servers

    monkeypatch.setattr(compare, "contenders", some)
    monkeypatch.setattr(compare, "read_workload", lambda name: SMALL)
    monkeypatch.setattr(compare, "Limit", lambda seconds: FEW)
    kept, drawn, document = tmp_path / "a.json", tmp_path / "a.svg", tmp_path / "a.md"
    output = StringIO()
    await compare.run(
        Namespace(rounds=2, seconds=1.0, server=[], json=kept, svg=drawn, markdown=document),
        Console(file=output, width=160),
    )
    value = json.loads(kept.read_text())
    assert [each["name"] for each in value["servers"]] == [each.name for each in servers]
    assert [each["name"] for each in value["one_at_a_time"]] == [ours.name]
    for each in value["servers"]:
        assert len(each["rounds"]) == 2
        assert each["requests_per_second"]["low"] == min(one["rate"] for one in each["rounds"])
    rates = [[one["rate"] for one in each["rounds"]] for each in value["servers"]]
    ratios = sorted(mine / theirs for mine, theirs in zip(*rates, strict=True))
    found = value["servers"][1]["ratio_of_this_server"]
    assert [found["low"], found["high"]] == pytest.approx(ratios)
    assert value["circumstances"]["cores"] >= 1 and value["quoted"]["rate"]["middle"] == 5919
    for text in (output.getvalue(), document.read_text()):
        assert (
            other.name in text
            and "rating, reservations" in text
            and "SigScale OCS 3.4.72 (quoted)" in text
        )
        assert "cores, which generator, server and store share" in " ".join(text.split())
    assert other.name in drawn.read_text()
    assert str(tmp_path) not in kept.read_text()


async def test_what_counts() -> None:
    """An account that does not agree, or no success at all, is no result; what was not a success is in
    no rate."""
    contender = replace(named("our floor, no store")[0], is_alone_too=False)
    good = (await measure(contender, SMALL, FEW, seed=1))[0]
    some = measured(contender, replace(good, codes={"U": {"2001": 150, "4012": 50}}, unanswered=3))
    assert some.failed == 53
    assert some.rate == pytest.approx(150 / good.seconds)
    with pytest.raises(NoResult, match="no answer was a success, but"):
        measured(contender, replace(good, codes={"U": {"5012": 200}}))
    wrong = Audit(accounts=40, repeats=0, differences=1, told=("person 7: spent 1 micro",))
    with pytest.raises(NoResult, match="our floor, no store: 1 differences: person 7"):
        measured(contender, replace(good, audit=wrong))


def test_without_a_round_there_is_no_result(tmp_path: Path) -> None:
    """Nothing is written."""
    arguments = Namespace(
        rounds=0, seconds=1.0, server=[], json=tmp_path / "a", svg=tmp_path / "b", markdown=None
    )
    with pytest.raises(NoResult, match="no round"):
        asyncio.run(compare.run(arguments, Console(file=StringIO())))
    assert not list(tmp_path.iterdir())
