"""The joints of a worker: what it is to its peers, its TLS, and what follows from a client's restart."""

import asyncio
from ipaddress import ip_address
from pathlib import Path

import pytest
from redis.asyncio import Redis

from ocs.abmf.ledger import LedgerError
from ocs.abmf.library import Library
from ocs.abmf.records import Records
from ocs.abmf.redis_ledger import RedisLedger
from ocs.abmf.subscribers import Subscribers
from ocs.app import (
    activate_used,
    close_lost,
    open_ledger,
    partitions_of,
    tell_waiting,
    used_first,
)
from ocs.catalogue_store import CatalogueStore, catalogue_of, files_of, open_catalogues
from ocs.config import Config, ConfigErrors, Diameter, Peer, Tls, Workers
from ocs.desk import utc_millis
from ocs.metrics import Metrics
from ocs.model import Identity, IdentityKind, Subscriber, SubscriberState, UtcMillis
from ocs.node.restarts import Restarts
from ocs.node_settings import node_settings, peers_of, tls_of
from ocs.scheduler import Scheduler
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


# --- what is done without being asked --------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 3, 64])
def test_the_workers_share_the_agenda(workers: int) -> None:
    """Each partition is walked, by one worker."""
    config = Config(workers=Workers(count=workers))
    walked = [each for index in range(workers) for each in partitions_of(config, index, EPOCH)]
    assert sorted(walked) == list(range(256))


async def test_a_first_use_activates_beside_the_requests(redis: Redis) -> None:
    """One that fails does not keep the next; what does not fit is dropped, and comes again."""
    ledger = await open_ledger(redis, EPOCH)
    subscribers = Subscribers(redis, ledger, 256)
    folder = Path(__file__).parents[1] / "config" / "catalogue"
    catalogues, _ = await open_catalogues(redis, catalogue_of(files_of(folder)), utc_millis)

    class Failing(Scheduler):
        async def activate(self, subscriber: Subscriber) -> Subscriber:
            if subscriber == made[0]:
                raise LedgerError("post")
            return await super().activate(subscriber)

    scheduler = Failing(ledger, subscribers, catalogues, (), utc_millis, Metrics())
    made = [
        await subscribers.create(
            (Identity(IdentityKind.E164, f"7701000000{number}"),),
            "social",
            SubscriberState.PREACTIVE,
        )
        for number in range(3)
    ]
    first_uses = asyncio.Queue[Subscriber](2)
    for each in made:
        used_first(first_uses, each)
    assert first_uses.qsize() == 2
    task = asyncio.create_task(activate_used(first_uses, scheduler))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await subscribers.refresh(made[1])).state is SubscriberState.PREACTIVE:  # noqa: ASYNC110  # the store sets no event
                await asyncio.sleep(0)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    states = [(await subscribers.refresh(each)).state for each in made]
    assert states == [
        SubscriberState.PREACTIVE,
        SubscriberState.ACTIVE,
        SubscriberState.PREACTIVE,
    ]


async def test_sessions_that_a_step_concerns_ask_again(redis: Redis) -> None:
    """By their names."""
    ledger, records = await open_ledger(redis, EPOCH), Records(redis, 256)
    payer = await ledger.put(subscriber())
    assert payer is not None
    await ledger.post(topup(payer, 100_000_000))
    await ledger.charge(plan(payer, "I", 0, call(None, 60), session=b"1"))
    told: list[bytes] = []
    await tell_waiting(told.extend, await records.open_sessions())
    assert told == [b"1"]


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


async def test_a_version_that_is_loaded_serves_without_a_restart(redis: Redis) -> None:
    """From its moment on; before it, and while nothing was loaded, the folder's own."""
    folder = Path(__file__).parents[1] / "config" / "catalogue"
    own = catalogue_of(files_of(folder))
    catalogues, versions = await open_catalogues(redis, own, utc_millis)
    now = utc_millis()
    later = UtcMillis(now + 3_600_000)
    assert catalogues.at(later).version == own.version
    files = {**files_of(folder), "social.toml": (folder / "social.toml").read_bytes() + b"\n"}
    made = await CatalogueStore(redis).load(files, later, now, "test")
    assert await versions.refresh()
    assert catalogues.at(UtcMillis(later - 1)).version == own.version
    assert catalogues.at(later).version == made.version != own.version
