"""The floor: our node and codec with nothing behind them.

    python bench/servers/floor.py PORT [--store URL]

Every CCR is decoded and answered with 2001 and a fixed grant for each service that asks. With a store,
each CCR also waits for one call of a function that does nothing, on the same link on which the ledger
sends its charges. What the whole server costs more than this is charging. Prints `ready` when it
listens; ends when standard input does.
"""

import argparse
import asyncio
import sys
from contextlib import AsyncExitStack
from functools import partial

import uvloop

from ocs.abmf.link import Link
from ocs.diameter.credit_control import CCA, CCR, MSCCAnswer, Units
from ocs.metrics import Metrics
from ocs.node.connection import Connection
from ocs.node.contract import Handler
from ocs.node.peers import Peers
from ocs.node.server import Node, NodeSettings
from ocs.store.connect import connect

GRANT = Units(total_octets=10 * 1024 * 1024)
VALIDITY_SECONDS = 3600
STORE_SECONDS = 3.0
FUNCTION = "bench_nothing"
SOURCE = f"""#!lua name={FUNCTION}
redis.register_function('{FUNCTION}', function(keys, args) return {{args[1]}} end)
"""


def answer(ccr: CCR) -> CCA:
    """2001, and the same grant whatever was asked for."""
    services = tuple(
        MSCCAnswer(each.rating_group, each.service_identifiers, 2001)
        if each.rsu is None
        else MSCCAnswer(each.rating_group, each.service_identifiers, 2001, GRANT, VALIDITY_SECONDS)
        for each in ccr.mscc
    )
    return CCA(2001, services)


async def without_store(ccr: CCR, peer: str) -> CCA:
    """Answer at once."""
    return answer(ccr)


async def with_call(link: Link, ccr: CCR, peer: str) -> CCA:
    """Answer after one call."""
    await link.send([("FCALL", FUNCTION, 1, ccr.session_id, ccr.request_number)])
    return answer(ccr)


async def run(port: int, store: str | None) -> None:
    """Serve until standard input ends."""
    async with AsyncExitStack() as stack:
        handler: Handler = without_store
        if store is not None:
            client = connect(store, STORE_SECONDS)
            stack.push_async_callback(client.aclose)
            await client.function_load(SOURCE, replace=True)
            handler = partial(with_call, Link(client, STORE_SECONDS))
        peers = Peers[Connection]([], "loopback")
        settings = NodeSettings("floor.ocs.example", "ocs.example", port=port)
        node = Node(settings, peers, handler, Metrics())
        await node.start()
        stack.push_async_callback(node.stop)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--store", help="redis:// or unix:// URL of the store to call")
    arguments = parser.parse_args()
    uvloop.run(run(arguments.port, arguments.store))


if __name__ == "__main__":
    main()
