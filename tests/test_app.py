"""The joints of a worker: what it is to its peers, its TLS, and what follows from a client's restart."""

import asyncio
from ipaddress import ip_address
from pathlib import Path

import pytest
from redis.asyncio import Redis

from ocs.abmf.library import Library
from ocs.abmf.records import Records
from ocs.abmf.redis_ledger import RedisLedger
from ocs.app import close_lost, node_settings, peers_of, tls_of
from ocs.config import Config, ConfigErrors, Diameter, Peer, Tls
from ocs.metrics import Metrics
from ocs.node.restarts import Restarts
from ocs.store.check import Epoch
from tests.node import certificates
from tests.node.harness import PATIENCE_SECONDS
from tests.support.plans import amounts, call, plan, subscriber, topup

EPOCH = Epoch(256, 1_790_000_000, 1_790_000_000)


def with_tls(folder: Path, port: int = 5868) -> Config:
    """A configuration with TLS."""
    certificate, key, ca = certificates.written(folder)
    listen = (ip_address("127.0.0.2"),)
    tls = Tls(certificate=str(certificate), key=str(key), ca=str(ca), listen=listen, port=port)
    return Config(diameter=Diameter(tls=tls))


# --- what a worker is to its peers --------------------------------------------------------------------


def test_files_of_tls_that_cannot_be_used(tmp_path: Path) -> None:
    """They are there, and are no certificates: an error of the configuration, with its key."""
    config = with_tls(tmp_path)
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(ConfigErrors) as caught:
        tls_of(config, 0)
    (found,) = caught.value.errors
    assert found.key == "diameter.tls"
    assert found.expected.startswith("a certificate, its key and a CA, all in PEM: ")


def test_without_tls_there_is_none() -> None:
    """The default."""
    assert node_settings(Config(), 0, EPOCH).tls is None


@pytest.mark.parametrize(("port", "expected"), [(5868, 5870), (0, 0)])
def test_each_worker_has_a_port_of_tls(tmp_path: Path, port: int, expected: int) -> None:
    """Worker i: +i; 0 takes a free one."""
    settings = node_settings(with_tls(tmp_path, port), 2, EPOCH)
    assert settings.tls is not None
    assert (settings.tls.listen, settings.tls.port) == (("127.0.0.2",), expected)
    assert settings.origin_host == "ocs1-2.ocs.example"
    assert settings.port == 3870


def test_realms_of_a_relay_are_its_mandate() -> None:
    """What the configuration says is what the node asks."""
    relay = Peer(identity="dra.example", realm="example", kind="relay", realms=("a.example",))
    mandate = peers_of(Config(peers=(relay,))).mandate("dra.example")
    assert mandate.covers("smf.a.example", "a.example")
    assert not mandate.covers("smf.example", "example")


# --- a client's restart -------------------------------------------------------------------------------


async def test_a_restart_gives_back_what_the_client_had_reserved(redis: Redis) -> None:
    """RFC 6733, 8.16: a higher Origin-State-Id closes that host's sessions below it, once; those of
    another host, and those opened after the restart, stay."""
    library = Library.from_package()
    await library.load(redis)
    ledger, records, metrics = RedisLedger(redis, library), Records(redis, 256), Metrics()
    payer = await ledger.put(subscriber())
    assert payer is not None
    await ledger.post(topup(payer, 100_000_000))
    for name, host, state in (
        (b"1", "pgw1.example", 5), (b"2", "pgw1.example", 5), (b"3", "pgw1.example", 6),
        (b"4", "pgw2.example", 5),
    ):  # fmt: skip
        opened = plan(payer, "I", 0, call(None, 60), session=name, actor=host, state_id=state)
        await ledger.charge(opened)
    # 60 s at 11.00 a minute each.
    assert await amounts(ledger, payer) == (56_000_000, 44_000_000, 0, 0)

    async def close(host: str, value: int) -> int:
        closed = await close_lost(records, ledger, metrics, told.extend, host, value)
        counts.put_nowait(closed)
        return closed

    told: list[bytes] = []
    counts: asyncio.Queue[int] = asyncio.Queue()
    restarts = Restarts(ledger.restarted, close)
    task = asyncio.create_task(restarts.run())
    try:
        restarts.note("pgw1.example", 5)  # the first that the store hears
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await redis.keys("origin:*"):  # noqa: ASYNC110  # the store sets no event
                await asyncio.sleep(0)
        restarts.note("PGW1.example", 6)
        assert await asyncio.wait_for(counts.get(), PATIENCE_SECONDS) == 2
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await amounts(ledger, payer) == (78_000_000, 22_000_000, 0, 0)
    assert {each.session_id for each in await records.open_sessions()} == {b"3", b"4"}
    assert not await ledger.restarted("pgw1.example", 6)
    assert await close_lost(records, ledger, metrics, told.extend, "pgw1.example", 6) == 0
    assert told == []  # nobody waited for money
