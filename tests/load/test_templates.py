"""A filled template says exactly what was filled in, to two decoders."""

import pytest
from diameter.message import Message
from diameter.message.commands import CreditControlRequest

from ocs.diameter.ccr import decode_ccr
from ocs.load.templates import (
    EVENT,
    INITIAL,
    TERMINATION,
    UPDATE,
    Sender,
    Template,
    group_of,
    template,
)

SENDER = Sender("load-0.load.example", "load.example", "ocs.example", "0badf00d")
WHO, MOMENT = b"999000004711", 1_790_000_000
SCUR = (INITIAL, UPDATE, TERMINATION)
CASES = [
    *(("data", kind, count) for kind in SCUR for count in (1, 2, 10)),
    *(("voice", kind, 1) for kind in SCUR),
    ("sms", EVENT, 1),
]


def filled(kind: str, request_type: int, count: int, network: str = "") -> bytes:
    """One request, with values of its own."""
    used = tuple(1_000_000_007 * (place + 1) for place in range(count)) if kind == "data" else (59,)
    made = template(SENDER, kind, request_type, count, network)
    return bytes(made.fill(0x01020304, 0x05060708, b"0000beef", 7, MOMENT, WHO, used, b"1234567"))


@pytest.mark.parametrize(("kind", "request_type", "count"), CASES)
def test_the_server_reads_what_was_filled_in(kind: str, request_type: int, count: int) -> None:
    """By its own decoder."""
    ccr = decode_ccr(filled(kind, request_type, count))
    assert (ccr.hop_by_hop, ccr.end_to_end) == (0x01020304, 0x05060708)
    assert ccr.session_id == b"load-0.load.example;0badf00d;0000beef"
    assert (ccr.origin_host, ccr.origin_realm) == ("load-0.load.example", "load.example")
    assert ccr.destination_realm == "ocs.example"
    assert (ccr.request_type, ccr.request_number) == (request_type, 7)
    assert ccr.event_timestamp == MOMENT
    assert ccr.subscription_ids == ((0, WHO.decode()),)
    assert len(ccr.mscc) == count
    for place, mscc in enumerate(ccr.mscc):
        assert (mscc.rsu is not None) == (request_type != TERMINATION)
        if kind == "sms":
            assert mscc.rsu is not None and mscc.rsu.specific == 1
            continue
        assert mscc.rating_group == group_of(place)
        used = [each.units for each in mscc.usu]
        if request_type == INITIAL:
            assert used == []
        elif kind == "data":
            assert [each.total_octets for each in used] == [1_000_000_007 * (place + 1)]
        else:
            assert [each.time for each in used] == [59]
    assert ccr.called == ("tel:+77051234567" if kind == "voice" else None)
    assert ccr.recipients == (("+77051234567",) if kind == "sms" else ())


@pytest.mark.parametrize(("kind", "request_type", "count"), CASES)
def test_another_decoder_reads_the_same(kind: str, request_type: int, count: int) -> None:
    """python-diameter's."""
    message = Message.from_bytes(filled(kind, request_type, count))
    assert isinstance(message, CreditControlRequest)
    assert message.session_id == "load-0.load.example;0badf00d;0000beef"
    assert message.cc_request_number == 7 and message.cc_request_type == request_type
    assert [each.subscription_id_data for each in message.subscription_id] == [WHO.decode()]
    assert message.event_timestamp is not None
    assert int(message.event_timestamp.timestamp()) == MOMENT
    services = message.multiple_services_credit_control
    assert len(services) == count
    if kind == "data" and request_type != INITIAL:
        used = [each.used_service_unit[0].cc_total_octets for each in services]
        assert used == [1_000_000_007 * (place + 1) for place in range(count)]
    information = message.service_information
    assert information is not None
    if kind == "data":
        assert information.ps_information is not None
        assert information.ps_information.called_station_id == "internet"


def test_a_data_update_has_about_660_octets() -> None:
    """With full PS-Information and one service."""
    assert 640 <= len(filled("data", UPDATE, 1)) <= 680


def test_the_visited_network_is_told() -> None:
    """As 3GPP-SGSN-MCC-MNC; at home it is the home network."""
    assert decode_ccr(filled("data", INITIAL, 1, "25001")).serving_plmn == "25001"
    assert decode_ccr(filled("data", INITIAL, 1)).serving_plmn == "40102"


def test_filling_changes_no_other_octet() -> None:
    """The template itself stays as it is, and so does all that is not a mark."""
    made = template(SENDER, "data", UPDATE, 1)
    before = made.data
    first = made.fill(1, 1, b"00000001", 1, MOMENT, WHO, (5,))
    second = made.fill(1, 1, b"00000001", 1, MOMENT, WHO, (6,))
    assert made.data is before and isinstance(made, Template)
    assert [at for at in range(len(first)) if first[at] != second[at]] == [made.volumes[0] + 7]


def test_a_mark_that_stands_twice_is_refused() -> None:
    """Else a value would be written to the wrong place."""
    sender = Sender("load-0.load.example", "load.example", "ocs.example", "~session")
    with pytest.raises(ValueError, match="stands 2 times"):
        template(sender, "data", UPDATE)
