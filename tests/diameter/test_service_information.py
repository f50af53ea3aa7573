"""Service-Information is read as far as it can be; whatever is odd in it is passed over."""

from dataclasses import replace

import pytest

from ocs.diameter.avp import octets, text, u32
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.credit_control import CCR
from ocs.diameter.dictionary import TGPP
from tests.support.messages import PLAIN, plain_ccr


def group(code: int, *members: bytes) -> bytes:
    """A group of 3GPP."""
    return octets(code, b"".join(members), vendor=TGPP)


def number(code: int, value: int) -> bytes:
    """A number of 3GPP."""
    return u32(code, value, vendor=TGPP)


def name(code: int, value: str) -> bytes:
    """A text of 3GPP."""
    return text(code, value, vendor=TGPP)


def data(code: int, value: bytes) -> bytes:
    """Octets of 3GPP."""
    return octets(code, value, vendor=TGPP)


#: A first request: later ones are not asked about their bearer.
FIRST = replace(PLAIN, request_type=1)


def read(*members: bytes, request_type: int = 1) -> CCR:
    """A CCR with these in its Service-Information."""
    return decode_ccr(plain_ccr(group(873, *members), request_type=request_type))


def party(code: int, address: str) -> bytes:
    """An address of a sender or recipient, with its type before it."""
    return group(code, number(899, 1), name(897, address))


# --- what says nothing --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "member",
    [
        group(874, data(2, b"123"), data(21, b""), data(21, b"12"), data(1228, b"")),
        group(874, data(1228, b"\0\1abc"), data(847, b"\0\2abcd"), data(847, b"\0\x08+7701")),
        group(874, octets(30, b"\xff"), data(18, b"\xff")),
        group(876, data(831, b"\xff"), data(832, b"\xff"), data(1251, b"\xff"), data(829, b"1")),
        group(876, data(841, b"\xff")),
        data(841, b"\xff"),
        group(2000, data(2019, b"12"), group(886), group(2027, data(897, b"\xff")), group(2026)),
        group(2000, group(2026, group(1201, data(897, b"\xff")), group(1201, number(899, 1)))),
        group(877, group(1201), group(1213), group(1213, data(1214, b"1")), group(886)),
        octets(443, octets(450, b"1") + text(444, "x")),
        octets(443, u32(450, 0) + octets(444, b"\xff")),
        octets(443, u32(450, 0)),
        group(874, octets(99_999, b"x"), data(99_999, b"x")),
        octets(99_999, b"x"),
    ],
)
def test_what_is_odd_is_passed_over(member: bytes) -> None:
    """Wrong sizes, no text, half a group, unknown AVPs with M: the request is as good without them."""
    assert read(member) == FIRST


def test_it_is_read_by_code_and_vendor() -> None:
    """APN is Called-Station-Id of the IETF, the rest is 3GPP's; anything else is passed over."""
    foreign = group(
        873,
        octets(443, u32(450, 1) + text(444, "x"), 0, TGPP),
        group(874, text(30, "x", 0, TGPP), text(18, "x", 0), octets(21, b"\6", 0)),
        group(876, text(831, "x", 0), text(832, "x", 0, 9), text(841, "x", 0)),
        group(2000, octets(2026, party(1201, "1"), 0, 9), u32(2019, 3, 0)),
        group(877, octets(1201, text(897, "1", 0), vendor=TGPP)),
    )
    # A group of another vendor is no Service-Information, whatever is in it.
    other = octets(873, octets(443, u32(450, 1) + text(444, "x")), 0, 9)
    extension = octets(659, text(660, "x", 0, TGPP) + octets(665, b"", 0), 0)
    assert decode_ccr(plain_ccr(foreign + other + extension, request_type=1)) == FIRST


def test_identities_in_it_count_only_where_no_other_is() -> None:
    """Some clients put them there, others in both places; of two values the first counts."""
    inner = octets(443, u32(450, 1) + text(444, "inner") + u32(450, 2) + text(444, "late"))
    assert read(inner).subscription_ids == ((1, "inner"),)
    outer = octets(443, text(444, "outer") + u32(450, 0))
    assert decode_ccr(plain_ccr(group(873, inner) + outer)).subscription_ids == ((0, "outer"),)


# --- PS (TS 32.251) -----------------------------------------------------------------------------------


def test_a_data_session_says_where_it_is() -> None:
    """Network, gateway, radio and place; the location is kept as it came."""
    location = bytes.fromhex("82040110000104011000000001")
    ccr = read(
        group(
            874,
            data(2, b"\0\0\1\0"),
            number(3, 0),
            data(1228, bytes((0, 1, 192, 0, 2, 1))),
            data(847, b"\0\2" + bytes.fromhex("20010db8000000000000000000000001")),
            text(30, "internet"),
            name(18, "40101"),
            data(21, b"\6"),
            data(22, location),
        )
    )
    assert ccr == replace(
        FIRST,
        charging_id=256,
        sgsn_address="192.0.2.1",
        ggsn_address="2001:db8::1",
        apn="internet",
        serving_plmn="40101",
        rat_type=6,
        user_location=location,
    )


@pytest.mark.parametrize(
    ("value", "expected"), [(b"\1", 1), (b"\xff", 255), (b"\0\0\0\6", 6), (b"\0\0\0\x68", 104)]
)
def test_the_radio_is_one_octet_or_a_number(value: bytes, expected: int) -> None:
    """TS 29.061, 16.4.7 has one octet; no value is refused."""
    assert read(group(874, data(21, value))).rat_type == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"\xc0\0\2\xff", "192.0.2.255"), (bytes(15) + b"\1", "::1"), (b"\0\1\0\0\0\0", "0.0.0.0")],
)
def test_an_address_may_lack_its_family(value: bytes, expected: str) -> None:
    """Four octets are IPv4, sixteen IPv6."""
    assert read(group(874, data(1228, value))).sgsn_address == expected


def test_an_odd_value_does_not_undo_a_good_one() -> None:
    """Passed over is passed over."""
    good = (text(30, "internet"), name(18, "40101"), data(21, b"\6"), data(2, b"abcd"))
    odd = (octets(30, b"\xff"), data(18, b"\xff"), data(21, b""), data(2, b""))
    assert read(group(874, *good, *odd)) == read(group(874, *good))


# --- IMS and VCS (TS 32.260, TS 32.276) ---------------------------------------------------------------


@pytest.mark.parametrize("code", [876, 3410])
def test_a_call_has_its_parties_its_side_and_its_identifier(code: int) -> None:
    """Calling-Party-Address stands once in older releases, more than once later."""
    one = (number(829, 1), name(832, "tel:+77050000001"), name(841, "icid-1"))
    call = replace(FIRST, role_of_node=1, called="tel:+77050000001", ims_charging_id="icid-1")
    assert read(group(code, *one, name(831, "tel:+7701"))) == replace(call, calling=("tel:+7701",))
    both = (name(831, "sip:a@example.net"), name(831, "tel:+7701"))
    assert read(group(code, *both, *one)) == replace(
        call, calling=("sip:a@example.net", "tel:+7701")
    )


@pytest.mark.parametrize("code", [876, 3410])
def test_the_dialled_number_stands_in_for_the_called_one(code: int) -> None:
    """Called-Party-Address, else the first Requested-Party-Address."""
    dialled = (name(1251, "tel:112"), name(1251, "tel:113"))
    assert read(group(code, *dialled)).called == "tel:112"
    assert read(group(code, *dialled, name(832, "tel:+7"))).called == "tel:+7"
    assert read(group(code, name(832, "tel:+7"), *dialled)).called == "tel:+7"
    assert read(group(code, *dialled), group(code, name(832, "tel:+7"))).called == "tel:+7"
    assert read(group(code, name(832, "tel:+7")), group(code, *dialled)).called == "tel:+7"
    assert read(group(code, text(832, "tel:+7"))).called is None


def test_the_charging_identifier_may_stand_outside_its_group() -> None:
    """The one inside counts where both are there."""
    assert read(name(841, "outside")).ims_charging_id == "outside"
    assert read(name(841, "outside"), group(876, name(841, "in"))).ims_charging_id == "in"
    assert read(group(876, name(841, "in")), name(841, "outside")).ims_charging_id == "in"


def test_a_circuit_switched_call_is_known_by_its_reference() -> None:
    """Network-Call-Reference-Number is octets of the switch; an IMS identifier goes before it."""
    reference = data(3418, b"\x01\xff")
    assert read(group(3410, reference)).ims_charging_id == "01ff"
    assert read(group(3410, reference, name(841, "icid"))).ims_charging_id == "icid"
    assert read(group(876, name(841, "icid")), group(3410, reference)).ims_charging_id == "icid"


# --- SMS and MMS (TS 32.274, TS 32.270) ---------------------------------------------------------------


def test_every_recipient_of_a_short_message_counts() -> None:
    """Each has its price: those of all Recipient-Infos, in order, also one named twice."""
    ccr = read(
        group(
            2000,
            number(2019, 3),
            group(2026, party(1201, "77010000002"), party(1201, "77010000003")),
            group(2026, group(2002, number(2006, 0)), party(1201, "77010000002")),
            party(2027, "77010000001"),
        )
    )
    assert ccr == replace(
        FIRST,
        messages=3,
        recipients=("77010000002", "77010000003", "77010000002"),
        originator="77010000001",
    )


def test_the_sender_of_a_short_message_is_the_address_after_translation() -> None:
    """Originator-Received-Address is what came in, before it."""
    translated, received = party(886, "77010000001"), party(2027, "87010000001")
    for members in ((translated, received), (received, translated)):
        assert read(group(2000, *members)).originator == "77010000001"


def test_a_multimedia_message_has_recipients_a_sender_and_a_class() -> None:
    """Recipient-Address stands in MMS-Information itself; class 1 is an advertisement."""
    ccr = read(
        group(
            877,
            party(886, "77010000001"),
            party(1201, "77010000002"),
            party(1201, "b@example.net"),
            group(1213, number(1214, 1), name(1215, "token")),
        )
    )
    assert ccr == replace(
        FIRST,
        originator="77010000001",
        recipients=("77010000002", "b@example.net"),
        message_class=1,
    )


@pytest.mark.parametrize("kind", [2, 3])
def test_a_bearer_is_rated_by_what_its_session_began_with(kind: int) -> None:
    """Where it is later changes no price: it is not read; who is called is, whatever the request."""
    bearer = group(874, data(1228, bytes(4)), data(21, b"\6"), octets(30, b"internet"))
    call = group(876, name(832, "tel:+77010000002"))
    found = read(bearer, call, request_type=kind)
    assert found == replace(PLAIN, request_type=kind, called="tel:+77010000002")
