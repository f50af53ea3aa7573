"""What the audience sees, and what is kept of what was verified."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from ocs.books import Balance, LedgerEntry
from ocs.demo.stage import Stage, money, quota_bar
from ocs.model import MICROS, AccountId, UtcMillis


def staged() -> tuple[Stage, io.StringIO]:
    """A stage and what is written on it."""
    seen = io.StringIO()
    return Stage(Console(file=seen, width=100), 0.0), seen


@pytest.mark.parametrize(
    ("micros", "shown"),
    [(0, "0.00"), (10_000, "0.01"), (11_990_000, "11.99"), (-500_000, "-0.50"), (9_999, "0.00")],
)
def test_money(micros: int, shown: str) -> None:
    """Tenge with two decimals, whatever the sign."""
    assert money(micros) == shown


@pytest.mark.parametrize(
    ("used", "of", "blocks"), [(0, 10, 0), (5, 10, 15), (10, 10, 30), (0, 0, 0)]
)
def test_quota_bar(used: int, of: int, blocks: int) -> None:
    """As much of the bar as of the quota; an empty quota fills nothing."""
    bar = quota_bar(used, of, "s").plain
    assert bar.count("█") == blocks and f"{used} of {of} s" in bar


def test_failed_expectation_is_shown_and_counted() -> None:
    """What came differently is named with both values; the table counts by scene."""
    stage, seen = staged()
    stage.scene("One", "a story")
    stage.expect("the answer", 2001, 4012)
    stage.expect("the grant", 60, 60)
    stage.scene("Two", "another")
    stage.expect("the rest", "1.00", "1.00")
    assert stage.summary() == 1
    assert [each.is_met for each in stage.expectations] == [False, True, True]
    assert "expected 2001, got 4012" in seen.getvalue()
    assert [each.scene for each in stage.expectations] == ["One", "One", "Two"]


def test_nothing_failed() -> None:
    """0 where all was met."""
    stage, _ = staged()
    stage.scene("One", "a story")
    stage.expect("all", 1, 1)
    assert stage.summary() == 0


def entry(sequence: int, kind: str, request: str = "", **amounts: int) -> LedgerEntry:
    """A ledger entry that moved these amounts."""
    plain = LedgerEntry(
        entry_id=f"{sequence}-0",
        sequence=sequence,
        previous="",
        account_id=AccountId("7"),
        kind=kind,
        at=UtcMillis(0),
        actor="test",
        reason="",
        session_id=b"",
        request=request,
        key="",
        units=0,
        granted=0,
        credited=0,
        spent=0,
        reserved=0,
        written_off=0,
        after=Balance(),
    )
    return replace(plain, **amounts)  # type: ignore[arg-type]  # by name


def test_ledger_shows_each_entry_once() -> None:
    """Oldest first, with the amounts that moved and their signs; what was shown is not shown again."""
    stage, seen = staged()
    stage.scene("One", "a story")
    first = entry(1, "topup", credited=30_000_000)
    second = entry(2, "charge", "U1", spent=11_000_000, reserved=-11_000_000)
    stage.ledger([second, first])
    stage.ledger([entry(3, "charge", "T2"), second, first])
    lines = [line.strip() for line in seen.getvalue().splitlines() if "ledger" in line]
    assert lines == [
        "ledger #1 topup: credited +30.00",
        "ledger #2 charge U1: spent +11.00, reserved -11.00",
        "ledger #3 charge T2: nothing moved",
    ]


def test_a_new_scene_begins_with_its_own_entries() -> None:
    """Another scene is about another account, whose numbers start again."""
    stage, seen = staged()
    for name in ("One", "Two"):
        stage.scene(name, "a story")
        stage.ledger([entry(1, "topup", credited=10_000)])
    assert seen.getvalue().count("ledger #1") == 2


@pytest.mark.parametrize(
    ("available", "reserved", "spent", "bar"),
    [
        (30, 0, 0, "█" * 30),
        (10, 10, 10, "█" * 10 + "▒" * 10 + "·" * 10),
        (0, 0, 30, "·" * 30),
        (0, 0, 0, "·" * 30),
    ],
)
def test_balance_bar(available: int, reserved: int, spent: int, bar: str) -> None:
    """Free, reserved and spent are shares of what was credited, and stand beside it in figures."""
    stage, seen = staged()
    credited, *amounts = (
        each * MICROS for each in (available + reserved + spent, available, reserved, spent)
    )
    stage.balance(Balance(credited, amounts[0], amounts[1], amounts[2]), 30 * MICROS)
    line = seen.getvalue()
    assert bar in line
    assert f"free {available}.00, reserved {reserved}.00, spent {spent}.00" in line


async def test_without_a_pause_a_bar_is_drawn_once() -> None:
    """Nobody watches: one line, and no waiting."""
    stage, seen = staged()
    await stage.step("server", "grants 60 s")
    await stage.use(30, 60, "s")
    assert "  server  grants 60 s" in seen.getvalue()
    assert seen.getvalue().count("30 of 60 s used") == 1


async def test_with_a_pause_a_bar_fills() -> None:
    """Somebody watches: the last frame is what was used."""
    seen = io.StringIO()
    stage = Stage(Console(file=seen, width=100, force_terminal=True), 1e-6)
    await stage.step("server", "grants 60 s")
    await stage.use(60, 60, "s")
    assert seen.getvalue().count("of 60 s used") > 2
    assert "60 of 60 s used" in seen.getvalue()
