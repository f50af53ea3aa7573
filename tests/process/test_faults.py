"""The demonstration's scenarios with a fault between two updates: nothing is lost, nothing charged twice.

The interrupted CCR-U is truly interrupted: it is on its way when the process dies, so it may have been
charged or not. Its repeat settles that, and the books are right to the tiyn either way.
"""

import asyncio
import json
from collections.abc import Callable

import pytest

from ocs.abmf.library import Library
from ocs.abmf.records import Records
from ocs.abmf.redis_ledger import RedisLedger
from ocs.demo.cast import DATA, KILOBYTE, MEGABYTE, VOICE, Session, granted, is_final
from ocs.demo.client import DiameterClient
from ocs.diameter.client_messages import Answer, encode_ccr
from ocs.diameter.credit_control import CCR, Units
from ocs.diameter.framing import RAR
from ocs.store.connect import connect
from tests.support.server import Server

pytestmark = [pytest.mark.process, pytest.mark.bench]

Fault = Callable[[Server], None]

MSISDN = "77010000001"  # an example subscriber: 30.00 on "conversations"
MINUTE = Units(time=60)
REQUEST = 0xC0


def kill_worker(server: Server) -> None:
    """The worker dies."""
    server.kill_worker()


def kill_store(server: Server) -> None:
    """The store dies."""
    server.kill_store()


def kill_everything(server: Server) -> None:
    """Supervisor and worker die, the store lives on; started again."""
    server.kill_all()
    server.start()


def kill_all_and_store(server: Server) -> None:
    """Nothing is left but the append-only file; started again."""
    server.kill_all(with_store=True)
    server.start()


def restart(server: Server) -> None:
    """Ctrl-C and start again."""
    assert server.stop() == 0
    server.start()


async def connected(server: Server) -> DiameterClient:
    """A client that is connected."""
    client = DiameterClient("switch.test.example", "test.example", "ocs.example")
    await client.connect("127.0.0.1", server.port)
    return client


async def lost_and_repeated(server: Server, fault: Fault, session: Session, ccr: CCR) -> Answer:
    """The answer to the repeat of a request that a fault interrupted."""
    client = session.client
    number = client.next_id()
    ccr.hop_by_hop, ccr.flags = number, REQUEST
    client.write(encode_ccr(ccr))
    await asyncio.to_thread(fault, server)  # the client goes on answering, a DPR for example
    await client.drop()
    session.client = await connected(server)
    return await session.client.send(ccr, is_repeat=True)


def balance(server: Server, msisdn: str) -> tuple[str, str, str]:
    """Available, reserved, spent, as the command shows them."""
    done = server.ocs("balance", msisdn, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found["available"], found["reserved"], found["spent"]


def add(server: Server, msisdn: str, amount: str) -> None:
    """A subscriber with so much money."""
    done = server.ocs("subscriber", "add", msisdn, "--balance", amount)
    assert done.returncode == 0, done.stderr


async def a_call_is_cut(server: Server, fault: Fault) -> None:
    """30.00 at 11.00 a minute: 60 s, 60 s, 43 s, the last announced final."""
    session = Session(await connected(server), MSISDN, "call", VOICE, 100)
    assert granted(await session.start(MINUTE)) == 60
    answer = await lost_and_repeated(server, fault, session, session.ccr(2, 60, MINUTE))
    assert (answer.result_code, granted(answer), is_final(answer)) == (2001, 60, False)
    answer = await session.update(60, MINUTE)
    assert (granted(answer), is_final(answer)) == (43, True)
    answer = await session.end(43)
    assert (answer.result_code, answer.cost) == (2001, (2988, -2, 398))
    await session.client.close()
    assert balance(server, MSISDN) == ("0.12", "0.00", "29.88")


async def data_is_topped_up(server: Server, fault: Fault) -> None:
    """3.00 at 20.00 a megabyte are 153 KB, final; 100 KB cost 1.95, the rest of the money 53 KB more.
    A top-up brings a Re-Auth-Request to the new connection, and the session goes on."""
    add(server, "77010009001", "3")
    session = Session(await connected(server), "77010009001", "data", DATA, 10)
    answer = await session.start()
    assert (granted(answer), is_final(answer)) == (153 * KILOBYTE, True)
    answer = await lost_and_repeated(
        server, fault, session, session.ccr(2, 100 * KILOBYTE, Units())
    )
    assert (granted(answer), is_final(answer)) == (53 * KILOBYTE, True)
    assert server.ocs("topup", "77010009001", "300").returncode == 0
    pushed = await asyncio.wait_for(session.client.pushed.get(), 10)
    assert pushed.command == RAR
    answer = await session.update(3 * KILOBYTE)
    assert (granted(answer), is_final(answer)) == (10 * MEGABYTE, False)
    await session.end(409 * KILOBYTE)
    await session.client.close()
    # 512 KB in all are 10.00.
    assert balance(server, "77010009001") == ("293.00", "0.00", "10.00")


async def two_sessions_share(server: Server, fault: Fault) -> None:
    """20.00: a call holds 11.00, the data session gets 460 KB for 8.98 and no more; the call's second
    minute is refused, and that refusal is what its repeat gets."""
    add(server, "77010009002", "20")
    call = Session(await connected(server), "77010009002", "both;call", VOICE, 100)
    assert granted(await call.start(MINUTE)) == 60
    data = Session(call.client, "77010009002", "both;data", DATA, 10)
    answer = await data.start()
    assert (granted(answer), is_final(answer)) == (461 * KILOBYTE, True)
    answer = await lost_and_repeated(server, fault, call, call.ccr(2, 60, MINUTE))
    assert answer.result_code == 4012
    assert (await call.end(0)).result_code == 2001
    data.client = call.client
    assert (await data.end(400 * KILOBYTE)).result_code == 2001
    await call.client.close()
    # 11.00 and 400 KB at 7.81.
    assert balance(server, "77010009002") == ("1.19", "0.00", "18.81")


@pytest.mark.parametrize(
    "fault", [kill_worker, kill_store, kill_everything, kill_all_and_store, restart]
)
def test_the_scenarios_survive(server: Server, fault: Fault) -> None:
    """Each of them, with the fault in its middle."""
    for scenario in (a_call_is_cut, data_is_topped_up, two_sessions_share):
        asyncio.run(scenario(server, fault))
    sessions = server.ocs("sessions", "--json")
    assert json.loads(sessions.stdout) == []


def test_a_reservation_returns_at_its_deadline(server: Server) -> None:
    """A session whose client never comes back is released then and not before, also after a kill -9."""

    async def open_call() -> None:
        client = await connected(server)
        await Session(client, MSISDN, "lost", VOICE, 100).start(MINUTE)
        await client.drop()

    async def at_deadline() -> None:
        client = connect(f"unix://{server.folder}/store/store.sock", 5.0)
        (session,) = await Records(client, 256).open_sessions()
        library = Library.from_package()
        early = RedisLedger(client, library, clock=lambda: session.deadline - 1)
        assert not (await early.expire(session, "supervision")).closed
        late = RedisLedger(client, library, clock=lambda: session.deadline)
        assert (await late.expire(session, "supervision")).closed
        await client.aclose()

    asyncio.run(open_call())
    server.kill_worker()
    assert balance(server, MSISDN) == ("19.00", "11.00", "0.00")
    asyncio.run(at_deadline())
    assert balance(server, MSISDN) == ("30.00", "0.00", "0.00")
