"""AVPs are walked with strict lengths and written with padding."""

import pytest

from ocs.diameter.avp import (
    M_BIT,
    V_BIT,
    example,
    i32,
    i64,
    invalid,
    missing,
    octets,
    read_number,
    read_text,
    repeated,
    text,
    u32,
    u64,
    walk,
)
from ocs.diameter.framing import ProtocolError, ResultCode


def broken(data: bytes) -> ProtocolError:
    """The error of walking `data`."""
    with pytest.raises(ProtocolError) as caught:
        list(walk(data, 0, len(data)))
    return caught.value


def assert_well_formed(failed_avp: bytes) -> None:
    """A Failed-AVP is read by the peer: what is in it must be an AVP itself."""
    assert len(failed_avp) % 4 == 0
    assert len(list(walk(failed_avp, 0, len(failed_avp)))) == 1


@pytest.mark.parametrize("length", [0, 1, 7])
def test_a_length_below_the_header_is_5014(length: int) -> None:
    """Also 0, which must not loop."""
    error = broken(b"\0\0\1\x08\x40" + length.to_bytes(3, "big") + bytes(8))
    assert error.result_code == ResultCode.INVALID_AVP_LENGTH
    assert_well_formed(error.failed_avp)


@pytest.mark.parametrize("length", [8, 11])
def test_a_vendor_needs_twelve_octets(length: int) -> None:
    """With V the header is 12 octets long: 5014 comes before what the vendor might be."""
    error = broken(b"\0\0\1\x08\xc0" + length.to_bytes(3, "big") + bytes(8))
    assert error.result_code == ResultCode.INVALID_AVP_LENGTH
    assert_well_formed(error.failed_avp)


def test_a_length_past_the_end_is_5014_with_zeros_of_the_size() -> None:
    """The example has the type's size and none of the claimed octets."""
    error = broken(u32(416, 2)[:5] + b"\0\xff\xff" + b"\1\2\3\4")
    assert error.result_code == ResultCode.INVALID_AVP_LENGTH
    assert error.failed_avp == u32(416, 0)


@pytest.mark.parametrize("left", range(1, 8))
def test_octets_left_over_are_5014(left: int) -> None:
    """1 to 7 octets behind the last AVP are no AVP."""
    error = broken(u32(416, 1) + bytes(left))
    assert error.result_code == ResultCode.INVALID_AVP_LENGTH
    assert_well_formed(error.failed_avp)


def test_missing_padding_is_5014() -> None:
    """The last AVP is padded, too."""
    assert broken(text(264, "ocs")[:-1]).result_code == ResultCode.INVALID_AVP_LENGTH


def test_v_with_vendor_0_is_3009() -> None:
    """Vendor 0 is said by leaving V out (RFC 6733, 4.1)."""
    error = broken(b"\0\0\1\xa0\xc0\0\0\x10" + bytes(8))
    assert error.result_code == ResultCode.INVALID_AVP_BITS
    assert error.failed_avp == u32(416, 0)


def test_padding_and_reserved_bits_are_not_looked_at() -> None:
    """Padding need not be zero; the low bits of the flags are ignored."""
    data = b"\0\0\1\x08\x5f\0\0\x0bocs\xff"
    assert list(walk(data, 0, len(data))) == [(264, 0, 0x5F, 8, 11, 0)]


def test_writers_set_length_vendor_and_padding() -> None:
    """The octets of RFC 6733, 4.1; the length is without the padding."""
    assert text(264, "ocs").hex() == "000001084000000b6f637300"
    assert u32(869, 1, vendor=10415).hex() == "00000365c0000010000028af00000001"
    assert u64(421, 1).hex() == "000001a5400000100000000000000001"
    assert i32(429, -2).hex() == "000001ad4000000cfffffffe"
    assert i64(447, -1).hex() == "000001bf40000010ffffffffffffffff"
    assert octets(281, b"", 0).hex() == "0000011900000008"


@pytest.mark.parametrize(
    ("code", "vendor", "expected"),
    [
        (461, 0, octets(461, b"")),
        (416, 0, u32(416, 0)),
        (421, 0, u64(421, 0)),
        (456, 0, octets(456, b"")),
        (869, 10415, u32(869, 0, vendor=10415)),
        (99999, 0, octets(99999, b"")),
    ],
)
def test_an_example_has_the_smallest_value_of_its_type(
    code: int, vendor: int, expected: bytes
) -> None:
    """RFC 6733, 7.5: zero-filled; an empty Unsigned32 would not be read by the peer."""
    assert example(code, vendor) == expected


def test_an_example_keeps_m_and_drops_reserved_bits() -> None:
    """V comes from the vendor, M from the flags as received."""
    assert example(416, 0, 0x1F)[4] == 0
    assert example(869, 10415, 0x5F)[4] == V_BIT | M_BIT


@pytest.mark.parametrize("avp", [octets(416, b"123"), octets(416, bytes(8)), octets(421, bytes(4))])
def test_a_number_of_another_size_is_5014(avp: bytes) -> None:
    """The size belongs to the type, not to the message."""
    (found,) = walk(avp, 0, len(avp))
    with pytest.raises(ProtocolError) as caught:
        read_number(avp, found)
    assert caught.value.result_code == ResultCode.INVALID_AVP_LENGTH
    assert_well_formed(caught.value.failed_avp)


def test_text_that_is_not_utf8_is_5004_with_the_avp() -> None:
    """The offending AVP comes back as it was."""
    avp = octets(1, b"\xc3\x28")
    (found,) = walk(avp, 0, len(avp))
    with pytest.raises(ProtocolError) as caught:
        read_text(avp, found)
    assert caught.value.result_code == ResultCode.INVALID_AVP_VALUE
    assert caught.value.failed_avp == avp


def test_a_refusal_of_a_value_names_the_avp_as_it_came() -> None:
    """Flags and octets included, padded (RFC 6733, 7.1.5)."""
    message = bytes(20) + octets(461, b"x@y", 0)
    (found,) = walk(message, 20, len(message))
    for error, code in ((invalid(message, found, "why"), 5004), (repeated(message, found), 5009)):
        assert (error.result_code, error.failed_avp) == (code, octets(461, b"x@y", 0))
        assert not error.is_fatal


def test_what_is_missing_is_named_by_an_example() -> None:
    """Of the smallest size, or with the groups around it that it lacks in (RFC 6733, 7.5)."""
    assert (missing(415).result_code, missing(415).failed_avp) == (5005, u32(415, 0))
    nested = octets(443, u32(450, 0))
    assert missing(450, nested).failed_avp == nested
