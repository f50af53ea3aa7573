"""What each function of the store costs: microseconds inside, CPU, commands, octets; on each kind of store.

    python bench/micro/scripts.py [--rounds 256] [--repeats 5] [--instructions] [--json]

Microseconds are the store's own (INFO commandstats, of FCALL), CPU is of the whole store process, the
append-only file and its sockets included, with 64 calls in a pipeline. The commands that a function
calls are counted by MONITOR, octets on the link by INFO: what travels with a call (the route of an I, the
reading of a balance after a top-up) is in them. Neither depends on the clock. With --instructions the
store runs under valgrind's callgrind as well, which counts those: slow, and free of the clock, too.
"""

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # this folder is not installed

from bench.micro.measure import Figure, count, of, parser, result, show
from bench.micro.phases import Call, phases, together
from bench.micro.stores import Counts, Store, binaries, counts, running
from ocs.load.place import StoreKind
from ocs.model import invariant

#: Instructions are the same each time: few calls tell them.
COUNTED = 32


def results(rounds: int, repeats: int, is_counted: bool) -> list[dict[str, Any]]:
    """What this script measures, with the instructions where they are asked for and valgrind is here."""
    found = []
    can_count = is_counted and shutil.which("valgrind") is not None
    for kind, binary in binaries().items():
        version, figures = asyncio.run(measure(kind, rounds, repeats))
        more = asyncio.run(instructions(binary)) if can_count else []
        about = {"store": f"{kind} {version}", "has_instructions": can_count}
        found.append(result("scripts", [*figures, *more], **about))
    return found


async def measure(kind: StoreKind, rounds: int, repeats: int) -> tuple[str, list[Figure]]:
    """The version and the figures of one kind of store."""
    async with running(binaries()[kind]) as store:
        return store.version, await of_store(store, rounds, repeats)


async def of_store(store: Store, rounds: int, repeats: int) -> list[Figure]:
    """Each phase so many times, after one that is only counted."""
    figures: list[Figure] = []
    for name, calls in phases(store, 2, first=1):
        await together(calls[:1])
        commands = await commands_of(store, calls[1])
        if name:
            figures.append(count(f"{name}: commands inside", "commands", commands))
    seen: dict[str, list[Counts]] = {}
    for repeat in range(repeats):
        for name, calls in phases(store, rounds, first=10 + repeat * rounds):
            seen.setdefault(name, []).append(await counted(store, calls))
    for name, many in seen.items():
        if name:
            figures += figures_of(name, many, rounds)
    return sorted(figures, key=lambda each: list(seen).index(each.what.partition(":")[0]))


async def commands_of(store: Store, call: Call) -> int:
    """How many commands a function calls inside the store."""
    found = 0
    async with store.client.monitor() as monitor:
        await call()
        await store.client.echo("the end")
        while "the end" not in (said := await monitor.next_command())["command"]:
            found += said["client_type"] == "lua"
    return found


async def counted(store: Store, calls: Sequence[Call]) -> Counts:
    """What the store counted while the calls were made."""
    await store.client.config_resetstat()
    before = await counts(store.client)
    await together(calls)
    after = await counts(store.client)
    invariant(after.function_calls - before.function_calls == len(calls), "each is one FCALL")
    return after.since(before)


def figures_of(name: str, many: Sequence[Counts], rounds: int) -> list[Figure]:
    """What a phase cost a call."""
    return [
        of(f"{name}: inside", "us", [each.function_usec / rounds for each in many]),
        of(f"{name}: store CPU", "us", [each.cpu_seconds * 1e6 / rounds for each in many]),
        of(f"{name}: to the store", "B", [each.octets_in / rounds for each in many]),
        of(f"{name}: from the store", "B", [each.octets_out / rounds for each in many]),
    ]


# --- instructions ---------------------------------------------------------------------------------


async def instructions(binary: str) -> list[Figure]:
    """Instructions of the store for one call of each function, its sockets and file included."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        tool = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out")
        async with running(binary, *tool) as store:
            for _, calls in phases(store, COUNTED, first=1):
                await together(calls)
            for name, calls in phases(store, COUNTED, first=1 + COUNTED):
                await asyncio.to_thread(tell_valgrind, store.pid, "zero")
                await together(calls)
                await asyncio.to_thread(tell_valgrind, store.pid, "dump")
                share = round(await asyncio.to_thread(newest_total, Path(folder)) / COUNTED)
                if name:
                    figures.append(count(f"{name}: instructions", "instructions", share))
    return figures


def newest_total(folder: Path) -> int:
    """The sum of the last dump."""
    newest = max(folder.glob("out.*"), key=lambda each: int(each.suffix[1:]))
    found = re.search(r"^(?:summary|totals): (\d+)", newest.read_text(), re.MULTILINE)
    invariant(found is not None, "callgrind tells a total")
    return int(found[1]) if found else 0


def tell_valgrind(pid: int, command: str) -> None:
    """A command to the tool that runs the store."""
    words = ["vgdb", f"--pid={pid}", command]
    subprocess.run(words, capture_output=True, check=True)  # noqa: S603


def main() -> None:
    """Command line."""
    arguments = parser(__doc__, 256)
    arguments.add_argument("--instructions", action="store_true", help="count them with valgrind")
    given = arguments.parse_args()
    for each in results(given.rounds, given.repeats, given.instructions):
        show(each, given.json)


if __name__ == "__main__":
    main()
