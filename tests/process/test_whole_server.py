"""Whole processes: the demonstration, the commands, and what a kill -9 in mid-session loses (nothing)."""

import asyncio
import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ocs.abmf.library import Library
from ocs.abmf.records import Records
from ocs.abmf.redis_ledger import RedisLedger
from ocs.demo.client import DiameterClient
from ocs.demo.scenes import VOICE, Session, granted, is_final
from ocs.diameter.client_messages import Answer
from ocs.diameter.credit_control import CCR, Units
from ocs.store.connect import connect
from tests.support.server import Server

pytestmark = pytest.mark.process

MSISDN = "77010000001"  # an example subscriber: 30.00 on "conversations"
MINUTE = Units(time=60)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running server with a store of its own."""
    with Server(tmp_path) as running:
        yield running


async def connected(server: Server) -> DiameterClient:
    """A switch that is connected."""
    client = DiameterClient("switch.test.example", "test.example", "ocs.example")
    await client.connect("127.0.0.1", server.port)
    return client


def balance(server: Server) -> dict[str, str]:
    """The account as the command shows it."""
    done = server.ocs("balance", MSISDN, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_demo_and_orderly_stop(server: Server) -> None:
    """The demonstration verifies itself; probes answer; Ctrl-C stops with exit code 0."""
    played = server.ocs("demo", "--json")
    assert played.returncode == 0, played.stdout + played.stderr
    rows = json.loads(played.stdout)
    assert rows["failed"] == 0 and len(rows["expectations"]) >= 28
    base = f"http://127.0.0.1:{server.ops_port}"
    with urllib.request.urlopen(f"{base}/readyz") as answer:
        assert answer.read() == b"ok\n"
    with urllib.request.urlopen(f"{base}/metrics") as answer:
        text = answer.read().decode()
    assert 'ocs_ccr_requests_total{application="ro",peer="other"' in text
    assert 'ocs_final_unit_indications_total{action="terminate"}' in text
    assert server.ocs("healthcheck").returncode == 0
    assert server.stop() == 0
    assert server.ocs("healthcheck").returncode == 1
    assert server.ocs("balance", MSISDN).returncode == 3


def kill_worker(server: Server) -> None:
    """The worker dies."""
    server.kill_worker()


def kill_store(server: Server) -> None:
    """The store dies."""
    server.kill_store()


def kill_everything(server: Server) -> None:
    """The supervisor dies, the store lives on; started again."""
    server.kill_all()
    server.start()


def restart(server: Server) -> None:
    """Ctrl-C and start again."""
    assert server.stop() == 0
    server.start()


@pytest.mark.parametrize("fault", [kill_worker, kill_store, kill_everything, restart])
def test_call_survives(server: Server, fault: Callable[[Server], None]) -> None:
    """The call of the demonstration with a fault between two updates: the repeat of the interrupted
    CCR-U is charged once, the call is cut at its second, the balance is right to the tiyn."""

    async def first_half() -> Session:
        client = await connected(server)
        session = Session(client, MSISDN, "survivor", VOICE, 100)
        assert granted(await session.start(MINUTE)) == 60
        await client.drop()
        return session

    async def interrupted(session: Session) -> tuple[CCR, Answer]:
        """Send the CCR-U whose answer is lost."""
        session.client = await connected(server)
        ccr = session.ccr(2, 60, MINUTE)
        answer = await session.client.send(ccr)
        await session.client.drop()
        return ccr, answer

    async def second_half(session: Session, ccr: CCR, lost: Answer) -> None:
        session.client = await connected(server)
        repeat = await session.client.send(ccr, is_repeat=True)
        assert repeat.mscc == lost.mscc
        last = await session.update(60, MINUTE)
        assert (granted(last), is_final(last)) == (43, True)
        end = await session.end(43)
        assert (end.result_code, end.cost) == (2001, (2988, -2, 398))
        await session.client.close()

    session = asyncio.run(first_half())
    ccr, lost = asyncio.run(interrupted(session))
    fault(server)
    asyncio.run(second_half(session, ccr, lost))
    found = balance(server)
    assert (found["available"], found["reserved"], found["spent"]) == ("0.12", "0.00", "29.88")


def test_reservation_returns_after_a_crash(server: Server) -> None:
    """A session whose client never comes back is released at its deadline, also after a kill -9."""

    async def open_call() -> None:
        client = await connected(server)
        await Session(client, MSISDN, "lost", VOICE, 100).start(MINUTE)
        await client.drop()

    async def at_deadline() -> None:
        client = connect(f"unix://{server.folder}/store/store.sock", 5.0)
        records = Records(client, 256)
        (session,) = await records.open_sessions()
        library = Library.from_package()
        early = RedisLedger(client, library, clock=lambda: session.deadline - 1)
        assert not await early.expire(session, "supervision")
        late = RedisLedger(client, library, clock=lambda: session.deadline)
        assert await late.expire(session, "supervision")
        await client.aclose()

    asyncio.run(open_call())
    server.kill_worker()
    assert balance(server)["reserved"] == "11.00"
    asyncio.run(at_deadline())
    assert balance(server) == {
        "msisdn": MSISDN,
        "available": "30.00",
        "reserved": "0.00",
        "credited": "30.00",
        "spent": "0.00",
        "written_off": "0.00",
    }


def test_commands(server: Server) -> None:
    """Subscribers and money by commands: refusals name their reason and exit with 1 or 2."""
    number = "77010009999"
    assert server.ocs("subscriber", "show", number).returncode == 1
    refused = server.ocs("subscriber", "add", "12ab")
    assert refused.returncode == 1 and "MSISDN" in refused.stderr
    assert server.ocs("subscriber", "add", number, "--balance", "1.005").returncode == 2
    wrong = server.ocs("subscriber", "add", number, "--tariff", "nope")
    assert wrong.returncode == 1 and "conversations" in wrong.stderr
    added = server.ocs("subscriber", "add", number, "--imsi", "401019999999999", "--balance", "30")
    assert added.returncode == 0, added.stderr
    again = server.ocs("subscriber", "add", number)
    assert again.returncode == 1 and "another subscriber" in again.stderr
    for _ in range(2):
        done = server.ocs("topup", number, "100", "--key", "kiosk-1", "--json")
        assert json.loads(done.stdout)["available"] == "130.00"
    assert server.ocs("topup", number, "99", "--key", "kiosk-1").returncode == 1
    assert server.ocs("topup", number, "-131").returncode == 1
    assert server.ocs("subscriber", "remove", number).returncode == 1
    assert server.ocs("topup", number, "-130").returncode == 0
    barred = server.ocs("subscriber", "set", number, "--state", "barred", "--json")
    assert json.loads(barred.stdout)["state"] == "barred"
    rows = json.loads(server.ocs("statement", number, "--json").stdout)
    assert [(row["sequence"], row["kind"]) for row in rows] == [
        (3, "adjustment"),
        (2, "topup"),
        (1, "topup"),
    ]
    assert server.ocs("sessions", "--json").stdout.strip() == "[]"
    assert server.ocs("cut", "no;such").returncode == 1
    assert server.ocs("subscriber", "remove", number).returncode == 0
    listed = json.loads(server.ocs("subscriber", "list", "--json").stdout)
    assert number not in [row["msisdn"] for row in listed] and len(listed) == 5


def test_second_server_on_the_same_store(server: Server) -> None:
    """The folder of a store has one owner."""
    second = server.ocs("serve")
    assert second.returncode == 1
    assert "another server owns" in second.stderr
