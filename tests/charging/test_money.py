"""Amounts on the wire, and what an answer says of the balance."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from ocs.charging.money import as_money, cost_information, micros_of, refused_money, tell_balance
from ocs.diameter.credit_control import CCA, USU, Money, Units
from ocs.model import ChargeOutcome, OutcomeStatus
from ocs.rating.catalogue import Currency
from tests.charging.worked import ANY, DATA, KZT, data, mscc

YEN, DINAR = Currency("JPY", 392, 0), Currency("KWD", 414, 3)


def other(currency: int | None) -> Units:
    """One unit of a currency."""
    return Units(money=Money(1, 0, currency))


@pytest.mark.parametrize("currency", [840, 0])
def test_another_currency(currency: int) -> None:
    """5004 with the Currency-Code, wherever it stands: at command level or in a service."""
    wrong = other(currency)
    for ccr in (
        replace(data(4, 0), command_rsu=wrong),
        replace(data(4, 0), command_usu=(USU(wrong),)),
        data(2, 1, mscc(1, None, ANY), mscc(2, None, wrong)),
        data(2, 1, mscc(2, wrong)),
    ):
        refused = refused_money(ccr, KZT)
        assert refused is not None and refused.result_code == 5004
        assert refused.failed_avp == bytes.fromhex("000001a9 4000000c") + currency.to_bytes(
            4, "big"
        )


def test_own_currency() -> None:
    """Named or not."""
    fine = data(2, 1, mscc(1, other(398), other(None)), mscc(2, None, ANY))
    assert refused_money(fine, KZT) is None
    assert refused_money(data(2, 1), KZT) is None


@pytest.mark.parametrize(
    ("money", "micros"),
    [
        (Money(1250, -2), 12_500_000),
        (Money(5, -2), 50_000),
        (Money(3), 3_000_000),
        (Money(2, 3), 2_000_000_000),
        (Money(1_499, -9), 1),
        (Money(1_500, -9), 2),
        (Money(0, 9), 0),
    ],
)
def test_micros(money: Money, micros: int) -> None:
    """Exact, and half up below a micro."""
    assert micros_of(money) == micros


@given(st.integers(0, 10**15), st.sampled_from([KZT, YEN, DINAR]))
def test_money_there_and_back(micros: int, currency: Currency) -> None:
    """A grant in money is exact, with the currency's decimals where they do."""
    written = as_money(micros, currency)
    assert micros_of(written) == micros and written.currency == currency.code
    assert written.exponent in (-6, -currency.decimals)


def test_money_as_written() -> None:
    """12.50 is 1250 with two decimals; what is finer has six."""
    assert as_money(12_500_000, KZT) == Money(1250, -2, 398)
    assert as_money(12_505_000, KZT) == Money(12_505_000, -6, 398)
    assert as_money(3_000_000, YEN) == Money(3, 0, 392)


@pytest.mark.parametrize(
    ("micros", "currency", "expected"),
    [
        (40_000_000, KZT, (4000, -2, 398)),
        (0, KZT, (0, -2, 398)),
        (54_999, KZT, (5, -2, 398)),
        (55_000, KZT, (6, -2, 398)),
        (1_500_000, YEN, (2, 0, 392)),
        (1_234_567, DINAR, (1235, -3, 414)),
    ],
)
def test_cost_information(micros: int, currency: Currency, expected: tuple[int, int, int]) -> None:
    """Value-Digits, Exponent and ISO 4217 code with the currency's decimals, half up."""
    assert cost_information(micros, currency) == expected


def told(available: int, is_replayed: bool = False, low: int | None = 5_000_000) -> CCA:
    """An answer to somebody with this balance."""
    policy = replace(DATA, low_balance_micros=low, tells_balance=True)
    cca = CCA(2001)
    outcome = ChargeOutcome(OutcomeStatus.CHARGED, available=available, is_replayed=is_replayed)
    tell_balance(cca, outcome, policy, KZT)
    return cca


@pytest.mark.parametrize(
    ("available", "low"), [(0, 1), (4_999_999, 1), (5_000_000, 0), (9_000_000, 0)]
)
def test_low_balance(available: int, low: int) -> None:
    """Below the threshold, not at it."""
    cca = told(available)
    assert (cca.low_balance, cca.remaining_balance) == (low, cost_information(available, KZT))


def test_balance_that_is_not_told() -> None:
    """Nowhere that nobody asked for it; a repeat says what its first answer said."""
    assert told(7, is_replayed=True) == told(7)
    assert told(0, low=None).low_balance is None
    plain = CCA(2001)
    tell_balance(plain, ChargeOutcome(OutcomeStatus.CHARGED), DATA, KZT)
    assert (plain.low_balance, plain.remaining_balance) == (None, None)
