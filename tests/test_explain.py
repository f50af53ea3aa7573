"""Explanations: each figure of a charge is found again in a sentence, with its reason."""

from fractions import Fraction

import pytest

from ocs.books import Balance, LedgerEntry, Move
from ocs.explain import Currency, explain, explain_entry, read_note
from ocs.model import (
    MICROS,
    AccountId,
    Charge,
    Draw,
    Leg,
    Rounding,
    RoundingMode,
    UnitKind,
    UtcMillis,
    Way,
)
from ocs.rating.lay import Laid, Laying, lay
from ocs.rating.price import MAX_UNITS
from ocs.rating.price_ways import PriceWay

KZT = Currency("KZT")
NOW = UtcMillis(1_551_679_200_000)
#: 11.00 for each minute begun.
MINUTES = Way("p.base.1", (Leg(0, MAX_UNITS, 60, 11 * MICROS),))


def charge(*ways: Way, **changes: object) -> Charge:
    """A call that is paid by these ways."""
    base = {"unit": UnitKind.SECONDS, "ways": ways, "note": "3f2a|base.1|12/112"}
    return Charge("10", None, None, **base | changes)  # type: ignore[arg-type]  # fields by name


def told(asked: Charge, units: int, free: dict[str, int], before: Laid | None = None) -> list[str]:
    """What is said of so many units."""
    state = Laid() if before is None else before
    return [*explain(asked, state, _laying(asked, units, free, state), KZT)]


def _laying(asked: Charge, units: int, free: dict[str, int], state: Laid) -> Laying:
    return lay(asked, state, units, free, at=NOW, is_grant=True)


# --- notes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "3f2a", "a|b", "a|b|c", "a|b|1/0", "a|b|-1/2"])
def test_a_note_of_another_form_is_a_version(text: str) -> None:
    """Nothing is read out of a note that this project did not write."""
    assert read_note(text).version == text
    assert read_note(text).tax == 0


def test_a_note_names_version_price_and_tax() -> None:
    """The name of a price may hold the sign that divides."""
    note = read_note("3f2a|base|night|12/112")
    assert (note.version, note.price, note.tax) == ("3f2a", "base|night", Fraction(3, 28))


# --- what would be charged --------------------------------------------------------------------------


def test_nothing_can_be_paid_and_the_reason_is_told() -> None:
    """10.99 do not pay a minute of 11.00."""
    said = told(charge(MINUTES), 60, {"main": 10_990_000})
    assert "Way p.base.1 is passed over: the money does not suffice." in said
    assert "60 seconds cannot be paid: the money does not suffice." in said


def test_steps_are_multiplied_out() -> None:
    """61 s are two minutes begun: 22.00; tax 12/112 of it is 2.357..., 2.36."""
    assert told(charge(MINUTES), 61, {"main": 100 * MICROS}) == [
        "Priced by catalogue version 3f2a, price base.1.",
        "The price includes tax: 3/28 of it, 2.36 KZT.",
        "61 seconds on way p.base.1: 2 x 11.00 KZT for each 60 begun = 22.00 KZT. "
        "Taken: 22.00 KZT from main.",
        "The event costs 22.00 KZT; rounding half up to 0.01 KZT adds nothing.",
    ]


def test_a_begun_step_is_not_charged_again() -> None:
    """10 s of a minute are used: 20 more cost nothing, and what was booked is told apart."""
    said = told(charge(MINUTES), 20, {"main": 0}, Laid((("p.base.1", 10),), 11 * MICROS))
    assert "20 seconds on way p.base.1: within a step that is paid." in said
    assert said[-1] == "Of it 11.00 KZT was booked before, 0.00 KZT is new."


def test_a_bucket_comes_first_and_is_counted_in_units() -> None:
    """30 s left of a bundle, then 60 s at 11.00 a minute."""
    bundle = Way("b.7.min", (Leg(0, MAX_UNITS, 1, 0),), (), (Draw("7.min", 1, 1),))
    said = told(charge(bundle, MINUTES), 90, {"main": 50 * MICROS, "7.min": 30})
    assert said[2:5] == [
        "30 seconds on way b.7.min: no charge in money. Taken: 30 from 7.min.",
        "Way b.7.min is passed over: a balance of units, or a limit, does not suffice.",
        "60 seconds on way p.base.1: 1 x 11.00 KZT for each 60 begun = 11.00 KZT. "
        "Taken: 11.00 KZT from main.",
    ]


def test_a_fraction_of_a_millionth_is_told_exactly() -> None:
    """A third of a tenge for a second: 1/3, half up 0.33; up 0.34."""
    third = Way("p.base.2", (Leg(0, MAX_UNITS, 1, MICROS),))
    down = told(charge(third, denominator=3), 1, {"main": MICROS})
    assert "The event costs 1/3 KZT exactly, rounded once, half up to 0.01 KZT: 0.33 KZT." in down
    up = charge(third, denominator=3, rounding=Rounding(RoundingMode.UP))
    assert "The event costs 1/3 KZT exactly, rounded once, up to 0.01 KZT: 0.34 KZT." in told(
        up, 1, {"main": MICROS}
    )


def test_entry_least_and_most_are_told() -> None:
    """2.00 once and 0.10 a second: 5 s are 2.50, raised to 3.00; 100 s are 12.00, kept to 9.00."""
    way = Way("p.base.3", (Leg(0, MAX_UNITS, 1, 100_000, 2 * MICROS),))
    limited = charge(way, least=3 * MICROS, most=9 * MICROS)
    low = told(limited, 5, {"main": 50 * MICROS})
    assert low[2] == (
        "5 seconds on way p.base.3: 2.00 KZT once; 5 x 0.10 KZT for each 1 begun = 0.50 KZT. "
        "Taken: 3.00 KZT from main."
    )
    assert low[-1] == "An event costs at the least 3.00 KZT."
    assert told(limited, 100, {"main": 50 * MICROS})[-1] == "An event costs at the most 9.00 KZT."


def test_a_second_leg_is_priced_by_its_own_steps() -> None:
    """A minute flat at 5.00, then 0.10 a second: 70 s are 5.00 and 1.00."""
    way = Way("p.base.4", (Leg(0, 60, 60, 5 * MICROS), Leg(60, MAX_UNITS, 1, 100_000)))
    said = told(charge(way), 70, {"main": 50 * MICROS})
    joined = " ".join(said)
    assert "1 x 5.00 KZT for each 60 begun = 5.00 KZT" in joined
    assert "10 x 0.10 KZT for each 1 begun = 1.00 KZT" in joined
    assert "The event costs 6.00 KZT;" in joined


# --- what was charged -------------------------------------------------------------------------------


def entry(**changes: object) -> LedgerEntry:
    """A report of 90 seconds."""
    after = Balance(credited=50 * MICROS, available=39 * MICROS, spent=11 * MICROS, sequence=4)
    values: dict[str, object] = {
        "entry_id": "1-0", "sequence": 4, "previous": "", "account_id": AccountId("1"),
        "kind": "charge", "at": NOW, "actor": "msc", "reason": "", "session_id": b"s",
        "request": "U2", "key": "10", "units": 90, "granted": 0, "credited": 0,
        "spent": 11 * MICROS, "reserved": -22 * MICROS, "written_off": 0, "after": after,
        "moves": (Move("7.min", -30, -60, 0, 0),), "laid": (("b.7.min", 30), ("p.base.1", 60)),
        "note": "3f2a|base.1|0/1",
    }  # fmt: skip
    return LedgerEntry(**values | changes)  # type: ignore[arg-type]  # fields by name


def test_an_entry_tells_what_paid_and_what_moved() -> None:
    """Its ways are found in the catalogue of its version."""
    ways = {"p.base.1": PriceWay(MINUTES, 1)}
    assert explain_entry(entry(), ways, KZT) == (
        "Entry 4 of account 1: charge U2 service 10.",
        "Priced by catalogue version 3f2a, price base.1.",
        "30 units on way b.7.min: units or money of a bucket.",
        "60 units on way p.base.1: from 0 on 11.00 KZT for each 60 begun.",
        "Of main money: 11.00 KZT spent, 22.00 KZT less reserved.",
        "Balance 7.min: -30, held -60, now 0 of which 0 held.",
    )


def test_an_entry_of_an_unknown_way_and_a_topup_are_told_as_far_as_known() -> None:
    """A version that is gone says nothing of prices; a top-up was not priced."""
    said = explain_entry(entry(laid=(("p.gone.1", 5),)), {}, KZT)
    assert "5 units on way p.gone.1." in said
    topup = entry(kind="topup", request="", key="", spent=0, reserved=0, credited=30 * MICROS,
                  moves=(), laid=(), note="", reason="voucher")  # fmt: skip
    assert explain_entry(topup, {}, KZT) == (
        "Entry 4 of account 1: topup (voucher).",
        "Of main money: 30.00 KZT credited.",
    )
