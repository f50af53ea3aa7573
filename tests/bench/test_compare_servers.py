"""The servers of the comparison answer a session as a credit-control server does, each started for real."""

from dataclasses import replace

import pytest

from bench.servers.start import (
    ERLANG_NEEDS,
    NotStarted,
    Started,
    erlang,
    erlang_version,
    floor,
    library,
    started,
)
from ocs.demo.client import DiameterClient
from ocs.diameter.credit_control import CCR, MSCC, USU, Units
from tests.support.messages import PLAIN

CLIENT, REALM = "bench-0.bench.example", "ocs.example"
FIRST, MORE, LAST = 1, 2, 3
KILOBYTE = 1024
GRANT = 10 << 20


def request(kind: int, number: int, *services: MSCC) -> CCR:
    """One request of a data session."""
    return replace(
        PLAIN,
        origin_host=CLIENT,
        origin_realm=REALM,
        destination_realm=REALM,
        request_type=kind,
        request_number=number,
        subscription_ids=((0, "77030000001"),),
        termination_cause=1 if kind == LAST else None,
        mscc=services,
    )


async def check(server: Started) -> None:
    """I, U and T: what asks is granted the same, what only reports is taken."""
    client = DiameterClient(CLIENT, REALM, REALM)
    await client.connect("127.0.0.1", server.port)
    used = (USU(Units(total_octets=KILOBYTE)),)
    first = await client.send(request(FIRST, 0, MSCC(10, rsu=Units())))
    more = await client.send(request(MORE, 1, MSCC(10, rsu=Units(), usu=used), MSCC(20, usu=used)))
    last = await client.send(request(LAST, 2, MSCC(10, usu=used)))
    await client.close()
    assert [each.result_code for each in (first, more, last)] == [2001] * 3
    assert [(each.request_type, each.request_number) for each in (first, more, last)] == [
        (FIRST, 0), (MORE, 1), (LAST, 2),
    ]  # fmt: skip
    assert {each.session_id for each in (first, more, last)} == {PLAIN.session_id}
    (one,) = first.mscc
    assert one.rating_group == 10 and one.result_code == 2001
    assert one.gsu == Units(total_octets=GRANT) and one.validity_seconds == 3600
    assert [(each.rating_group, each.gsu is not None) for each in more.mscc] == [
        (10, True), (20, False),
    ]  # fmt: skip
    assert [each.gsu for each in last.mscc] == [None]


async def test_floor_without_a_store() -> None:
    """Our node and codec alone."""
    with started(floor(None)) as server:
        await check(server)


async def test_floor_with_a_call(empty_store: str) -> None:
    """The same, with one call for each request."""
    with started(floor(empty_store)) as server:
        await check(server)


@pytest.mark.parametrize("kind", ["threading", "plain"])
async def test_python_diameter(kind: str) -> None:
    """The library's node, in both ways to use it."""
    with started(library(kind, [CLIENT])) as server:
        await check(server)


@pytest.mark.interop
@pytest.mark.skipif(erlang_version() is None, reason=ERLANG_NEEDS)
async def test_erlang() -> None:
    """Erlang/OTP's diameter application."""
    with started(erlang()) as server:
        await check(server)


def test_a_server_that_does_not_start_says_why() -> None:
    """Its last words are the message."""
    with (
        pytest.raises(NotStarted, match="unrecognized arguments: --nonsense"),
        started([*floor(None), "--nonsense"]),
    ):
        pytest.fail("it cannot be ready")
