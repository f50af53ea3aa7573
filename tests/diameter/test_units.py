"""Units are read to amounts, or refused where one could not be counted or would be a guess."""

import time

import pytest

from ocs.diameter.avp import example, i32, i64, octets, u32, u64
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.credit_control import MSCC, USU, Money, Units
from ocs.diameter.dictionary import TGPP
from ocs.diameter.framing import ProtocolError, ResultCode
from ocs.diameter.units import UNITS_LIMIT
from tests.support.messages import plain_ccr

KZT = 398


def money(digits: int, exponent: int | None = None, currency: int | None = None) -> bytes:
    """CC-Money."""
    value = i64(447, digits) + (b"" if exponent is None else i32(429, exponent))
    return octets(413, octets(445, value) + (b"" if currency is None else u32(425, currency)))


def requested(units: bytes) -> Units | None:
    """What is read of a Requested-Service-Unit at command level."""
    return decode_ccr(plain_ccr(octets(437, units))).command_rsu


def refused(units: bytes) -> ProtocolError:
    """The error of these units, which is the same wherever they stand."""
    errors = []
    for group in (437, 446):
        for more in (octets(group, units), octets(456, octets(group, units))):
            with pytest.raises(ProtocolError) as caught:
                decode_ccr(plain_ccr(more))
            errors.append(caught.value)
    assert len({(error.result_code, error.message) for error in errors}) == 1
    return errors[0]


@pytest.mark.parametrize(
    "units",
    [
        u64(421, UNITS_LIMIT),
        u64(417, UNITS_LIMIT),
        u64(417, 2**64 - 1),
        u64(412, UNITS_LIMIT - 1) + u64(414, 1),
    ],
)
def test_more_units_than_the_store_counts_are_5004(units: bytes) -> None:
    """At 2^53 the last unit would be lost; the sum of both directions counts, too."""
    assert refused(units).result_code == ResultCode.INVALID_AVP_VALUE


@pytest.mark.parametrize("exponent", [-10, 10, 2**31 - 1, -(2**31)])
def test_an_exponent_out_of_range_is_5004_at_once(exponent: int) -> None:
    """Ten to the 2147483647th must not be computed; Failed-AVP is the Exponent."""
    started = time.process_time()
    error = refused(money(1, exponent))
    assert time.process_time() - started < 1
    assert (error.result_code, error.failed_avp) == (
        ResultCode.INVALID_AVP_VALUE,
        i32(429, exponent),
    )


@pytest.mark.parametrize(
    ("digits", "exponent"),
    [
        (-1, 0),
        (-(2**63), -9),
        (2**63 - 1, 9),
        (2**63 - 1, None),
        (9_007_199_255, 0),
        (9_007_199_254_740_992, -6),
        (9_007_199_254_740_992_000, -9),
    ],
)
def test_an_amount_below_zero_or_beyond_counting_is_5004(digits: int, exponent: int | None) -> None:
    """Nobody asks for less than nothing, and 2^53 millionths are more than an account holds."""
    error = refused(money(digits, exponent))
    assert (error.result_code, error.failed_avp) == (
        ResultCode.INVALID_AVP_VALUE,
        i64(447, digits),
    )


@pytest.mark.parametrize(
    "members", [b"", u32(425, KZT), octets(445, b""), octets(445, i32(429, -2))]
)
def test_money_without_digits_is_5005_in_its_groups(members: bytes) -> None:
    """Unit-Value and Value-Digits are required (RFC 8506, 8.8 and 8.22)."""
    error = refused(octets(413, members))
    assert error.result_code == ResultCode.MISSING_AVP
    assert error.failed_avp == octets(413, octets(445, example(447)))


@pytest.mark.parametrize(
    ("units", "again"),
    [
        (money(1) + money(2), money(2)),
        (octets(413, octets(445, i64(447, 1)) * 2), octets(445, i64(447, 1))),
        (octets(413, octets(445, i64(447, 1) + i64(447, 2))), i64(447, 2)),
        (octets(413, octets(445, i64(447, 1) + i32(429, 0) + i32(429, 2))), i32(429, 2)),
        (octets(413, octets(445, i64(447, 1)) + u32(425, 398) + u32(425, 840)), u32(425, 840)),
        (u32(420, 5) + u32(420, 6), u32(420, 6)),
    ],
)
def test_twice_is_5009_with_the_second(units: bytes, again: bytes) -> None:
    """Which of two amounts, exponents or currencies counts would be a guess."""
    error = refused(units)
    assert (error.result_code, error.failed_avp) == (
        ResultCode.AVP_OCCURS_TOO_MANY_TIMES,
        again,
    )


@pytest.mark.parametrize(
    "members",
    [octets(445, octets(447, bytes(4))), octets(445, i64(447, 1) + octets(429, bytes(8)))],
)
def test_a_wrong_size_is_5014(members: bytes) -> None:
    """Value-Digits has eight octets, Exponent four."""
    assert refused(octets(413, members)).result_code == ResultCode.INVALID_AVP_LENGTH


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (b"", Units()),
        (money(1250, -2, KZT), Units(money=Money(1250, -2, KZT))),
        (money(5), Units(money=Money(5, 0, None))),
        (money(0, 9), Units(money=Money(0, 9))),
        (money(9_007_199_254, 0), Units(money=Money(9_007_199_254))),
        (money(9_007_199_254_740_991_999, -9), Units(money=Money(9_007_199_254_740_991_999, -9))),
        (money(9, 9), Units(money=Money(9, 9))),
        (u32(420, 2**32 - 1) + money(1), Units(time=2**32 - 1, money=Money(1))),
        (u64(412, 3) + u64(414, 4), Units(input_octets=3, output_octets=4)),
        (u64(421, UNITS_LIMIT - 1), Units(total_octets=UNITS_LIMIT - 1)),
        (u64(417, 2) + u64(417, 9, 0, 9999) + octets(413, b"", 0, 9999), Units(specific=2)),
    ],
)
def test_units_are_read(units: bytes, expected: Units) -> None:
    """An absent Exponent is 0, an absent currency the account's; another vendor's AVPs are not ours."""
    assert requested(units) == expected


def test_usage_has_its_reason_and_its_side_of_the_tariff_change() -> None:
    """Reporting-Reason is 3GPP's, Tariff-Change-Usage the IETF's."""
    used = u32(420, 9) + u32(452, 1) + u32(872, 3, vendor=TGPP)
    foreign = u32(452, 2, 0, TGPP) + u32(872, 4, 0)
    ccr = decode_ccr(plain_ccr(octets(456, octets(446, used + foreign) + octets(446, money(3)))))
    assert ccr.mscc == (MSCC(usu=(USU(Units(time=9), 3, 1), USU(Units(money=Money(3))))),)
