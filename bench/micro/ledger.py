"""What a ledger call costs its caller, without the store's work and with it.

    python bench/micro/ledger.py [--rounds 2000] [--repeats 5] [--json]

"arguments" and "packed" are a plan as the words of a command and those as octets; "reply read" is the way
back. A whole call is a CCR-U on a real store, one at a time and 64 in a loop tick: its time by the clock,
and the CPU time of this process and of the store for it.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import hiredis

sys.path.insert(0, str(Path(__file__).parents[2]))  # this folder is not installed

from dataclasses import replace

from bench.micro.measure import Figure, of, result, tell, timed
from bench.micro.phases import TOGETHER, opening, plans, together
from bench.micro.scene import DATA, PARTITIONS, TEN, Worker, message, subscriber
from bench.micro.stores import Store, binaries, counts, running
from ocs.abmf.calls import plan_arguments, read_outcome
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.credit_control import INITIAL_REQUEST, UPDATE_REQUEST
from ocs.model import ChargePlan

KINDS = {"data U": DATA, "ten U": TEN}


def results(rounds: int, repeats: int) -> list[dict[str, Any]]:
    """What this script measures."""
    found = [result("ledger, client's side", of_client(rounds, repeats))]
    for kind, figures in asyncio.run(measure(rounds, repeats)).items():
        found.append(result("ledger, whole calls", figures, store=kind))
    return found


def of_client(rounds: int, repeats: int) -> list[Figure]:
    """The client's side alone: what needs no store."""
    found = []
    for name, kind in KINDS.items():
        worker = Worker()
        worker.knows(subscriber())
        worker.plan(decode_ccr(message(kind, INITIAL_REQUEST)))
        made = worker.plan(decode_ccr(message(kind, UPDATE_REQUEST, 1)))
        works: dict[str, Callable[[], object]] = {
            "arguments": partial(plan_arguments, made, 0),
            "packed": packing(made),
            "reply read": reading(made),
        }
        found += [timed(f"{name}: {what}", work, rounds, repeats) for what, work in works.items()]
    return found


def packing(made: ChargePlan) -> Callable[[], object]:
    """The words of a call as octets."""
    keys = [b"{p001}:some:0123456789abcdef"] * 9
    words = ("FCALL", "ocs_charge_000000000000", len(keys), *keys, *plan_arguments(made, 0))
    return lambda: hiredis.pack_command(words)  # type: ignore[arg-type]  # of any length


def reading(made: ChargePlan) -> Callable[[], object]:
    """A reply as an outcome."""
    results = ";".join(f"{each.key} granted 1000000 0 p" for each in made.charges)
    packed = f"{made.content}|charged|{made.reply}|123456|987654|{results}".encode()
    reply = [b"charged", packed, 0, b"1000", b"2000", b"0", b"987654", 1, b"0", []]
    return lambda: read_outcome(list(reply))


async def on_store(store: Store, rounds: int, repeats: int) -> list[Figure]:
    """Whole calls, for the time by the clock and the CPU of both sides."""
    people = [subscriber(number, number % PARTITIONS) for number in range(1, TOGETHER + 1)]
    ledger, worker = store.ledger, Worker()
    await together([partial(ledger.put, replace(each, version=0)) for each in people])
    await together([partial(ledger.post, opening(each)) for each in people])
    opened = plans(worker, DATA, INITIAL_REQUEST, 0, people)
    await together([partial(ledger.charge, each) for each in opened])
    found, number = [], 0
    for name, width in (("one at a time", 1), (f"{TOGETHER} in a loop tick", TOGETHER)):
        by_clock, own, stores = [], [], []
        for _ in range(repeats):
            ticks = max(rounds // TOGETHER, 1)
            made = [
                plans(worker, DATA, UPDATE_REQUEST, number + 1 + each, people)
                for each in range(ticks)
            ]
            number += ticks
            calls = [partial(ledger.charge, each) for tick in made for each in tick]
            before = await counts(store.client)
            cpu, began = time.process_time(), time.perf_counter()
            await together(calls, width)
            by_clock.append((time.perf_counter() - began) / len(calls) * 1e6)
            own.append((time.process_time() - cpu) / len(calls) * 1e6)
            after = (await counts(store.client)).since(before)
            stores.append(after.cpu_seconds / len(calls) * 1e6)
        found += [
            of(f"{name}: by the clock", "us", by_clock),
            of(f"{name}: CPU here", "us", own),
            of(f"{name}: CPU of the store", "us", stores),
        ]
    return found


async def measure(rounds: int, repeats: int) -> dict[str, list[Figure]]:
    """The whole calls of each kind of store."""
    found = {}
    for kind, binary in binaries().items():
        async with running(binary) as store:
            found[f"{kind} {store.version}"] = await on_store(store, rounds, repeats)
    return found


if __name__ == "__main__":
    tell(__doc__, results)
