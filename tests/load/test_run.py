"""Every workload against a whole server, small: it ends with an audit in which every account agrees."""

from dataclasses import replace
from pathlib import Path

import pytest

from ocs.load.drive import Closed, Open, Overloaded
from ocs.load.people import People
from ocs.load.place import Place
from ocs.load.result import Result, read_result
from ocs.load.run import Progress, run_load
from ocs.load.target import Target
from ocs.load.wire import PeerRefused
from ocs.load.workload import Workload, names, read_workload

pytestmark = [pytest.mark.process, pytest.mark.bench]
REQUESTS = 300


def small(name: str) -> Workload:
    """The workload with fewer people and sessions."""
    workload = read_workload(name)
    return replace(
        workload,
        subscribers=min(workload.subscribers, 200),
        sessions=min(workload.sessions, 50),
    )


async def run(place: Place, workload: Workload) -> Result:
    """A short run."""
    return await run_load(workload, Closed(16), place.target, requests=REQUESTS, warm_up_seconds=0)


@pytest.mark.parametrize("name", names())
async def test_a_run_ends_with_its_audit(place: Place, name: str) -> None:
    """To the micro, with every request answered."""
    result = await run(place, small(name))
    assert result.audit.is_good, str(result.audit)
    assert (result.sent, result.answered, result.unanswered) == (REQUESTS, REQUESTS, 0)
    assert result.audit.accounts == small(name).subscribers and not result.audit.uncertain
    assert set(result.codes) <= {"I", "U", "T", "E"}
    if name in ("data-update", "hot-account", "one-account"):
        assert dict(result.codes) == {"U": {"2001": REQUESTS}}


async def test_repeats_are_charged_once(place: Place) -> None:
    """Every second request is sent again: the accounts agree as if none had been."""
    result = await run(place, replace(small("canonical"), repeats_percent=50))
    assert result.audit.is_good, str(result.audit)
    assert result.audit.repeats > 80


async def test_exhaustion_ends_at_zero_and_not_below(place: Place) -> None:
    """Money runs out for most; final units were announced, requests are refused with 4012."""
    workload = replace(small("exhaustion"), subscribers=20)
    async with People.live(place.config, workload) as people:
        result = await run_load(
            workload, Closed(16), place.target,
            requests=REQUESTS, warm_up_seconds=0, people=people,
        )  # fmt: skip
        left = [balance async for _, balance in people.balances()]
    assert result.audit.is_good, str(result.audit)
    assert any("4012" in codes for codes in result.codes.values())
    assert all(each.available >= 0 and not each.reserved for each in left)
    # Not even a message can be paid any more by most.
    assert sum(each.available < 12_000_000 for each in left) > 10


async def test_several_runs_share_their_people(place: Place) -> None:
    """The audit of the second counts what the first one cost."""
    workload = small("data-update")
    async with People.live(place.config, workload) as people:
        spent = [
            (await run_load(
                workload, Closed(8), place.target,
                requests=50, warm_up_seconds=0, people=people,
            )).audit
            for _ in range(2)
        ]  # fmt: skip
    assert all(each.is_good for each in spent)
    assert spent[1].spent > spent[0].spent > 0


async def test_a_result_survives_its_file(place: Place, tmp_path: Path) -> None:
    """All of it, and no folder of this machine in it."""
    workload, told = small("sms"), list[Progress]()
    result = await run_load(
        workload, Open(2_000), place.target, requests=50, warm_up_seconds=0, progress=told.append
    )
    path = tmp_path / "result.json"
    path.write_text(result.as_json())
    assert read_result(path) == result
    assert str(Path(__file__).parents[2]) not in path.read_text()
    assert result.offered == 2_000 and result.late.count == 50
    assert result.server.rss_bytes > 1 << 20 and result.store.rss_bytes > 1 << 20
    assert result.store_used_bytes > 0 and result.circumstances.versions["store"]
    assert [each.phase for each in told if each.phase == "audit"] == ["audit"]
    assert {"subscribers", "opening", "measuring", "ending"} <= {each.phase for each in told}


async def test_an_overloaded_server_is_told_and_its_sessions_are_ended(place: Place) -> None:
    """The next run on the same accounts finds that they agree."""
    workload = replace(small("data-update"), sessions=1)
    async with People.live(place.config, workload) as people:
        with pytest.raises(Overloaded):
            await run_load(
                workload, Late(), place.target,
                requests=10, warm_up_seconds=0, people=people,
            )  # fmt: skip
        again = await run_load(
            workload, Closed(1), place.target, requests=5, warm_up_seconds=0, people=people
        )
    assert again.audit.is_good, str(again.audit)


class Late(Open):
    """A schedule whose requests were all due a minute ago."""

    def __init__(self) -> None:
        super().__init__(1.0)

    def due(self, seconds: float) -> int:
        """All of them."""
        return 100

    def moment(self, number: int) -> float:
        """The first can be sent in time."""
        return -60.0 if number else 0.0


async def test_a_server_without_accounts_of_ours_is_counted_only(place: Place) -> None:
    """Nothing is made there, and nothing is audited."""
    target = replace(place.target, config=None, name="another")
    result = await run_load(
        replace(small("sms"), subscribers=1), Closed(4), target, requests=20, warm_up_seconds=0
    )
    assert (result.audit.accounts, result.answered, set(result.codes)) == (0, 20, {"E"})
    assert str(result.audit) == "no charging, nothing to audit: answers were counted only"


async def test_what_is_no_diameter_server_is_told(place: Place) -> None:
    """The operations port ends such a connection; where nothing listens, nothing answers."""
    target = replace(place.target, port=place.config.ops.port, config=None)
    with pytest.raises(PeerRefused, match="closed the connection of load-0"):
        await run_load(small("sms"), Closed(1), target, requests=1)
    nowhere = Target("127.0.0.1", 1, "ocs.example")
    with pytest.raises(ConnectionError):
        await run_load(small("sms"), Closed(1), nowhere, requests=1)
