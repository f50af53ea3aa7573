"""One workload on a server of its own: a fresh store, `ocs serve`, the load, the audit.

    python bench/run.py canonical                      closed loop, 64 outstanding
    python bench/run.py canonical --rate 2000          open loop; --ramp 500:5000 grows
    python bench/run.py canonical --targets            and then every target, measured: `make bench`

Server, store and generator share the machine; the processor time of each is part of the result. A file
with --json, pictures with --svg. The exit code is 1 when the audit found a difference.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1]))  # this folder is not installed

from bench.served import exit_code, served
from bench.targets import measure_targets
from ocs.load.command import chosen, save, shape_of
from ocs.load.drive import Open
from ocs.load.run import run_load
from ocs.load.show import show


async def run(arguments: argparse.Namespace, console: Console) -> int:
    """The run, and the targets where they are wanted."""
    workload = chosen(arguments.workload, arguments.subscribers, arguments.sessions)
    shape = shape_of(arguments.rate, arguments.window, arguments.ramp, arguments.seconds)
    given = {"workers": arguments.workers, "store": arguments.store}
    async with served(workload, **given) as (place, people, told):
        result = await run_load(
            workload, shape, place.target,
            seconds=arguments.seconds, seed=arguments.seed,
            connections=arguments.connections, people=people, progress=told,
        )  # fmt: skip
        if arguments.targets:
            half = await run_load(
                workload, Open(result.achieved / 2), place.target,
                seconds=arguments.seconds / 2, seed=arguments.seed + 1,
                connections=arguments.connections, people=people, progress=told,
            )  # fmt: skip
    show(result, console)
    save(result, arguments.json, arguments.svg)
    is_good = result.audit.is_good
    if arguments.targets:
        show(half, console)
        is_good &= await measure_targets(result, half, console)
    return 0 if is_good else 1


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="One workload on a server of its own.")
    parser.add_argument("workload", nargs="?", default="canonical", help="its name, or a TOML file")
    parser.add_argument("--rate", type=float, help="open loop: requests a second")
    parser.add_argument("--window", type=int, help="closed loop: requests outstanding [64]")
    parser.add_argument("--ramp", help="open loop with a growing rate: 100:5000")
    parser.add_argument("--seconds", type=float, default=30, help="to measure for [30]")
    parser.add_argument("--subscribers", type=int, help="instead of the workload's")
    parser.add_argument("--sessions", type=int, help="open at a time, instead of the workload's")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--workers", type=int, default=1, help="of the server [1]")
    parser.add_argument("--store", choices=("redis", "valkey"), help="[the embedded one]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--svg", type=Path, metavar="FOLDER")
    parser.add_argument("--targets", action="store_true", help="measure every target as well")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(exit_code(run(parsed(), Console())))
