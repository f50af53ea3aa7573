"""The highest rate with p99 under a bound, and no request without an answer: the figure to quote.

    python bench/saturate.py [canonical] [--bound 20] [--seconds 8] [--json FILE] [--svg FOLDER]

Open loop on one server: a short closed loop tells where to begin, the rate grows by a quarter until the
bound is broken, and what is between is halved until it is known within --precision.
"""

import argparse
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1]))  # this folder is not installed

from bench.served import exit_code, served
from ocs.load import draw
from ocs.load.command import chosen
from ocs.load.drive import Closed, Open, Overloaded
from ocs.load.result import Result
from ocs.load.run import run_load
from ocs.load.show import show

#: Where to begin, in shares of what a closed loop reaches, and how the rate grows.
BEGIN, GROWTH = 0.5, 1.25
STEPS_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Step:
    """One rate, and what became of it; None: the server fell hopelessly behind."""

    rate: float
    result: Result | None

    def holds(self, bound_ms: float) -> bool:
        """Whether it is quoted: everything answered, p99 under the bound, the rate achieved."""
        found = self.result
        return (
            found is not None
            and not found.unanswered
            and found.latency["all"]["p99"] <= bound_ms
            and found.achieved >= 0.95 * self.rate
        )


async def search(
    measure: Callable[[float], Awaitable[Step]], begin: float, bound_ms: float, precision: float
) -> list[Step]:
    """Steps up, then halving."""
    steps: list[Step] = []
    low, high, rate = 0.0, 0.0, begin
    while len(steps) < STEPS_AT_MOST and (not high or high - low > precision * high):
        step = await measure(rate)
        steps.append(step)
        if step.holds(bound_ms):
            low = rate
        else:
            high = rate
        rate = low * GROWTH if not high else (low + high) / 2
    return steps


async def saturate(arguments: argparse.Namespace, console: Console) -> int:
    """Search, and say what was found."""
    workload = chosen(arguments.workload, arguments.subscribers)
    given = {"workers": arguments.workers, "store": arguments.store}
    async with served(workload, **given) as (place, people, told):

        async def run(shape: Closed | Open, seconds: float) -> Result:
            return await run_load(
                workload, shape, place.target, seconds=seconds, seed=arguments.seed,
                people=people, progress=told,
            )  # fmt: skip

        async def measure(rate: float) -> Step:
            try:
                step = Step(rate, await run(Open(rate), arguments.seconds))
            except Overloaded:
                step = Step(rate, None)
            console.print(told_of(step, arguments.bound), highlight=False)
            return step

        first = await run(Closed(64), arguments.seconds / 2)
        console.print(f"closed loop, 64 outstanding: {first.achieved:,.0f}/s", highlight=False)
        begin = BEGIN * first.achieved
        steps = await search(measure, begin, arguments.bound, arguments.precision)
    return report(arguments, steps, console)


def told_of(step: Step, bound_ms: float) -> str:
    """One step as a line."""
    if step.result is None:
        return f"{step.rate:8,.0f}/s  the server fell behind"
    found, latency = step.result, step.result.latency["all"]
    words = "holds" if step.holds(bound_ms) else "[red]too much[/]"
    return (
        f"{step.rate:8,.0f}/s  p50 {latency['p50']:.2f}, p99 {latency['p99']:.2f}, p99.9 "
        f"{latency['p99.9']:.2f} ms, {found.unanswered} unanswered, audit "
        f"{'agrees' if found.audit.is_good else 'differs'}: {words}"
    )


def report(arguments: argparse.Namespace, steps: Sequence[Step], console: Console) -> int:
    """The figure, and the files that were asked for."""
    bound = arguments.bound
    held = [each for each in steps if each.holds(bound) and each.result is not None]
    best = max(held, key=lambda each: each.rate, default=None)
    found = best.result if best is not None else None
    if best is None or found is None:
        console.print(f"[bold red]no rate holds p99 <= {bound:g} ms[/]")
        return 1
    show(found, console)
    console.print(f"[bold]{best.rate:,.0f} requests a second with p99 <= {bound:g} ms[/]")
    if arguments.json is not None:
        value = {
            "workload": found.workload,
            "bound_ms": bound,
            "rate": round(best.rate, 1),
            "circumstances": asdict(found.circumstances),
            "steps": [kept(each, bound) for each in steps],
        }
        arguments.json.write_text(json.dumps(value, indent=1) + "\n")
    if arguments.svg is not None:
        arguments.svg.mkdir(parents=True, exist_ok=True)
        draw.throughput_latency(
            [point(each.result) for each in steps if each.result is not None],
            arguments.svg / "throughput-latency.svg",
            saturation=best.rate,
            bound_ms=bound,
            title=f"{found.workload}: latency against load, "
            f"{found.circumstances.cores} cores shared with generator and store",
        )
    return 0


def point(result: Result) -> draw.Point:
    """A step for the picture."""
    latency = result.latency["all"]
    return draw.Point(result.achieved, latency["p50"], latency["p99"], latency["p99.9"])


def kept(step: Step, bound_ms: float) -> dict[str, Any]:
    """A step for the file."""
    found = step.result
    value: dict[str, Any] = {"offered": round(step.rate, 1), "holds": step.holds(bound_ms)}
    if found is not None:
        value |= {
            "achieved": found.achieved,
            "unanswered": found.unanswered,
            "latency": asdict(found.latency["all"]),
            "late": asdict(found.late),
            "server_cpu_per_1000": round(found.per_thousand(found.server), 4),
            "store_cpu_per_1000": round(found.per_thousand(found.store), 4),
            "generator_cpu_per_1000": round(found.per_thousand(found.generator), 4),
            "audit": str(found.audit),
        }
    return value


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="The highest rate with p99 under a bound.")
    parser.add_argument("workload", nargs="?", default="canonical", help="its name, or a TOML file")
    parser.add_argument("--bound", type=float, default=20, help="of p99, in milliseconds [20]")
    parser.add_argument("--precision", type=float, default=0.03, help="share of the rate [0.03]")
    parser.add_argument("--seconds", type=float, default=8, help="of each step [8]")
    parser.add_argument("--subscribers", type=int, help="instead of the workload's")
    parser.add_argument("--workers", type=int, default=1, help="of the server [1]")
    parser.add_argument("--store", choices=("redis", "valkey"), help="[the embedded one]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--svg", type=Path, metavar="FOLDER")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(exit_code(saturate(parsed(), Console())))
