"""The targets of this project beside what was measured: one row each, met or not met.

What a short run can tell is measured here, each workload on a server of its own. What takes long, or
needs other servers, is read from bench/results/, with its date and commit; where there is no such file,
the row says which script measures it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench.served import served
from bench.stored import Row, stored_rows
from ocs.load.drive import Closed, Shape
from ocs.load.result import Result
from ocs.load.run import run_load
from ocs.load.show import watching
from ocs.load.workload import Workload, read_workload

#: Measured once by this project on another machine with 2 cores; never rerun here.
SIGSCALE_RATE, SIGSCALE_SAME_ACCOUNT = 5_900, 814
SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Measured:
    """The runs that the rows are made of."""

    canonical: Result
    half: Result
    update: Result
    alone: Result
    hot: Result
    one: Result

    @property
    def all(self) -> tuple[Result, ...]:
        """Every run."""
        return self.canonical, self.half, self.update, self.alone, self.hot, self.one


async def measure_targets(canonical: Result, half: Result, console: Console) -> bool:
    """Measure the rest, and print the table; whether every audit is good. `half` is the open loop at half
    of what `canonical` reached in a closed one: its saturation, within a few percent."""
    measured = await measure(canonical, half)
    console.print(table([*rows(measured), *stored_rows()]))
    where = canonical.circumstances
    console.print(
        f"{where.cpu}, {where.cores} cores shared by generator, server and store; {where.kernel}; "
        f"Python {where.versions['python']}, {where.versions['store']}; commit {where.commit}",
        highlight=False,
    )
    for each in measured.all:
        style = "green" if each.audit.is_good else "bold red"
        console.print(
            f"Audit of {each.workload}, {each.load}: {each.audit}", style=style, soft_wrap=True
        )
    return all(each.audit.is_good for each in measured.all)


async def measure(canonical: Result, half: Result) -> Measured:
    """The other runs, one after the other."""
    update, alone = await runs(read_workload("data-update"), Closed(64), Closed(1))
    (hot,) = await runs(read_workload("hot-account"), Closed(64))
    (one,) = await runs(read_workload("one-account"), Closed(64))
    return Measured(canonical, half, update, alone, hot, one)


async def runs(workload: Workload, *shapes: Shape) -> list[Result]:
    """One after the other on one server with one worker."""
    results = []
    async with served(workload) as (place, people, _):
        for shape in shapes:
            with watching(f"{workload.name}, {shape}") as told:
                result = await run_load(
                    workload, shape, place.target,
                    seconds=SECONDS, connections=1 if shape == Closed(1) else 4,
                    people=people, progress=told,
                )  # fmt: skip
            results.append(result)
    return results


# --- rows -------------------------------------------------------------------------------------------


def rows(of: Measured) -> Iterator[Row]:
    """What was measured here."""
    update, alone, half = of.update, of.alone, of.half
    yield row(
        "data-update, closed loop, 64 outstanding, one worker",
        f">= {2.5 * SIGSCALE_RATE:,.0f}/s (2.5 x SigScale's {SIGSCALE_RATE:,})",
        f"{update.achieved:,.0f}/s ({update.achieved / SIGSCALE_RATE:.2f} x), "
        f"p99 {update.latency['all']['p99']:.1f} ms",
        update.achieved >= 2.5 * SIGSCALE_RATE,
    )
    p50 = alone.latency["all"]["p50"]
    yield row("one request at a time", "p50 <= 0.35 ms", f"p50 {p50:.2f} ms", p50 <= 0.35)
    server_us = update.per_thousand(update.server) * 1000
    store_us = update.per_thousand(update.store) * 1000
    yield row(
        "processor time of a CCR-U with one MSCC",
        "server <= 90 us, store <= 30 us",
        f"server {server_us:.0f} us, store {store_us:.0f} us "
        f"(generator {update.per_thousand(update.generator) * 1000:.0f})",
        server_us <= 90 and store_us <= 30,
    )
    latency = half.latency["all"]
    yield row(
        "canonical, open loop at half of its closed loop's rate",
        "p50 <= 1.5 ms, p99 <= 8 ms, every request answered",
        f"{half.achieved:,.0f}/s: p50 {latency['p50']:.2f}, p99 {latency['p99']:.2f}, "
        f"p99.9 {latency['p99.9']:.2f} ms, {half.unanswered} unanswered",
        latency["p50"] <= 1.5 and latency["p99"] <= 8 and not half.unanswered,
    )
    for name, each in (("1,000 sessions on 10 accounts", of.hot), ("64 sessions of one", of.one)):
        share = each.achieved / update.achieved
        yield row(
            f"{each.workload}: {name}",
            f">= 60 % of data-update, >= {8 * SIGSCALE_SAME_ACCOUNT:,}/s "
            f"(8 x SigScale's {SIGSCALE_SAME_ACCOUNT}), nothing overdrawn",
            f"{each.achieved:,.0f}/s, {share:.0%}, "
            f"{'audit agrees' if each.audit.is_good else 'the audit differs'}",
            share >= 0.6 and each.achieved >= 8 * SIGSCALE_SAME_ACCOUNT and each.audit.is_good,
        )


def row(what: str, target: str, measured: str, is_met: bool) -> Row:
    """A row that was measured here."""
    return Row(what, target, measured, is_met)


def table(found: list[Row]) -> Table:
    """For whoever reads the terminal."""
    made = Table("what", "target", "measured", "", title="Targets", title_justify="left")
    words = {True: "[green]met[/]", False: "[bold red]not met[/]", None: "[yellow]not here[/]"}
    for each in found:
        made.add_row(each.what, each.target, each.measured, words[each.is_met])
    return made
