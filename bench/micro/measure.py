"""How a small thing is measured: in repeats, by the process's own CPU time, with spread and machine.

A figure is the median of its repeats, with the least and the most of them. CPU time of this process
says what a thing costs also while others use the machine. Nothing here is a test: figures depend on the
machine, which each result names. Counts (function calls, commands, octets) do not.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from ocs import __version__
from ocs.load.result import command, commit, cpu_model

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench" / "results"
#: Runs whose time is not counted: the first ones fill caches.
WARM_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured: `what` is "row: column" of the table that it stands in."""

    what: str
    unit: str
    median: float
    low: float
    high: float


def of(what: str, unit: str, values: Sequence[float]) -> Figure:
    """The figure of several repeats."""
    low, middle, high = min(values), median(values), max(values)
    return Figure(what, unit, round(middle, 2), round(low, 2), round(high, 2))


def count(what: str, unit: str, value: float) -> Figure:
    """A figure that does not depend on the clock."""
    return of(what, unit, [value])


def timed(what: str, work: Callable[[], object], rounds: int, repeats: int) -> Figure:
    """Microseconds of CPU of one call of `work`."""
    for _ in range(min(WARM_ROUNDS, rounds)):
        work()
    spent = []
    for _ in range(repeats):
        begun = time.process_time_ns()
        for _ in range(rounds):
            work()
        spent.append((time.process_time_ns() - begun) / rounds / 1000)
    return of(what, "us", spent)


def calls(work: Callable[[], object]) -> int:
    """Function calls, Python's and C's, of one call of `work` that was made before."""
    work()
    found = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal found
        if event in ("call", "c_call"):
            found += 1

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return found - 1  # the call that ends the count


def machine() -> dict[str, object]:
    """Where, when and with what this was measured."""
    return {
        "machine": f"{os.cpu_count()} x {cpu_model()}",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "version": __version__,
        "commit": commit(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": f"python {command([str(script()), *sys.argv[1:]])}",
    }


def script() -> Path:
    """The script that runs, as it is called from the root of the sources."""
    path = Path(sys.argv[0]).absolute()
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else Path(path.name)


def result(name: str, figures: Sequence[Figure], **more: object) -> dict[str, Any]:
    """A result as it is kept."""
    return {"name": name, **machine(), **more, "figures": [asdict(each) for each in figures]}


def table(figures: Sequence[Figure]) -> str:
    """Figures for a person: those named "row: column" as a table of their medians, and how far the
    repeats were apart at the most."""
    units = {each.what.partition(": ")[2]: each.unit for each in figures}
    rows: dict[str, dict[str, str]] = {}
    for each in figures:
        row, _, column = each.what.partition(": ")
        rows.setdefault(row, {})[column] = f"{each.median:,.10g}"
    heads = {
        column: column if unit in column else f"{column}, {unit}" for column, unit in units.items()
    }
    first = max(map(len, rows))
    lines = [f"{'':<{first}}  {'  '.join(heads.values())}"]
    for row, cells in rows.items():
        shown = (f"{cells.get(column, ''):>{len(head)}}" for column, head in heads.items())
        lines.append(f"{row:<{first}}  {'  '.join(shown)}".rstrip())
    apart = max((each.high - each.low) / each.median for each in figures if each.median)
    return "\n".join([*lines, f"least and most of the repeats: at most {apart:.0%} apart"])


def parser(about: str | None, rounds: int) -> argparse.ArgumentParser:
    """The command line that all of these scripts share."""
    made = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--rounds", type=int, default=rounds, help="calls in each repeat")
    made.add_argument("--repeats", type=int, default=5)
    made.add_argument("--json", action="store_true", help="one line for programs")
    return made


def tell(about: str | None, results: Callable[[int, int], Iterable[Mapping[str, Any]]]) -> None:
    """The whole command line of a script that takes nothing besides."""
    given = parser(about, 2000).parse_args()
    for each in results(given.rounds, given.repeats):
        show(each, given.json)


def show(made: Mapping[str, Any], is_json: bool) -> None:
    """Print one result."""
    if is_json:
        print(json.dumps(made))
        return
    head = [made["name"], *([made["store"]] if "store" in made else [])]
    print(f"{', '.join(head)}: {made['machine']}, python {made['python']}, commit {made['commit']}")
    print(table([Figure(**each) for each in made["figures"]]))
