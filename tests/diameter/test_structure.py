"""Structure is checked everywhere it could hurt, in order, within bounds."""

import pytest

from ocs.diameter.avp import MAX_AVPS, octets, text, u32
from ocs.diameter.dictionary import TGPP
from ocs.diameter.framing import HEADER_SIZE, ProtocolError, ResultCode
from ocs.diameter.structure import examine

UNKNOWN_M = octets(99_999, b"x")
UNKNOWN = octets(99_999, b"x", 0)
TRUNCATED = u32(432, 1)[:-4]


def refused(body: bytes) -> ProtocolError:
    """The error of examining a message with this body."""
    with pytest.raises(ProtocolError) as caught:
        examine(bytes(HEADER_SIZE) + body)
    return caught.value


def accepted(body: bytes) -> int:
    """How many AVPs stand at the top of a sound message."""
    structure = examine(bytes(HEADER_SIZE) + body)
    assert structure.wrong_size is None
    return len(structure.top)


def service_information(data: bytes) -> bytes:
    return octets(873, data, vendor=TGPP)


@pytest.mark.parametrize(
    "body",
    [
        octets(456, TRUNCATED),
        octets(456, octets(446, TRUNCATED)),
        octets(458, b"abc"),
        service_information(octets(874, b"abc", vendor=TGPP)),
        service_information(
            octets(
                2000, octets(2026, octets(1201, TRUNCATED, vendor=TGPP), vendor=TGPP), vendor=TGPP
            )
        ),
        octets(446, octets(413, octets(445, TRUNCATED))),
        octets(284, b"abc"),
    ],
)
def test_lengths_are_checked_in_groups_read_or_not(body: bytes) -> None:
    """An AVP lies inside its parent: 5014."""
    assert refused(body).result_code == ResultCode.INVALID_AVP_LENGTH


@pytest.mark.parametrize(
    "body", [UNKNOWN_M, octets(456, UNKNOWN_M), octets(458, UNKNOWN_M), octets(443, UNKNOWN_M)]
)
def test_an_unknown_avp_with_m_is_5001(body: bytes) -> None:
    """Also inside known groups; Failed-AVP is that AVP."""
    error = refused(body)
    assert error.result_code == ResultCode.AVP_UNSUPPORTED
    assert error.failed_avp == UNKNOWN_M


@pytest.mark.parametrize(
    "body",
    [
        UNKNOWN,
        octets(456, UNKNOWN),
        octets(99_998, UNKNOWN_M, 0),
        service_information(UNKNOWN_M),
        service_information(octets(874, UNKNOWN_M, vendor=TGPP)),
        *(
            service_information(octets(code, UNKNOWN_M, vendor=TGPP))
            for code in (876, 877, 2000, 2054, 3410)
        ),
        octets(284, UNKNOWN_M),
        u32(480, 2) + u32(485, 0) + octets(260, u32(266, TGPP) + u32(258, 4)),
    ],
)
def test_what_need_not_be_understood_is_passed_over(body: bytes) -> None:
    """No M; inside an unknown group without M; inside Service-Information; known of real clients."""
    assert accepted(body) >= 1


def test_a_known_code_of_another_vendor_is_unknown() -> None:
    """An AVP is its code and its vendor."""
    foreign = u32(432, 1, vendor=9999)
    assert refused(foreign).result_code == ResultCode.AVP_UNSUPPORTED
    assert accepted(u32(432, 1, 0, vendor=9999)) == 1


def test_the_first_of_several_faults_is_by_order_of_checks_not_of_place() -> None:
    """Lengths before flags before unknown AVPs (RFC 6733, 7.1.5 names one error only)."""
    no_vendor = b"\0\0\1\xa0\xc0\0\0\x0c" + bytes(4)
    assert refused(UNKNOWN_M + no_vendor + bytes(3)).result_code == ResultCode.INVALID_AVP_LENGTH
    assert refused(UNKNOWN_M + no_vendor).result_code == ResultCode.INVALID_AVP_BITS


def test_a_wrong_size_is_kept_for_later() -> None:
    """A matter of values: what is missing is said first. Not in Service-Information."""
    structure = examine(bytes(HEADER_SIZE) + octets(455, b"123"))
    assert structure.wrong_size is not None
    assert structure.wrong_size.result_code == ResultCode.INVALID_AVP_LENGTH
    assert structure.wrong_size.failed_avp == u32(455, 0)
    assert accepted(service_information(octets(874, octets(829, b"1", vendor=TGPP), vendor=TGPP)))


@pytest.mark.parametrize("group", [279, 456, 443])
def test_nine_levels_are_too_deep(group: int) -> None:
    """8 pass, 9 are 5004, whatever is nested; the answer's Failed-AVP is not deep."""
    body = b""
    for _ in range(8):
        body = octets(group, body)
    assert accepted(body) == 1
    error = refused(octets(group, body))
    assert error.result_code == ResultCode.INVALID_AVP_VALUE
    assert error.failed_avp == octets(group, b"")


def test_a_whole_message_of_nesting_ends_at_the_bound() -> None:
    """Thousands of levels cost no stack and no time."""
    body = b""
    for _ in range(5000):
        body = octets(279, body)
    assert refused(body).result_code == ResultCode.INVALID_AVP_VALUE


@pytest.mark.parametrize("wrap", [lambda data: data, lambda data: octets(456, data)])
def test_more_avps_than_the_limit_are_5009(wrap: object) -> None:
    """Counted over the whole message, groups included."""
    assert callable(wrap)
    assert accepted(wrap(octets(99_999, b"", 0) * (MAX_AVPS - 1))) >= 1
    error = refused(wrap(octets(99_999, b"", 0) * (MAX_AVPS + 1)))
    assert error.result_code == ResultCode.AVP_OCCURS_TOO_MANY_TIMES


def test_members_are_found_by_their_group() -> None:
    """Two groups of one code keep their members apart; an empty group has none."""
    body = octets(456, u32(432, 1)) + octets(456, b"") + octets(456, text(1, "x") + u32(432, 2))
    structure = examine(bytes(HEADER_SIZE) + body)
    members = [[each[0] for each in structure.groups[found[3]]] for found in structure.top]
    assert members == [[432], [], [1, 432]]
