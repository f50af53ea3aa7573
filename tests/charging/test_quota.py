"""Sizes of grants, thresholds and times."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from ocs.charging import quota
from ocs.diameter.credit_control import MSCC, USU, Units
from ocs.model import UnitKind
from tests.charging.worked import ANY, DATA, KZT, MIB, VOICE, mscc, octets, seconds

EVENTS = replace(DATA, name="sms", unit=UnitKind.EVENTS)


@pytest.mark.parametrize(
    ("service", "asked"),
    [
        (DATA, mscc(10, seconds(60), ANY)),
        (DATA, mscc(10, Units(specific=1))),
        (DATA, mscc(10, None, seconds(60))),
        (DATA, mscc(10, octets(5), seconds(60))),
        (VOICE, mscc(10, octets(1), seconds(60))),
        (VOICE, mscc(10, Units(input_octets=1), ANY)),
        (EVENTS, mscc(10, seconds(1), ANY)),
    ],
)
def test_foreign_units_are_not_counted(service: object, asked: MSCC) -> None:
    """A report or a wish in other units only has no price; taken as nothing it would be free."""
    assert isinstance(service, type(DATA))
    assert not quota.is_counted(asked, service)


@pytest.mark.parametrize(
    ("service", "asked"),
    [
        (DATA, mscc(10)),
        (DATA, mscc(10, ANY, ANY)),
        (DATA, mscc(10, seconds(0), ANY)),
        (DATA, mscc(10, Units(time=9, total_octets=1), Units(time=1, total_octets=1))),
        (DATA, mscc(10, Units(time=9, input_octets=0), ANY)),
        # Double quota: one report for each kind (TS 32.299, 7.2: OTHER_QUOTA_TYPE).
        (DATA, MSCC(10, (), ANY, (USU(seconds(9)), USU(octets(1))))),
        (VOICE, mscc(10, Units(time=9, input_octets=4), seconds(60))),
        (EVENTS, mscc(10, Units(specific=1), ANY)),
    ],
)
def test_units_of_the_service_are_counted(service: object, asked: MSCC) -> None:
    """Other units beside the right ones, all zero, or none at all, are no fault."""
    assert isinstance(service, type(DATA))
    assert quota.is_counted(asked, service)


@pytest.mark.parametrize(
    ("named", "amount"),
    [
        (None, 100 * MIB),
        (0, 100 * MIB),
        (1, 64 << 10),
        (64 << 10, 64 << 10),
        (1_000_000, 1_000_000),
        (1 << 30, 1 << 30),
        ((1 << 30) + 1, 1 << 30),
    ],
)
def test_bounded(named: int | None, amount: int) -> None:
    """The client's amount within bounds; without one the default."""
    assert quota.bounded(named, DATA) == amount


@pytest.mark.parametrize(
    ("reports", "total"),
    [
        ((), None),
        ((Units(),), 0),
        ((seconds(7),), 0),
        ((octets(7),), 7),
        ((Units(input_octets=3, output_octets=4),), 7),
        ((Units(total_octets=9, input_octets=3, output_octets=4),), 9),
        ((octets(7), seconds(100), octets(5)), 12),
    ],
)
def test_used(reports: tuple[Units, ...], total: int | None) -> None:
    """Reports are added up in the service's unit; the total counts before the directions."""
    assert quota.used(tuple(USU(each) for each in reports), DATA) == total


def test_reports_beyond_counting() -> None:
    """The store counts to 2^53: several reports below it are cut there, not lost with the request."""
    assert quota.used((USU(octets(2**53 - 1)), USU(octets(5))), DATA) == 2**53 - 1
    assert quota.total([seconds(2**52)] * 4, UnitKind.SECONDS) == 2**53 - 1


def test_grants_are_in_the_unit_of_the_service() -> None:
    """One AVP, the one that the service counts."""
    assert quota.granted(5, UnitKind.SECONDS, KZT) == Units(time=5)
    assert quota.granted(5, UnitKind.OCTETS, KZT) == Units(total_octets=5)
    assert quota.granted(5, UnitKind.EVENTS, KZT) == Units(specific=5)


@pytest.mark.parametrize(
    ("amount", "percent", "value"),
    [
        (100, 0, None),
        (4, 20, None),  # four fifths of a unit
        (5, 20, 1),
        (100 * MIB, 20, 20 * MIB),
        (1, 90, None),
        (2**40, 20, 2**32 - 1),
    ],
)
def test_threshold(amount: int, percent: int, value: int | None) -> None:
    """Whole units, above zero, below the grant, in 32 bits; else none is sent."""
    assert quota.threshold(amount, percent) == value


@given(st.integers(1, 2**50), st.integers(0, 90))
def test_a_threshold_is_always_usable(amount: int, percent: int) -> None:
    """Whatever is configured: inside the grant and inside Unsigned32."""
    value = quota.threshold(amount, percent)
    assert value is None or (0 < value < amount and value < 2**32)


@pytest.mark.parametrize(
    ("amount", "kind", "expected"),
    [
        (60, UnitKind.SECONDS, 600),
        (599, UnitKind.SECONDS, 600),
        (600, UnitKind.SECONDS, 660),
        (3600, UnitKind.SECONDS, 3660),
        (10**9, UnitKind.OCTETS, 600),
    ],
)
def test_validity(amount: int, kind: UnitKind, expected: int) -> None:
    """Longer than a grant of time, which a shorter one would cut; else as configured."""
    assert quota.validity(600, amount, kind) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (0, 1200),
        (60, 1200),
        (3600, 7320),  # a grant of 3600 s is valid for 3660 s
    ],
)
def test_supervision_of_time(wanted: int, expected: int) -> None:
    """Twice the longest Validity-Time that can be answered (RFC 8506, 13)."""
    assert quota.supervision_seconds(wanted, VOICE) == expected


def test_supervision_of_volume() -> None:
    """A volume does not prolong it, and a minute is the least."""
    assert quota.supervision_seconds(1 << 30, DATA) == 7200
    assert quota.supervision_seconds(0, replace(DATA, validity_seconds=29)) == 60


@given(st.integers(1, 2**31), st.integers(30, 86400), st.data())
def test_supervision_outlives_every_grant(
    wanted: int, validity_seconds: int, draw: st.DataObject
) -> None:
    """No grant up to what was asked has a Validity-Time of more than half of Tcc."""
    service = replace(VOICE, validity_seconds=validity_seconds)
    tcc = quota.supervision_seconds(wanted, service)
    amount = draw.draw(st.integers(1, wanted))
    sent = quota.validity(validity_seconds, amount, UnitKind.SECONDS)
    assert amount < sent and 2 * sent <= tcc
