"""Amounts as people write them become exact micros, or are refused with a sentence."""

import pytest
from hypothesis import given, strategies as st

from ocs.amounts import format_amount, parse_amount
from ocs.model import AMOUNT_LIMIT


@pytest.mark.parametrize(
    "text",
    ["", "abc", "1e3", "NaN", "1_000", "1,5", "+5", "12.", ".5", "0x10", "1.005", "٣", "9" * 13],
)
def test_refused(text: str) -> None:
    """Nothing is guessed, rounded or read as another notation."""
    with pytest.raises(ValueError, match=r"amount|coin|hold"):
        parse_amount(text)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("30", 30_000_000),
        ("12.50", 12_500_000),
        ("-0.01", -10_000),
        ("0", 0),
        ("1.500000", 1_500_000),
        ("9000000000", AMOUNT_LIMIT),
    ],
)
def test_accepted(text: str, micros: int) -> None:
    """Decimal text is exact micros."""
    assert parse_amount(text) == micros


@given(st.integers(-AMOUNT_LIMIT, AMOUNT_LIMIT))
def test_round_trip(micros: int) -> None:
    """What is shown reads back as the same amount, also below the smallest coin."""
    assert parse_amount(format_amount(micros), decimals=6) == micros


def test_shown_with_the_coins_of_the_currency() -> None:
    """Two decimals always, more only where the rest is not zero."""
    assert format_amount(120_000) == "0.12"
    assert format_amount(-5_000_000) == "-5.00"
    assert format_amount(1_234_567) == "1.234567"
    assert format_amount(7_000_000, decimals=0) == "7"
