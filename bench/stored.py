"""Targets that a short run cannot tell: what bench/results/ says of them, with its date and commit.

Where there is no such file, the row says which script measures it; nothing is guessed.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Row:
    """One target. `is_met` None: it was not measured."""

    what: str
    target: str
    measured: str
    is_met: bool | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A target whose figure is kept in a file: where in it, and what it must be."""

    what: str
    target: str
    script: str
    file: str
    #: The figure, and how it is said; KeyError, IndexError or StopIteration where the file has none.
    find: Callable[[dict[str, Any]], tuple[float, str]]
    is_met: Callable[[float], bool]


def stored_rows(folder: Path = RESULTS) -> Iterator[Row]:
    """One row for each target that is kept."""
    for each in KEPT:
        yield stored_row(each, folder)


def stored_row(kept: Kept, folder: Path) -> Row:
    """What its file says, or that there is none."""
    try:
        value = json.loads((folder / kept.file).read_text())
        figure, said = kept.find(value)
    except (OSError, ValueError, LookupError, StopIteration, TypeError, ZeroDivisionError):
        return Row(kept.what, kept.target, f"not measured here: run {kept.script}", None)
    where = circumstances(value)
    date = str(where.get("date", where.get("at", "")))[:10]
    source = f"{kept.file}, {date}, commit {where.get('commit')}"
    return Row(kept.what, kept.target, f"{said} ({source})", kept.is_met(figure))


def circumstances(value: dict[str, Any]) -> dict[str, Any]:
    """Where a file says when and with what it was measured: at its top, or in a part of it."""
    for each in (value, *(each for each in value.values() if isinstance(each, dict))):
        if "commit" in each:
            return each
    return {}


# --- compare.json ---------------------------------------------------------------------------------


def ratio(value: dict[str, Any], words: str) -> tuple[float, float]:
    """This server's rate over another's, and the other's rate: the fastest whose name has the words."""
    found = [each for each in value["servers"] if words in each["name"]]
    best = max(found, key=lambda each: float(each["requests_per_second"]["middle"]))
    return float(best["ratio_of_this_server"]["middle"]), float(
        best["requests_per_second"]["middle"]
    )


def against_python(value: dict[str, Any]) -> tuple[float, str]:
    """The faster of the two nodes that a Python user would write."""
    found, rate = ratio(value, "python-diameter")
    return found, f"{found:.1f} x of {rate:,.0f}/s"


def against_floor(value: dict[str, Any]) -> tuple[float, str]:
    """The same node and codec with one trivial call to the store."""
    found, rate = ratio(value, "FCALL")
    return found, f"{found:.0%} of {rate:,.0f}/s"


# --- scale.json, soak.json --------------------------------------------------------------------------


def falling(value: dict[str, Any]) -> tuple[float, str]:
    """By how much throughput falls from the fewest subscribers to the most."""
    rows = [each for each in value["subscribers"]["rows"] if each["workload"] == "data-update"]
    few, many = min(rows, key=lambda each: each["x"]), max(rows, key=lambda each: each["x"])
    if few["x"] > 1_000 or many["x"] < 1_000_000:
        raise LookupError("it does not go from 1,000 to 1,000,000")
    fall = 1 - many["rate"] / few["rate"]
    return fall, f"{few['rate']:,.0f}/s to {many['rate']:,.0f}/s: {fall:.1%} less"


def octets(value: dict[str, Any], what: str) -> tuple[float, str]:
    """What one more adds to the store, in the store that needs most; its ledger entries apart."""
    rows = [each for each in value["memory"]["rows"] if each["what"] == what]
    most = max(rows, key=lambda each: each["octets"] - each["history"])
    size = most["octets"] - most["history"]
    return size, (
        f"{size:,.0f} bytes, and {most['history']:,.0f} of ledger and records; "
        f"{most['megabytes_per_million']:,} MB a million"
    )


def server_megabytes(value: dict[str, Any]) -> tuple[float, str]:
    """The server with 10,000 sessions open."""
    rows = [
        each
        for each in value["memory"]["rows"]
        if each["what"] == "open session" and each["count"] >= 10_000
    ]
    most = max(float(each["server_mb"]) for each in rows)
    return most, f"{most:.0f} MB"


def starting(value: dict[str, Any]) -> tuple[float, str]:
    """From the start of the process until it is ready."""
    row = next(
        each
        for each in value["start"]["rows"]
        if each["what"].startswith("server,") and each["subscribers"] >= 1_000_000
    )
    return float(row["seconds"]), f"{row['seconds']:.2f} s ({row['low']:.2f} to {row['high']:.2f})"


def slope(value: dict[str, Any]) -> tuple[float, str]:
    """Growth of the server's memory after the warm-up."""
    grown = float(value["trend"]["kb_a_minute"])
    if float(value["minutes"]) < 19.9:
        raise LookupError("it was shorter than 20 minutes")
    return grown, f"{grown:+.1f} kB a minute over {value['minutes']:g} minutes"


KEPT = (
    Kept(
        "data-update against a python-diameter node that does none of it",
        ">= 8 x",
        "bench/compare.py",
        "compare.json",
        against_python,
        lambda found: found >= 8,
    ),
    Kept(
        "data-update against our floor with one trivial FCALL",
        ">= 50 %",
        "bench/compare.py",
        "compare.json",
        against_floor,
        lambda found: found >= 0.5,
    ),
    Kept(
        "1,000 to 1,000,000 subscribers",
        "throughput falls by less than 10 %",
        "bench/scale.py subscribers",
        "scale.json",
        falling,
        lambda found: found < 0.1,
    ),
    Kept(
        "store: a subscriber with three buckets",
        "<= 900 bytes",
        "bench/scale.py memory",
        "scale.json",
        lambda value: octets(value, "subscriber with three buckets"),
        lambda found: found <= 900,
    ),
    Kept(
        "store: an open session",
        "<= 1,200 bytes",
        "bench/scale.py memory",
        "scale.json",
        lambda value: octets(value, "open session"),
        lambda found: found <= 1_200,
    ),
    Kept(
        "server memory with 10,000 open sessions",
        "<= 150 MB",
        "bench/scale.py memory",
        "scale.json",
        server_megabytes,
        lambda found: found <= 150,
    ),
    Kept(
        "server memory over 20 minutes",
        "flat: grows by less than 50 kB a minute",
        "bench/soak.py",
        "soak.json",
        slope,
        lambda found: found < 50,
    ),
    Kept(
        "start with 1,000,000 subscribers in the store",
        "ready in <= 1.5 s",
        "bench/scale.py subscribers start",
        "scale.json",
        starting,
        lambda found: found <= 1.5,
    ),
)
