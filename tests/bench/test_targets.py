"""The table of targets: what is met, what is not, and what was not measured."""

import json
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.stored import KEPT, stored_row, stored_rows
from bench.targets import Measured, rows, table
from ocs.load.audit import Audit
from ocs.load.record import Latency
from ocs.load.result import Circumstances, Party, Result

ABOUT = {"commit": "abc1234", "date": "2026-11-29T20:00:00+00:00"}
WHERE = Circumstances(
    "a cpu", 2, "Linux", {"python": "3.11", "store": "Valkey"}, command="", **ABOUT
)
COUNT = 10_000


def latency(p50: float, p99: float) -> Latency:
    """So many milliseconds."""
    names = ("p50", "p90", "p95", "p99", "p99.9", "p99.99", "max")
    return Latency(COUNT, p50, dict(zip(names, (p50, p50, p99, p99, p99, p99, p99), strict=True)))


def result(rate: float, p50: float = 1.0, p99: float = 2.0) -> Result:
    """A run with this rate, in which server and store need 80 and 20 microseconds a request."""
    return Result(
        workload="data-update", target="ocs", load="closed loop", seed=1, connections=4,
        subscribers=1, sessions=1, seconds=1.0, offered=0.0, achieved=rate, sent=COUNT, unanswered=0,
        repeats=0, latency={"all": latency(p50, p99)}, late=latency(0, 0), codes={},
        server=Party(0.8, 1), store=Party(0.2, 1), generator=Party(0.1, 1), store_used_bytes=1,
        circumstances=WHERE, audit=Audit(1, 0),
    )  # fmt: skip


MET = Measured(
    canonical=result(10_000),
    half=result(5_000),
    update=result(15_000),
    alone=result(3_000, p50=0.3),
    hot=result(9_000),
    one=result(9_000),
)


def verdicts(measured: Measured) -> list[bool | None]:
    """Row by row."""
    return [each.is_met for each in rows(measured)]


def test_all_targets_can_be_met() -> None:
    """By these figures."""
    assert verdicts(MET) == [True] * 6


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"update": result(14_700)}, 0),
        ({"alone": result(3_000, p50=0.36)}, 1),
        ({"update": replace(result(15_000), server=Party(0.91, 1))}, 2),
        ({"half": result(5_000, p99=8.1)}, 3),
        ({"half": replace(result(5_000), unanswered=1)}, 3),
        ({"hot": result(8_900)}, 4),
        ({"one": replace(result(9_000), audit=Audit(1, 0, differences=1))}, 5),
    ],
)
def test_each_target_can_be_missed(changed: dict[str, Any], place: int) -> None:
    """And no other with it."""
    assert verdicts(replace(MET, **changed)) == [each != place for each in range(6)]


def test_what_no_file_says_names_its_script(tmp_path: Path) -> None:
    """Nothing is guessed."""
    found = list(stored_rows(tmp_path))
    assert {each.is_met for each in found} == {None}
    assert [each.measured for each in found] == [
        f"not measured here: run {each.script}" for each in KEPT
    ]


def server(name: str, rate: float, ratio: float) -> dict[str, Any]:
    """One of compare.json."""
    return {
        "name": name,
        "requests_per_second": {"middle": rate},
        "ratio_of_this_server": {"middle": ratio},
    }


FILES: Mapping[str, dict[str, Any]] = {
    "compare.json": {
        "circumstances": ABOUT,
        "servers": [
            server("python-diameter, threading", 1_000, 15),
            server("python-diameter, plain", 2_000, 7.5),
            server("our floor + one trivial FCALL", 25_000, 0.6),
        ],
    },
    "scale.json": {
        "subscribers": {
            **ABOUT,
            "rows": [
                {"workload": "data-update", "x": 1_000, "rate": 10_000},
                {"workload": "data-update", "x": 1_000_000, "rate": 9_500},
                {"workload": "canonical", "x": 1_000, "rate": 1},
            ],
        },
        "memory": {
            **ABOUT,
            "rows": [
                {
                    "what": what, "octets": 1_500, "history": 700, "megabytes_per_million": 1_430,
                    "count": 10_000, "server_mb": 151.0,
                }
                for what in ("subscriber with three buckets", "open session")
            ],
        },
        "start": {
            **ABOUT,
            "rows": [
                {
                    "what": "server, the store is running", "subscribers": 1_000_000,
                    "seconds": 1.4, "low": 1.3, "high": 1.6,
                }
            ],
        },
    },
    "soak.json": {**ABOUT, "minutes": 20, "trend": {"kb_a_minute": 12.0}},
}  # fmt: skip


def test_what_is_kept_is_told_with_date_and_commit(tmp_path: Path) -> None:
    """The faster of the two Python nodes counts; history is told apart from what a subscriber needs."""
    for name, value in FILES.items():
        (tmp_path / name).write_text(json.dumps(value))
    found = list(stored_rows(tmp_path))
    assert [each.is_met for each in found] == [False, True, True, True, True, False, True, True]
    assert found[0].measured == "7.5 x of 2,000/s (compare.json, 2026-11-29, commit abc1234)"
    assert found[2].measured.startswith("10,000/s to 9,500/s: 5.0% less")
    assert found[3].measured.startswith(
        "800 bytes, and 700 of ledger and records; 1,430 MB a million"
    )


@pytest.mark.parametrize(
    "text", ["no JSON", "{}", '{"servers": []}', '{"subscribers": {"rows": []}}']
)
def test_a_file_without_the_figure_is_as_none(tmp_path: Path, text: str) -> None:
    """A part of a result is not a result."""
    for name in FILES:
        (tmp_path / name).write_text(text)
    assert {stored_row(each, tmp_path).is_met for each in KEPT} == {None}


def test_the_table_shows_every_verdict() -> None:
    """In words."""
    console = Console(width=200, record=True, file=StringIO())
    found = [*rows(replace(MET, hot=result(1))), *stored_rows(Path("/nowhere"))]
    console.print(table(found))
    text = console.export_text()
    assert text.count("not met") == 1 and text.count("not here") == len(KEPT)
