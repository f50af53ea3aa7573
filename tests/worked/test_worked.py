"""Every worked case of published tariffs: what is charged, from which balance, where usage is cut.

Each runs in one piece, cut into pieces at random with equal results, and on the store. The figures are
those of the operators' published prices by the arithmetic that stands with each tariff; what they do not
publish is listed there as assumed.
"""

from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st
from redis.asyncio import Redis

from ocs.abmf.library import Library
from ocs.abmf.redis_ledger import RedisLedger
from ocs.model import AccountId
from tests.worked.cases import (
    FILES,
    FOLDER,
    Case,
    Event,
    File,
    Has,
    Mark,
    Name,
    catalogue,
    everything,
    names_of,
    read,
    title,
)
from tests.worked.stage import Books, Clock, Paper, Stage
from tests.worked.usage import Cut, Usage, whole

Which = tuple[str, int]
#: Those in which usage may come in pieces.
DIVISIBLE = [
    which
    for which in everything()
    if any(
        each.get("units", 0) > 1 or "cut" in each
        for each in read(which[0])["cases"][which[1]]["events"]
    )
]


# --- the data ---------------------------------------------------------------------------------------


def keys_of(kind: type) -> set[str]:
    """The keys that a table may have."""
    return set(kind.__annotations__)


@pytest.mark.parametrize("stem", FILES)
def test_no_key_is_misspelt(stem: str) -> None:
    """A key that nobody reads would be a figure that nobody checks."""
    file = read(stem)
    assert set(file) <= keys_of(File)
    assert {"tariff", "source", "assumed", "serves", "at", "cases"} <= set(file)
    for case in file["cases"]:
        assert set(case) <= keys_of(Case)
        assert all(set(each) <= keys_of(Name) for each in names_of(file, case).values())
        assert all(set(each) <= keys_of(Has) for each in case.get("has", []))
        assert all(set(each) <= keys_of(Mark) for each in case.get("marks", []))
        for event in case["events"]:
            assert set(event) <= keys_of(Event)
            assert {"charge", "moves"} <= set(event)
            is_late = event.get("do") == "late"
            assert ("service" in event) != ("do" in event) or is_late


@pytest.mark.parametrize("which", everything(), ids=title)
def test_the_figures_add_up(which: Which) -> None:
    """The start line and all that moves give the end line; what is charged leaves a balance or is owed."""
    file = read(which[0])
    case = file["cases"][which[1]]
    names = names_of(file, case)
    balances = dict(case["start"])
    for event in case["events"]:
        charged = 0
        for name, amount in event["moves"].items():
            balances[name] = balances.get(name, 0) + amount
            known = names[name]
            is_money = known["of"] == "main" or "owed" in known or known.get("unit") == 10_000
            if is_money and ("do" not in event or not known.get("given")):
                charged += amount if known.get("owed") else -amount
        if event.get("do") == "topup":
            charged += event["amount"]
        assert charged == event["charge"]
    assert balances == case["end"]


def test_each_tariff_is_there_with_its_catalogue() -> None:
    """Twenty-nine published tariffs, 114 cases."""
    assert [f"S{number:02}" for number in range(1, 30)] == FILES
    assert sorted(each.name for each in (FOLDER / "catalogue").iterdir()) == FILES
    assert len(everything()) == 114


@pytest.mark.parametrize("stem", FILES)
def test_the_catalogue_loads(stem: str) -> None:
    """What the cases are served by is a catalogue without an error."""
    assert read(stem)["serves"] in catalogue(stem).products


# --- the cases --------------------------------------------------------------------------------------


def differences(where: str, **seen: tuple[object, object]) -> list[str]:
    """What is not as it must be, by name; of each pair the first is what was found."""
    return [
        f"{where}: {name}: {found!r}, not {expected!r}"
        for name, (found, expected) in seen.items()
        if found != expected
    ]


async def play(which: Which, books: Books, clock: Clock, cut: Cut, account: str = "1") -> list[str]:
    """Play a case up to the first event that has not its charge, or moves more or less than it says; what
    is different there."""
    file = read(which[0])
    case = file["cases"][which[1]]
    stage = Stage(which[0], file, case, books, clock, AccountId(account))
    await stage.begin()
    before = await stage.amounts()
    found = differences(
        "start", balances=({name: before[name] for name in case["start"]}, case["start"])
    )
    for number, event in enumerate(case["events"]):
        if found:
            return found
        where = f"event {number + 1}"
        if "at" in event:
            await stage.pass_time(stage.moment(event["at"]))
        if "do" not in event:
            found += await use(stage, event, number, cut)
        else:
            if event["do"] == "late":  # another operator reports usage that was not controlled
                costs = Usage(stage, event, number, cut).cost()
                found += differences(where, cost=(costs, event["amount"] * stage.coin))
            await stage.act(event)
        after = await stage.amounts()
        moves = {name: after[name] - before[name] for name in after if after[name] != before[name]}
        found += differences(where, moves=(moves, event["moves"]))
        stage.see(event)
        before = after
    return found or differences(
        "end", balances=({name: before[name] for name in case["end"]}, case["end"])
    )


async def use(stage: Stage, event: Event, number: int, cut: Cut) -> list[str]:
    """Usage is refused, or costs what it says up to the unit where it is cut; what is different."""
    used = await Usage(stage, event, number, cut).play()
    seen: dict[str, tuple[object, object]] = {
        "refused": (used.is_refused, event.get("refused", False)),
        "cost": (used.cost, event["charge"] * stage.coin),
        "slow": (used.slow, event.get("slow", 0)),
    }
    if "cut" in event:
        seen["cut"] = used.units, event["cut"]
    if "charges" in event:
        added = [late - early for early, late in pairwise([0, *used.booked])]
        seen["charges"] = added, [each * stage.coin for each in event["charges"]]
    return differences(f"event {number + 1}", **seen)


def test_a_difference_is_named() -> None:
    """Whatever was found otherwise than it must be; nothing else."""
    assert differences("start", cost=(1, 2), slow=(0, 0)) == ["start: cost: 1, not 2"]


@pytest.mark.parametrize("which", everything(), ids=title)
async def test_in_one_piece(which: Which) -> None:
    """What is charged, what moves, where it ends: as published."""
    clock = Clock()
    assert await play(which, Paper(clock), clock, whole) == []


@settings(max_examples=15, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("which", DIVISIBLE, ids=title)
async def test_in_pieces(which: Which, data: st.DataObject) -> None:
    """However a client asks and reports, the same is charged, moves, and is cut."""
    clock = Clock()

    def pieces(units: int) -> int:
        return data.draw(st.integers(1, units))

    assert await play(which, Paper(clock), clock, pieces) == []


def thirds(units: int) -> int:
    """In pieces that do not fit steps."""
    return -(-units // 3)


@pytest.mark.parametrize("cut", [whole, thirds])
@pytest.mark.parametrize("stem", FILES)
async def test_on_the_store(stem: str, cut: Cut, redis: Redis) -> None:
    """The store's functions charge and move the same."""
    library = Library.from_package()
    await library.load(redis)
    clock = Clock()
    ledger = RedisLedger(redis, library, clock=clock)
    for number, _ in enumerate(read(stem)["cases"]):
        assert await play((stem, number), ledger, clock, cut, str(number + 1)) == []
