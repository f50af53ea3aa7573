"""Before and after of each step of the charging path, side by side in one run.

    python bench/steps.py [--rounds 5] [--seconds 5] [--markdown FILE]

bench/steps.toml lists the commits. Each is checked out into a temporary folder and served from there, with
its own `ocs`, configuration and prices, by one worker. The load is this tree's, and that of
bench/compare.py. Rounds alternate, all steps and then all again; only one server runs at a time.

How accounts are stored belongs to a commit. So the subscribers are made by its own desk, once, and each
round begins with a copy of that store; for the audit its own code reads the balances. A run in which an
account does not agree ends without a result.
"""

import argparse
import asyncio
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from matplotlib import rc_context
from matplotlib.figure import Figure
from redis.asyncio import Redis
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1]))  # this folder is not installed

from bench.compare import FAILURES, UNDER_LOAD, WARM_UP_SECONDS, WORKLOAD, NoResult, measured
from bench.compare_report import Measured, Spread, markdown_table, rich_table, spread
from bench.contenders import Contender
from ocs.books import Balance
from ocs.config import load
from ocs.load.draw import COLOURS, SETTINGS, number
from ocs.load.drive import Limit
from ocs.load.people import FIRST_NUMBER, PATIENCE_SECONDS, People
from ocs.load.place import ROOT, children, end, environment, made_folder, start_process, wait_ready
from ocs.load.result import Circumstances
from ocs.load.run import run_load
from ocs.load.target import Target
from ocs.load.traffic import Books
from ocs.load.workload import Workload, read_workload
from ocs.store.connect import connect
from ocs.store.embedded import EmbeddedStore

STEPS = ROOT / "bench" / "steps.toml"
#: Stands in the list for the tree that this file lies in, as it is now.
TREE = "tree"
#: Columns of the table where no terminal says how wide it is.
WIDTH = 160

#: Runs with the `ocs` of a step on its store. `make`: the owners of numbers, each with an opening; where
#: their accounts are is kept beside the store. `look`: the amounts of these accounts.
DESK = """
import asyncio, json, os, sys
from pathlib import Path
from ocs.abmf import keys
from ocs.abmf.calls import read_balance
from ocs.app import open_desk, open_store
from ocs.config import load

CONFIG, ACCOUNTS, TOGETHER = load(Path(os.environ["OCS_CONFIG"]), os.environ), Path("accounts.json"), 50

async def make(people, tariff):
    made = []
    async with open_desk(CONFIG, actor="bench") as desk:
        for first in range(0, len(people), TOGETHER):
            some = people[first:first + TOGETHER]
            adding = [desk.add(number, tariff=tariff, balance=opening) for number, opening in some]
            made += [(each.partition, each.account_id) for each in await asyncio.gather(*adding)]
    ACCOUNTS.write_text(json.dumps(made))

async def look():
    client, _ = await open_store(CONFIG)
    async with client, client.pipeline(transaction=False) as calls:
        for each in json.loads(ACCOUNTS.read_text()):
            calls.hgetall(keys.account(*each))
        held = [read_balance([*sum(each.items(), ())]) for each in await calls.execute()]
    return [(each.credited, each.available, each.reserved, each.spent, each.written_off) for each in held]

work = {"make": make, "look": look}[sys.argv[1]]
json.dump(asyncio.run(work(**json.load(sys.stdin))), sys.stdout)
"""


class BadSteps(Exception):
    """What is wrong with the list of steps."""


@dataclass(frozen=True, slots=True)
class Step:
    """A commit, or TREE, and what it changed."""

    commit: str
    what: str

    def __str__(self) -> str:
        return f"{self.commit}, {self.what}"


#: What is told of a step, in this order; µs are of the processor, for each request.
NUMBERS: dict[str, Callable[[Measured], float]] = {
    "rate": lambda each: each.rate,
    "server_us": lambda each: 1000 * (each.server_cpu or 0),
    "store_us": lambda each: 1000 * (each.store_cpu or 0),
    "p50_ms": lambda each: each.p50,
    "p99_ms": lambda each: each.p99,
}
HEAD = ("step", "commit", "requests/s", "of the first", "server µs", "store µs", "p50 ms", "p99 ms")
Rounds = Mapping[Step, Sequence[Measured]]


# --- the steps and their trees ----------------------------------------------------------------------


def read_steps(path: Path) -> list[Step]:
    """The list in a file."""
    try:
        values = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSteps(f"{path.name}: {error}") from None
    listed = values.pop("steps", None)
    if values or not isinstance(listed, list) or not listed:
        raise BadSteps(f"{path.name}: expected [[steps]] and nothing else")
    for place, each in enumerate(listed, 1):
        is_step = isinstance(each, dict) and each.keys() == {"commit", "what"}
        if not is_step or not all(isinstance(one, str) and one for one in each.values()):
            raise BadSteps(f"{path.name}: step {place}: expected two texts, commit and what")
    return [Step(**each) for each in listed]


def git(repository: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command of git; whether it worked is for the caller to see."""
    command = ["git", "-C", str(repository), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


@contextmanager
def checked_out(steps: Sequence[Step], repository: Path = ROOT) -> Iterator[dict[Step, Path]]:
    """A tree for each step until the end of the block; only those made here are removed."""
    with tempfile.TemporaryDirectory(prefix="ocs-") as name:
        made = {each: Path(name, str(at)) for at, each in enumerate(steps) if each.commit != TREE}
        try:
            for step, tree in made.items():
                added = git(repository, "worktree", "add", "--detach", str(tree), step.commit)
                if added.returncode:
                    raise BadSteps(f"{step}: there is no such commit here: {added.stderr.strip()}")
            yield {each: made.get(each, repository) for each in steps}
        finally:
            for tree in made.values():
                git(repository, "worktree", "remove", "--force", str(tree))


# --- a server of a tree -----------------------------------------------------------------------------


def environment_of(tree: Path, data: Path) -> dict[str, str]:
    """The environment in which everything is the tree's: code, configuration and prices."""
    catalogue = {"catalogue__folder": str(tree / "config" / "catalogue")}
    # What PYTHONPATH names comes before what is installed, in the workers as well.
    own = {"OCS_CONFIG": str(tree / "config" / "ocs.toml"), "PYTHONPATH": str(tree)}
    return environment(1, "", data, catalogue) | own


@asynccontextmanager
async def served(tree: Path, data: Path) -> AsyncIterator[Target]:
    """A server of the tree, with the store in `data`."""
    environ = environment_of(tree, data)
    # Addresses and ports are in the environment; an older file may lack keys of today.
    config = load(ROOT / "config" / "ocs.toml", environ)
    words = [sys.executable, "-m", "ocs.cli", "serve", "--initialise"]
    serve = start_process(words, data, "serve", environ)
    try:
        await wait_ready(config, serve, data)
        store = int((data / "store.pid").read_text())
        workers = tuple(children(serve.pid, but=store))
        diameter = config.diameter
        yield Target(str(diameter.listen[0]), diameter.port, diameter.realm, workers, (store,))
    finally:
        await end(serve)


async def at_desk(tree: Path, data: Path, work: str, **asked: Any) -> Any:
    """What DESK answers with the tree's code, on its running store."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DESK, work, env=environment_of(tree, data), cwd=data,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    found, errors = await process.communicate(json.dumps(asked).encode())
    if process.returncode:
        raise NoResult(f"its desk failed: {errors.decode(errors='replace').strip()[-500:]}")
    return json.loads(found)


async def stock(tree: Path, data: Path, workload: Workload) -> None:
    """Make a store that holds the workload's subscribers."""
    persons = range(workload.subscribers)
    people = [(str(FIRST_NUMBER + each), workload.opening(each)) for each in persons]
    async with served(tree, made_folder(data)):
        await at_desk(tree, data, "make", people=people, tariff=workload.tariff)


class DeskPeople(People):
    """Subscribers of a stocked store: only the tree's own code can read what they have."""

    def __init__(self, client: Redis, tree: Path, data: Path, workload: Workload) -> None:
        self.client = client
        self.openings = [workload.opening(each) for each in range(workload.subscribers)]
        self.books = Books([0] * workload.subscribers)
        self._tree, self._data = tree, data

    async def balances(self) -> AsyncIterator[tuple[int, Balance]]:
        """Every person's account."""
        for person, amounts in enumerate(await at_desk(self._tree, self._data, "look")):
            yield person, Balance(*amounts)


# --- measuring --------------------------------------------------------------------------------------


async def measure(
    step: Step, tree: Path, stocked: Path, workload: Workload, limit: Limit, seed: int
) -> tuple[Measured, Circumstances]:
    """One round of one step."""
    with tempfile.TemporaryDirectory(prefix="ocs-") as name:
        data = shutil.copytree(stocked, Path(name) / "store")
        contender = Contender(str(step), (), partial(served, tree, data))
        async with contender.start() as target:
            client = connect(EmbeddedStore(data).live_url(), PATIENCE_SECONDS)
            try:
                result = await run_load(
                    workload, UNDER_LOAD, target, seconds=limit.seconds, requests=limit.requests,
                    warm_up_seconds=WARM_UP_SECONDS, seed=seed,
                    people=DeskPeople(client, tree, data, workload),
                )  # fmt: skip
            finally:
                await client.aclose()
    return measured(contender, result), result.circumstances


async def play(
    trees: Mapping[Step, Path], workload: Workload, rounds: int, limit: Limit, console: Console
) -> tuple[Rounds, Circumstances]:
    """All rounds of the steps, each with its tree; tells every figure as it comes."""
    if rounds < 1:
        raise NoResult("no round was asked for")
    found: dict[Step, list[Measured]] = {step: [] for step in trees}
    with tempfile.TemporaryDirectory(prefix="ocs-") as name:
        stores = {step: Path(name) / str(place) for place, step in enumerate(trees)}
        for step, tree in trees.items():
            with console.status(f"subscribers of {step}"), named(step):
                await stock(tree, stores[step], workload)
        for each in range(1, rounds + 1):
            for step, tree in trees.items():
                place = f"round {each} of {rounds}: {step}"
                with console.status(place), named(step):
                    last, where = await measure(step, tree, stores[step], workload, limit, each)
                found[step].append(last)
                server, store = NUMBERS["server_us"](last), NUMBERS["store_us"](last)
                said = f"{place}: {last.rate:,.0f}/s, {server:.0f} + {store:.0f} µs"
                console.print(said, highlight=False, markup=False)
    return found, where


@contextmanager
def named(step: Step) -> Iterator[None]:
    """What fails names its step."""
    try:
        yield
    except FAILURES as error:
        raise NoResult(f"{step}: {error}") from error


# --- telling ----------------------------------------------------------------------------------------


def spreads(rounds: Sequence[Measured]) -> dict[str, Spread]:
    """Of each number over the rounds."""
    return {name: spread(map(value, rounds)) for name, value in NUMBERS.items()}


def cells_of(rounds: Rounds) -> list[tuple[str, ...]]:
    """The table: medians, with the least and the most; ratios are taken within a round."""
    first, *_ = rounds.values()
    cells = []
    for step, those in rounds.items():
        rate, *others = (each.show() for each in spreads(those).values())
        pairs = zip(those, first, strict=True)
        times = spread(each.rate / before.rate for each, before in pairs).show(" x")
        cells.append((step.what, step.commit, rate, "" if those is first else times, *others))
    return cells


def remarks(rounds: Rounds, where: Circumstances, seconds: float) -> list[str]:
    """What the table needs to be understood."""
    *_, last = rounds.values()
    found = [
        f"{WORKLOAD}, {UNDER_LOAD}, one worker; {len(last)} rounds of {seconds:g} s, in turn: median "
        "(least to most). µs are processor time for each request; ratios are taken within a round.",
        f"{where.cpu}, {where.cores} cores, which generator, server and store share. Tree {where.commit}, "
        f"{where.date}; Python {where.versions['python']}, {where.versions['store']}; `{where.command}`.",
        f"Each round of each step ended with its audit; the last: {last[-1].audit}.",
    ]
    for step, those in rounds.items():
        if failed := sum(each.failed for each in those):
            found.append(f"{step}: {failed:,} requests without success; they count in no rate.")
    return found


def as_json(rounds: Rounds, where: Circumstances, seconds: float) -> str:
    """Every round of every step, what they come to, and where it was measured."""
    steps = [
        asdict(step)
        | {name: asdict(each) for name, each in spreads(those).items()}
        | {"rounds": [asdict(each) for each in those]}
        for step, those in rounds.items()
    ]
    head = {"workload": WORKLOAD, "load": str(UNDER_LOAD), "seconds": seconds}
    return json.dumps({**head, "circumstances": asdict(where), "steps": steps}, indent=1) + "\n"


def picture(rounds: Rounds, path: Path) -> None:
    """Processor time of server and store on one another, a bar for each step; the range is of the sum."""
    with rc_context(SETTINGS):
        figure = Figure((8.0, 1.4 + 0.5 * len(rounds)), layout="constrained", facecolor="white")
        title = f"{WORKLOAD}, {UNDER_LOAD}: step by step"
        figure.suptitle(title, x=0.01, ha="left", weight="bold", size=11)
        axes, most = figure.add_subplot(), 0.0
        for place, those in enumerate(rounds.values()):
            found = spreads(those)
            server, store = found["server_us"].middle, found["store_us"].middle
            both = spread(NUMBERS["server_us"](each) + NUMBERS["store_us"](each) for each in those)
            names = ("", "") if place else ("server", "store")  # once in the legend
            axes.barh(place, server, 0.62, color=COLOURS[0], label=names[0])
            axes.barh(place, store, 0.62, left=server, color=COLOURS[5], label=names[1])
            axes.plot((both.low, both.high), (place, place), "|-", color="#222222", linewidth=1)
            said = f"{server:.0f} + {store:.0f} µs · {number(found['rate'].middle)}/s"
            behind = (max(both.high, server + store), place)
            axes.annotate(said, behind, xytext=(8, 0), textcoords="offset points", va="center")
            most = max(most, behind[0])
        axes.set_yticks(range(len(rounds)), [textwrap.fill(each.what, 34) for each in rounds])
        axes.invert_yaxis()
        axes.set_xlim(0, most * 1.45)  # room for what is said behind the longest
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("µs of processor time for each request: medians, and the range of the sum")
        figure.legend(loc="outside lower right", ncols=2)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def tell(rounds: Rounds, where: Circumstances, asked: argparse.Namespace, console: Console) -> None:
    """The table for whoever watches and for a document, every round in a file, the picture."""
    cells, said = cells_of(rounds), remarks(rounds, where, asked.seconds)
    console.print(rich_table("Step by step", HEAD, cells))
    for each in said:
        console.print(each, highlight=False, markup=False)
    asked.json.write_text(as_json(rounds, where, asked.seconds))
    picture(rounds, asked.svg)
    if asked.markdown is not None:
        asked.markdown.write_text("\n\n".join([markdown_table(HEAD, cells), *said]) + "\n")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each step and round")
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/steps.json")
    parser.add_argument("--svg", type=Path, default=ROOT / "docs/images/steps.svg")
    parser.add_argument("--markdown", type=Path, help="the table for a document")
    asked = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    # Told to stop, it still ends its server and removes its trees.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with checked_out(read_steps(STEPS)) as trees:
            workload, limit = read_workload(WORKLOAD), Limit(asked.seconds)
            rounds, where = uvloop.run(play(trees, workload, asked.rounds, limit, console))
        tell(rounds, where, asked, console)
    except (BadSteps, NoResult, OSError) as error:
        console.print(f"no result: {error}", style="red", highlight=False, markup=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
