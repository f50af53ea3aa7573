"""This server beside others: the same load on each in turn, in one run, and the ratios with their spread.

    python bench/compare.py [--rounds 5] [--seconds 5] [--markdown FILE] [--server NAME=HOST:PORT]

Closed loop, 64 outstanding, of the workload `data-update`; then one request at a time on this server and
its floors. Rounds alternate: all servers, then all again. Each server is started afresh and only one
runs at a time, with one worker. Ends with two tables, a JSON file of every round and a picture. A run in
which a server fails, or an account of ours does not agree, ends without a result.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import uvloop
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1]))  # this folder is not installed

from bench.compare_report import (
    ALONE,
    LOADED,
    SIGSCALE,
    Measured,
    Row,
    alone_cells,
    as_json,
    loaded_cells,
    markdown_table,
    picture,
    rich_table,
)
from bench.contenders import BadContender, Contender, contenders, other_server
from bench.servers.start import ERLANG_NEEDS, NotStarted, erlang_version
from ocs.load.drive import Closed, Limit, LoadFailed
from ocs.load.people import People, PeopleRefused
from ocs.load.place import PlaceFailed
from ocs.load.result import Circumstances, Result
from ocs.load.run import REALM, run_load
from ocs.load.target import Target
from ocs.load.wire import PeerRefused
from ocs.load.workload import Workload, read_workload
from ocs.store.embedded import StoreFailed

ROOT = Path(__file__).parents[1]
WORKLOAD = "data-update"
UNDER_LOAD, ALONE_SHAPE = Closed(64), Closed(1)
CONNECTIONS = 4
WARM_UP_SECONDS = 1.0
SUCCESS = "2001"
JSON = ROOT / "bench" / "results" / "compare.json"
PICTURE = ROOT / "docs" / "images" / "compare.svg"
#: Columns of the tables where no terminal says how wide it is.
WIDTH = 160

#: What can go wrong with a server or its load; each says what it was.
FAILURES = (LoadFailed, NotStarted, PeerRefused, PeopleRefused, PlaceFailed, StoreFailed, OSError)

Rounds = defaultdict[str, list[Measured]]


class NoResult(Exception):
    """Why what was measured is not a result."""


@dataclass(slots=True)
class Played:
    """The rounds of each server by its name, and where they were played."""

    loaded: Rounds = field(default_factory=lambda: defaultdict(list))
    alone: Rounds = field(default_factory=lambda: defaultdict(list))
    where: Circumstances | None = None


# --- measuring ------------------------------------------------------------------------------------


@asynccontextmanager
async def people_of(target: Target, workload: Workload) -> AsyncIterator[People | None]:
    """The subscribers of a server of ours; others have none of ours."""
    if target.config is None:
        yield None
        return
    async with People.live(target.config, workload) as people:
        yield people


async def measure(
    contender: Contender, workload: Workload, limit: Limit, seed: int
) -> list[Result]:
    """Start one server and load it, then with one request at a time where that is wanted."""
    async with contender.start() as target, people_of(target, workload) as people:
        return [
            await run_load(
                workload, shape, target, seconds=limit.seconds, requests=limit.requests,
                warm_up_seconds=WARM_UP_SECONDS, seed=seed,
                connections=min(CONNECTIONS, shape.window), people=people,
            )
            for shape in ((UNDER_LOAD, ALONE_SHAPE) if contender.is_alone_too else (UNDER_LOAD,))
        ]  # fmt: skip


def measured(contender: Contender, result: Result) -> Measured:
    """What the comparison needs of a run; NoResult where there is nothing to compare."""
    if not result.audit.is_good:
        raise NoResult(f"{contender.name}: {result.audit}")
    successes = sum(codes.get(SUCCESS, 0) for codes in result.codes.values())
    if not successes:
        raise NoResult(f"{contender.name}: no answer was a success, but {dict(result.codes)}")
    latency, is_here = result.latency["all"], bool(result.server.rss_bytes)
    return Measured(
        rate=successes / result.seconds,
        p50=latency["p50"],
        p99=latency["p99"],
        server_cpu=result.per_thousand(result.server) if is_here else None,
        store_cpu=result.per_thousand(result.store) if result.store.rss_bytes else None,
        generator_busy=result.generator.cpu_seconds / result.seconds,
        failed=result.answered - successes + result.unanswered,
        audit=str(result.audit),
    )


async def play(
    servers: Sequence[Contender], workload: Workload, rounds: int, limit: Limit, console: Console
) -> Played:
    """All rounds; tells each figure as it comes."""
    played = Played()
    for number in range(1, rounds + 1):
        for each in servers:
            place = f"round {number} of {rounds}: {each.name}"
            try:
                with console.status(place):
                    results = await measure(each, workload, limit, seed=number)
            except FAILURES as error:
                raise NoResult(f"{each.name}: {error}") from error
            figures = [measured(each, result) for result in results]
            said = f"{figures[0].rate:,.0f}/s, p99 {figures[0].p99:g} ms"
            played.loaded[each.name].append(figures[0])
            for single in figures[1:]:
                played.alone[each.name].append(single)
                said += f"; one at a time p50 {single.p50:g} ms"
            if each.is_ours:
                played.where = results[0].circumstances
            console.print(f"{place}: {said}", highlight=False)
    return played


# --- telling --------------------------------------------------------------------------------------


def rows_of(servers: Sequence[Contender], rounds: Rounds) -> list[Row]:
    """In the order of the servers."""
    return [
        Row(each.name, each.lacks, tuple(rounds[each.name]), each.is_ours)
        for each in servers
        if each.name in rounds
    ]


def remarks(loaded: Sequence[Row], where: Circumstances, rounds: int, seconds: float) -> list[str]:
    """What the tables need to be understood."""
    found = [
        f"{WORKLOAD}, {UNDER_LOAD}, one worker; {rounds} rounds of {seconds:g} s, in turn; "
        "ratios are taken within a round.",
        f"{where.cpu}, {where.cores} cores, which generator, server and store share: no figure says what "
        "a server does with a machine of its own. Where the generator was busy all the time, the server "
        "could have done more.",
        f"Commit {where.commit}, {where.date}; Python {where.versions['python']}, "
        f"{where.versions['store']}, python-diameter {where.versions['python-diameter']}; "
        f"`{where.command}`.",
        SIGSCALE.source,
    ]
    for row in loaded:
        failed = sum(each.failed for each in row.rounds)
        if failed:
            found.append(f"{row.name}: {failed:,} requests without success; they count in no rate.")
        if row.is_ours:
            found.append(f"{row.name}: {row.rounds[-1].audit}; the others charge nothing to audit.")
    if erlang_version() is None:
        found.append(f"Erlang/OTP was left out: it {ERLANG_NEEDS}.")
    else:
        found.append("Erlang/OTP uses every core that is free, each server in Python one.")
    return found


def tell(loaded: Sequence[Row], alone: Sequence[Row], said: Sequence[str], console: Console) -> str:
    """Both tables for whoever watches; the same in Markdown for a document."""
    cells = loaded_cells(loaded, SIGSCALE)
    single = alone_cells(alone, SIGSCALE)
    # What each does without is longer than a column of a terminal.
    narrow = [each[:-1] for each in cells]
    console.print(rich_table("Side by side, 64 outstanding", LOADED[:-1], narrow))
    console.print(rich_table("One request at a time", ALONE, single))
    without = [
        f"{each.name} does without {', '.join(each.lacks)}." for each in loaded if each.lacks
    ]
    for each in (*said, *without):
        console.print(each, highlight=False, markup=False)
    parts = [
        "64 outstanding:", markdown_table(LOADED, cells), "One request at a time:",
        markdown_table(ALONE, single), *said,
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def keep(
    path: Path, where: Circumstances, loaded: Sequence[Row], alone: Sequence[Row], seconds: float
) -> None:
    """Every round, with where it was measured."""
    value = {
        "workload": WORKLOAD,
        "load": str(UNDER_LOAD),
        "seconds": seconds,
        "circumstances": asdict(where),
        "servers": as_json(loaded),
        "one_at_a_time": as_json(alone),
        "quoted": asdict(SIGSCALE),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


async def run(arguments: argparse.Namespace, console: Console) -> None:
    """Measure, then tell and keep."""
    identities = [f"load-{index}.{REALM}" for index in range(CONNECTIONS)]
    servers = [*contenders(identities), *map(other_server, arguments.server)]
    rounds, limit = arguments.rounds, Limit(arguments.seconds)
    played = await play(servers, read_workload(WORKLOAD), rounds, limit, console)
    loaded, alone, where = (
        rows_of(servers, played.loaded),
        rows_of(servers, played.alone),
        played.where,
    )
    if where is None:
        raise NoResult("no round was played")
    text = tell(loaded, alone, remarks(loaded, where, rounds, limit.seconds), console)
    keep(arguments.json, where, loaded, alone, limit.seconds)
    title = f"{WORKLOAD}, 64 outstanding, {where.cores} shared cores: requests a second"
    picture(loaded, SIGSCALE, arguments.svg, title)
    if arguments.markdown is not None:
        arguments.markdown.write_text(text)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="measured, of each server and round"
    )
    parser.add_argument(
        "--server", action="append", default=[], metavar="NAME=HOST:PORT[,profile=FILE]",
        help="another server that runs already; its profile says what it does without",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, default=JSON, help="every round")
    parser.add_argument("--svg", type=Path, default=PICTURE, help="the picture")
    parser.add_argument("--markdown", type=Path, help="both tables for a document")
    arguments = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    try:
        uvloop.run(run(arguments, console))
    except (BadContender, NoResult) as error:
        console.print(f"no result: {error}", style="red", highlight=False, markup=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
