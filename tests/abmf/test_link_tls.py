"""The link takes the transport from redis-py also under TLS, on either event loop, and closes with it."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop
from redis import Redis as SyncRedis
from redis.exceptions import ConnectionError as RedisConnectionError

from ocs.abmf.library import Library
from ocs.abmf.redis_ledger import RedisLedger
from ocs.model import OutcomeStatus
from ocs.store.connect import connect
from tests.support.plans import call, plan, subscriber, topup

SERVER = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(SERVER is None, reason="needs a redis-server built with TLS")


async def charged(url: str) -> set[OutcomeStatus]:
    """What becomes of twenty sessions opened at a time, on an empty store."""
    client = connect(url, 5.0)
    await client.flushall()
    ledger = RedisLedger(client, Library.from_package())
    payer = await ledger.put(subscriber())
    assert payer is not None
    await ledger.post(topup(payer, 30_000_000))
    plans = [plan(payer, "I", 0, call(None, 1), session=b"t;%d" % n) for n in range(20)]
    outcomes = await asyncio.gather(*map(ledger.charge, plans))
    await client.aclose()
    return {each.status for each in outcomes}


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_charges_under_tls(
    tmp_path: Path, run: Callable[[Coroutine[Any, Any, set[OutcomeStatus]]], set[OutcomeStatus]]
) -> None:
    """Twenty charges in one write, each with its own reply; the end of the client ends the link."""
    authority = trustme.CA()
    own, ca = tmp_path / "own.pem", tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    made = authority.issue_cert("127.0.0.1")
    made.private_key_and_cert_chain_pem.write_to_path(str(own))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            str(SERVER), "--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no",
            "--tls-cert-file", str(own), "--tls-key-file", str(own), "--tls-ca-cert-file", str(ca),
            "--save", "", "--dir", str(tmp_path),
        ],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={ca}"
    try:
        while True:
            try:
                with SyncRedis.from_url(url) as plain:
                    plain.ping()
                break
            except RedisConnectionError:
                assert process.poll() is None
        assert run(charged(url)) == {OutcomeStatus.CHARGED}
    finally:
        process.terminate()
        process.wait()
