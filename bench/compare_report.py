"""What the rounds of a comparison say: spreads, ratios, the tables and the picture.

Pure but for the picture's file. A ratio is taken within a round, between two servers that were measured
one after the other, and only then is the spread over the rounds told: what slows the machine for a
minute slows both.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from ocs.load import draw
from ocs.load.draw import Bar, number

#: Who is compared with whom: every ratio is this server's figure over the other's.
RATIO = "this server is"
LABEL = "median, and the range over all rounds; x: this server's rate over that one's"


@dataclass(frozen=True, slots=True)
class Measured:
    """One server in one round; rates of successful answers a second, latencies in milliseconds."""

    rate: float
    p50: float
    p99: float
    #: Processor seconds per 1,000 requests; None where the process is not on this machine.
    server_cpu: float | None
    store_cpu: float | None
    #: Share of one core that the load generator needed: near 1 it was the limit, not the server.
    generator_busy: float
    #: Answers other than success, and requests without one.
    failed: int
    audit: str


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the median and the most."""

    low: float
    middle: float
    high: float

    def show(self, mark: str = "") -> str:
        """`1,100 (1,000 to 1,250)`."""
        return f"{number(self.middle)}{mark} ({number(self.low)} to {number(self.high)})"


@dataclass(frozen=True, slots=True)
class Row:
    """One server over all rounds."""

    name: str
    lacks: tuple[str, ...]
    rounds: tuple[Measured, ...]
    is_ours: bool = False

    @property
    def rate(self) -> Spread:
        """Of the requests a second."""
        return spread(each.rate for each in self.rounds)

    def middle(self, value: Callable[[Measured], float | None]) -> float | None:
        """The median of a value that each round has, or none."""
        found = [each for each in map(value, self.rounds) if each is not None]
        return median(found) if found else None


@dataclass(frozen=True, slots=True)
class Quoted:
    """Figures of another run on another day."""

    name: str
    rate: Spread
    p50_alone: float
    p99: float
    server_cpu: str
    source: str


#: The project's own measurement; it is quoted, never run here.
SIGSCALE = Quoted(
    name="SigScale OCS 3.4.72 (quoted)",
    rate=Spread(4210, 5919, 6976),
    p50_alone=0.32,
    p99=27,
    server_cpu="0.26-0.36",
    source=(
        "SigScale OCS 3.4.72 was measured once by this project, on another machine with 2 cores that "
        "client and server shared: CCR-I, 3 CCR-U and CCR-T of about 660 octets, 64 outstanding, "
        "5,000 subscribers; answers with 2001 in a second. It was not run again here."
    ),
)


def spread(values: Iterable[float]) -> Spread:
    """Of at least one value."""
    ordered = sorted(values)
    return Spread(ordered[0], median(ordered), ordered[-1])


def ratio(ours: Row, other: Row) -> Spread:
    """This server's rate over the other's, round by round."""
    pairs = zip(ours.rounds, other.rounds, strict=True)
    return spread(mine.rate / theirs.rate for mine, theirs in pairs)


def ratio_to_quoted(ours: Row, quoted: Quoted) -> Spread:
    """This server's rate in each round over the quoted median."""
    return spread(each.rate / quoted.rate.middle for each in ours.rounds)


def ours_of(rows: Sequence[Row]) -> Row:
    """The server that all are compared with."""
    return next(each for each in rows if each.is_ours)


# --- tables ---------------------------------------------------------------------------------------

LOADED = (
    "server", "requests/s", "p50 ms", "p99 ms", "CPU s per 1,000", "generator busy",
    RATIO, "does without",
)  # fmt: skip
ALONE = ("server", "p50 ms", "p99 ms", "requests/s", RATIO)


def loaded_cells(rows: Sequence[Row], quoted: Quoted) -> list[tuple[str, ...]]:
    """The table under load."""
    ours = ours_of(rows)
    cells = [
        (
            each.name,
            each.rate.show(),
            shown(each.middle(lambda one: one.p50)),
            shown(each.middle(lambda one: one.p99)),
            processor(each),
            f"{each.middle(lambda one: one.generator_busy) or 0:.0%}",
            "" if each.is_ours else ratio(ours, each).show(" x"),
            ", ".join(each.lacks) or "nothing",
        )
        for each in rows
    ]
    against = ratio_to_quoted(ours, quoted).show(" x")
    figures = (quoted.rate.show(), "-", shown(quoted.p99), quoted.server_cpu, "-", against)
    last = (quoted.name, *figures, "not compared")
    return [*cells, last]


def alone_cells(rows: Sequence[Row], quoted: Quoted) -> list[tuple[str, ...]]:
    """The table of one request at a time."""
    ours = ours_of(rows)
    cells = [
        (
            each.name,
            shown(each.middle(lambda one: one.p50)),
            shown(each.middle(lambda one: one.p99)),
            each.rate.show(),
            "" if each.is_ours else ratio(ours, each).show(" x"),
        )
        for each in rows
    ]
    return [*cells, (quoted.name, shown(quoted.p50_alone), "-", "-", "-")]


def processor(row: Row) -> str:
    """Seconds per 1,000 requests of the server, and of its store where it has one."""
    server, store = row.middle(lambda one: one.server_cpu), row.middle(lambda one: one.store_cpu)
    return shown(server) if store is None else f"{shown(server)} + store {shown(store)}"


def shown(value: float | None) -> str:
    """A number, or that there is none."""
    return "-" if value is None else number(value)


def rich_table(title: str, head: Sequence[str], cells: Sequence[Sequence[str]]) -> Table:
    """For a terminal."""
    table = Table(title=title, title_justify="left")
    for place, each in enumerate(head):
        table.add_column(each, justify="right" if place else "left")
    for row in cells:
        table.add_row(*row)
    return table


def markdown_table(head: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """For a document."""
    lines = [head, ["---"] * len(head), *cells]
    return "\n".join(f"| {' | '.join(each)} |" for each in lines)


# --- what is kept ---------------------------------------------------------------------------------


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Every round of every server, and what they come to."""
    ours = ours_of(rows)
    return [
        {
            "name": each.name,
            "lacks": list(each.lacks),
            "requests_per_second": asdict(each.rate),
            "ratio_of_this_server": asdict(ratio(ours, each)),
            "rounds": [asdict(one) for one in each.rounds],
        }
        for each in rows
    ]


def picture(rows: Sequence[Row], quoted: Quoted, path: Path, title: str) -> None:
    """One bar for each server."""
    ours = ours_of(rows)
    bars = [
        Bar(
            each.name,
            each.rate.low,
            each.rate.middle,
            each.rate.high,
            "" if each.is_ours else f"{number(ratio(ours, each).middle)} x",
            is_ours=each.is_ours,
        )
        for each in rows
    ]
    against = f"{number(ratio_to_quoted(ours, quoted).middle)} x"
    bars.append(
        Bar(
            quoted.name,
            quoted.rate.low,
            quoted.rate.middle,
            quoted.rate.high,
            against,
            is_quoted=True,
        )
    )
    draw.ratios(bars, path, title=title, label=LABEL)
