"""Which services a request names, and how they are known within the session."""

from dataclasses import replace

import pytest

from ocs.charging.policy import ServicePolicy
from ocs.charging.services import base_of, key_of, services
from ocs.diameter.credit_control import CCR, MSCC, USU
from tests.charging.worked import (
    ANY,
    DATA,
    NONE,
    ON_NET,
    SMS,
    VOICE,
    data,
    event,
    messages,
    mscc,
    octets,
    sms,
    voice,
)

INITIAL, UPDATE, TERMINATION = 1, 2, 3


@pytest.mark.parametrize(
    ("asked", "key"),
    [
        (mscc(None), "-"),
        (mscc(0), "0"),
        (mscc(10), "10"),
        (mscc(10, None, NONE, 5), "10/5"),
        (mscc(10, None, NONE, 5, 6), "10/5/6"),
        (mscc(None, None, NONE, 1000), "-/1000"),
    ],
)
def test_key(asked: MSCC, key: str) -> None:
    """Rating group and service identifiers; without both the quota is for the whole session."""
    assert key_of(asked) == key


def test_no_services() -> None:
    """A request may name none."""
    assert services(data(TERMINATION, 3), DATA) == ()


def test_services_at_command_level() -> None:
    """Units beside no MSCC are one service of the whole session."""
    ccr = replace(
        data(UPDATE, 1),
        command_rsu=ANY,
        command_usu=(USU(octets(5)), USU(octets(6))),
        command_service_identifier=4,
    )
    assert services(ccr, DATA) == (MSCC(None, (4,), ANY, (USU(octets(5)), USU(octets(6)))),)
    assert services(replace(data(INITIAL, 0), command_rsu=ANY), DATA) == (MSCC(None, (), ANY, ()),)
    assert services(replace(data(TERMINATION, 2), command_usu=(USU(octets(5)),)), DATA) == (
        MSCC(None, (), NONE, (USU(octets(5)),)),
    )


def test_a_service_named_twice_is_one() -> None:
    """Its usage is added up and its wish kept, wherever it stood; another order of others stays."""
    ccr = data(UPDATE, 1, mscc(10, octets(5), ANY), mscc(20, octets(1)), mscc(10, octets(6)))
    first, second = services(ccr, DATA)
    assert (first.rating_group, second.rating_group) == (10, 20)
    assert [each.units.octets for each in first.usu] == [5, 6]
    assert first.rsu == ANY and second.rsu is None


@pytest.mark.parametrize("suffix", ["", "<", ">", "$", "@2", "~1790881200", "<~1790881200"])
def test_base(suffix: str) -> None:
    """The service of a charge, whatever tells its charges apart."""
    for key in ("-", "10", "10/5/6", "-/1000"):
        assert base_of(key + suffix) == key


@pytest.mark.parametrize(
    ("indicator", "policy", "is_asked"),
    [
        (1, VOICE, False),
        (1, DATA, False),
        (None, DATA, False),  # a gateway opens its session before there is traffic
        (0, DATA, True),
        (None, VOICE, True),
        (0, VOICE, True),
    ],
)
def test_first_request_without_any_service(
    indicator: int | None, policy: ServicePolicy, is_asked: bool
) -> None:
    """The server's choice for the whole session, unless services are announced to follow."""
    ccr = replace(voice(INITIAL, 0), multiple_services=indicator)
    assert services(ccr, policy) == ((MSCC(),) if is_asked else ())
    for kind in (UPDATE, TERMINATION):
        assert services(replace(ccr, request_type=kind), policy) == ()


@pytest.mark.parametrize(
    ("ccr", "count"),
    [
        (event(0), 1),
        (event(0, mscc(None, None, ANY)), 1),
        (event(0, mscc(None, None, messages(0))), 1),
        (replace(event(0), messages=3), 3),
        (replace(event(0), recipients=(ON_NET,) * 4), 4),
        (replace(event(0), recipients=(ON_NET,) * 4, messages=3), 12),
        (replace(event(0), command_rsu=messages(5), messages=3), 5),
        (sms(INITIAL, 0, mscc(None)), 1),
        (replace(sms(INITIAL, 0), messages=2), 2),
    ],
)
def test_messages(ccr: CCR, count: int) -> None:
    """Every message to every recipient, unless the client says how many; else one."""
    (only,) = services(ccr, SMS)
    assert only.rsu == messages(count)


def test_report_of_messages_is_left_alone() -> None:
    """What was sent is what the report says."""
    (only,) = services(sms(TERMINATION, 1, mscc(None, messages(0))), SMS)
    assert (only.usu, only.rsu) == ((USU(messages(0)),), None)
    (only,) = services(sms(INITIAL, 0, mscc(None, messages(2))), SMS)
    assert only.rsu is None
