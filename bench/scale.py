"""Cost against size: subscribers, sessions, services in a request, buckets, workers, nodes; memory; start.

    python bench/scale.py [DIMENSION ...] [--quick] [--seconds 3] [--rounds 3] [--json FILE]

Each dimension is measured with `data-update` in a closed loop of 64, subscribers also with `canonical`.
Without a dimension all are, in about a quarter of an hour. Results go to bench/results/scale.json (what
it says of other dimensions stays), pictures to docs/images. --quick is a small version to see that all of
it works: its figures go nowhere unless --json says where. Every run ends with its audit, which is kept.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # this folder is not installed

import uvloop

from bench.micro.measure import RESULTS, ROOT, machine
from bench.micro.stores import binaries
from bench.scale_places import catalogue_with, memory_of_sessions, memory_of_subscribers, starts
from bench.scale_runs import PRODUCT, Length, Point, measure, populate, product_with
from ocs.load import draw
from ocs.load.workload import Workload, read_workload

Rows = list[dict[str, Any]]
NO_CLUSTER = (
    "not supported yet: [store] url names one server (redis, rediss, unix), so that there is nothing "
    "to measure against cluster nodes"
)


@dataclass(frozen=True, slots=True)
class Size:
    """How far each dimension goes."""

    subscribers: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    sessions: tuple[int, ...] = (100, 1_000, 10_000, 100_000)
    mscc: tuple[int, ...] = (1, 2, 5, 10)
    buckets: tuple[int, ...] = (0, 3, 10, 30)
    workers: tuple[int, ...] = (1, 2, 3, 4)
    #: Subscribers and sessions where something else is the dimension.
    people: int = 10_000
    open: int = 1_000
    memory: int = 10_000
    starts: int = 5


QUICK = Size(
    subscribers=(200, 1_000),
    sessions=(50, 200),
    mscc=(1, 3),
    buckets=(0, 3),
    workers=(1, 2),
    people=500,
    open=100,
    memory=500,
    starts=1,
)


class Scale:
    """The dimensions, one method each."""

    def __init__(self, size: Size, length: Length, folder: Path) -> None:
        self._size = size
        self._length = length
        #: The store with most subscribers is kept here for `start`.
        self._large = folder / "large"

    def _workload(self, name: str = "data-update", **changes: Any) -> Workload:
        plain = replace(
            read_workload(name), subscribers=self._size.people, sessions=self._size.open
        )
        return replace(plain, **changes)

    async def subscribers(self) -> Rows:
        """As many subscribers, the same number of sessions."""
        most = max(self._size.subscribers)
        points = [
            Point(
                count,
                self._workload(subscribers=count),
                data=self._large if count == most else None,
                others=(self._workload("canonical", subscribers=count, nearly_empty_percent=0),),
            )
            for count in self._size.subscribers
        ]
        return await measure("subscribers", points, self._length)

    async def sessions(self) -> Rows:
        """As many open sessions. The largest take long to open: they are measured once."""
        most = max(self._size.sessions)
        points = [
            Point(
                count,
                self._workload(subscribers=max(self._size.people, count), sessions=count),
                rounds=1 if count == most else self._length.rounds,
            )
            for count in self._size.sessions
        ]
        return await measure("sessions", points, self._length)

    async def mscc(self) -> Rows:
        """As many services in each request."""
        plain = self._workload()
        points = [
            Point(
                count,
                replace(
                    plain,
                    services=(replace(plain.services[0], mscc=(*[0] * (count - 1), 100)),),
                ),
            )
            for count in self._size.mscc
        ]
        return await measure("mscc", points, self._length)

    async def buckets(self) -> Rows:
        """As many buckets of data, all used up: each is looked at before own money pays."""
        with catalogue_with((PRODUCT, product_with(max(self._size.buckets)))) as settings:
            points = [
                Point(count, self._workload(), settings=settings, buckets=count)
                for count in self._size.buckets
            ]
            return await measure("buckets", points, self._length)

    async def workers(self) -> Rows:
        """As many worker processes; generator and store share the cores with them."""
        points = [Point(count, self._workload(), workers=count) for count in self._size.workers]
        return await measure("workers", points, self._length)

    async def nodes(self) -> Rows:
        """Nodes of a cluster."""
        return [{"dimension": "nodes", "skipped": NO_CLUSTER}]

    async def memory(self) -> Rows:
        """Octets in the store for a subscriber and a session; of the server with sessions open."""
        rows: Rows = []
        for kind in binaries():
            rows.append(await memory_of_subscribers(kind, self._size.memory))
            for updates in (1, 8):
                rows += await memory_of_sessions(kind, self._size.memory, updates)
        return [{"dimension": "memory", **each} for each in rows]

    async def start(self) -> Rows:
        """Seconds until ready with most subscribers in the store."""
        count = max(self._size.subscribers)
        if not self._large.exists():
            await populate(self._workload(subscribers=count), self._large)
        found = await starts(self._large, count, self._size.starts)
        return [{"dimension": "start", **each} for each in found]


DIMENSIONS: dict[str, Callable[[Scale], Awaitable[Rows]]] = {
    "subscribers": Scale.subscribers,
    "start": Scale.start,
    "sessions": Scale.sessions,
    "mscc": Scale.mscc,
    "buckets": Scale.buckets,
    "workers": Scale.workers,
    "nodes": Scale.nodes,
    "memory": Scale.memory,
}
#: What is drawn: title, and whether the axis is logarithmic.
PICTURES = {
    "subscribers": ("Cost against subscribers", "subscribers", True),
    "sessions": ("Cost against open sessions", "open sessions", True),
    "mscc": ("Cost against services in a request", "services (MSCC)", False),
    "buckets": ("Cost against buckets that are looked at", "buckets of the account", False),
    "workers": ("Throughput against workers, on the cores that the result names", "workers", False),
}


async def scale(names: Sequence[str], size: Size, length: Length) -> dict[str, Rows]:
    """The rows of each dimension that was asked for, in the order of DIMENSIONS."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        whole = Scale(size, length, Path(folder))
        for name, method in DIMENSIONS.items():
            if name in names:
                print(f"{name}:", flush=True)
                found[name] = await method(whole)
                for each in found[name]:
                    print(f"  {told(each)}", flush=True)
    return found


def told(row: dict[str, Any]) -> str:
    """One row as a line."""
    if "skipped" in row:
        return str(row["skipped"])
    if "seconds" in row:
        return (
            f"{row['what']}, {row['subscribers']:,} subscribers: {row['seconds']:.2f} s "
            f"({row['low']:.2f} to {row['high']:.2f})"
        )
    if "octets" in row:
        kinds = ", ".join(f"{name} {value:g}" for name, value in row["by_kind"].items())
        after = f" after {row['updates']} updates" if "updates" in row else ""
        server = f"; server {row['server_mb']} MB" if "server_mb" in row else ""
        return f"{row['what']}{after}, {row['store']}: {row['octets']:g} B ({kinds}){server}"
    bad = "".join(f", {row[name]} {name}" for name in ("unanswered", "refused") if row[name])
    return (
        f"{row['x']:>9,}  {row['workload']}: {row['rate']:,.0f}/s "
        f"({row['rate_low']:,} to {row['rate_high']:,}), p99 {row['p99_ms']:g} ms, "
        f"server {row['server_us']:g} us, store {row['store_us']:g} us{bad}"
    )


def draw_all(found: dict[str, Rows], folder: Path) -> None:
    """Processor time of a request against each dimension; of workers the throughput."""
    for name, (title, label, is_log) in PICTURES.items():
        rows = [each for each in found.get(name, []) if each["workload"] != "canonical"]
        if not rows:
            continue
        parts = {"server": "server_us", "store": "store_us"}
        y_label = "microseconds of CPU for a request"
        if name == "workers":
            parts, y_label = {"requests a second": "rate"}, "requests a second"
        series = {
            part: [(float(each["x"]), float(each[key])) for each in rows]
            for part, key in parts.items()
        }
        path = folder / f"scale-{name}.svg"
        draw.lines(series, path, title=title, x_label=label, y_label=y_label, is_log_x=is_log)


def keep(found: dict[str, Rows], about: dict[str, object], path: Path) -> None:
    """Write the result; dimensions that were not measured now stay as they are."""
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    kept |= {name: {**about, "rows": rows} for name, rows in found.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + "\n")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dimensions", nargs="*", metavar="DIMENSION", help=", ".join(DIMENSIONS))
    parser.add_argument("--quick", action="store_true", help="a small version, in a minute")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where the result goes")
    given = parser.parse_args()
    unknown = [each for each in given.dimensions if each not in DIMENSIONS]
    if unknown:
        parser.error(f"there is no dimension {unknown[0]!r}: {', '.join(DIMENSIONS)}")
    size = QUICK if given.quick else Size()
    length = (
        Length(requests=500, rounds=1)
        if given.quick
        else Length(given.seconds, rounds=given.rounds)
    )
    about = machine()  # of the code that was measured: files may change meanwhile
    found = uvloop.run(scale(given.dimensions or [*DIMENSIONS], size, length))
    if given.json or not given.quick:
        keep(found, about, given.json or RESULTS / "scale.json")
    if not given.quick:
        draw_all(found, ROOT / "docs" / "images")


if __name__ == "__main__":
    main()
