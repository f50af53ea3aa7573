"""Pictures: valid SVG with the words that were asked for, the same file for the same numbers."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ocs.load import draw
from ocs.load.draw import Bar, Point

LATENCY = {
    "CCR-I": {
        "p50": 1.2,
        "p90": 2.2,
        "p95": 2.9,
        "p99": 5.5,
        "p99.9": 9.1,
        "p99.99": 14.0,
        "max": 22.1,
    },
    "CCR-U": {"p50": 0.9, "p90": 1.6, "p95": 2.0, "p99": 3.9, "p99.9": 8.0, "p99.99": 12.0},
}
LOADS = [Point(4000, 1.2, 5.0, 11.0), Point(500, 0.6, 1.4, 3.0), Point(7000, 30.0, 200.0, 300.0)]
BARS = [
    Bar("everything on", 5500, 5900, 6100, "1.00 x", is_ours=True),
    Bar("<another> & co", 990, 1100, 1250, "0.19 x"),
    Bar("quoted", 4210, 5919, 6976, is_quoted=True),
]
COSTS = {"server": [(4.0, 240.0), (1.0, 80.0)], "store": [(1.0, 20.0), (4.0, 60.0)]}

Picture = Callable[[Path], None]
PICTURES: dict[str, tuple[Picture, set[str]]] = {
    "latency": (
        lambda path: draw.latency_distribution(LATENCY, path, title="canonical"),
        {"canonical", "CCR-I (max 22.1 ms)", "CCR-U", "50 %", "99.99 %", "milliseconds"},
    ),
    "throughput": (
        lambda path: draw.throughput_latency(LOADS, path, saturation=6500, bound_ms=20),
        {"p50", "p99", "p99.9", "saturation: 6,500/s", "bound of p99: 20 ms", "4,000"},
    ),
    "ratios": (
        lambda path: draw.ratios(BARS, path, title="Side by side"),
        {"Side by side", "everything on", "<another> & co", "5,900 · 1.00 x", "5,919"},
    ),
    "lines": (
        lambda path: draw.lines(COSTS, path, title="Cost", x_label="MSCCs", y_label="us"),
        {"Cost", "MSCCs", "us", "server", "store", "1", "4"},
    ),
    "lines over decades": (
        lambda path: draw.lines(
            {"p": [(1000.0, 5900.0), (1e6, 5600.0)]},
            path, title="Scale", x_label="subscribers", y_label="a second", is_log_x=True,
        ),
        {"1,000", "1,000,000", "subscribers", "a second"},
    ),
}  # fmt: skip


def words(path: Path) -> set[str]:
    """The texts of an SVG file."""
    root = ElementTree.parse(path).getroot()  # XML of our own
    return {
        "".join(each.itertext()).strip() for each in root.iter("{http://www.w3.org/2000/svg}text")
    }


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_say_what_they_show(name: str, tmp_path: Path) -> None:
    """Every label is there as text; the file is small and carries no date and no path."""
    picture, expected = PICTURES[name]
    path = tmp_path / "new folder" / "a.svg"
    picture(path)
    assert expected <= words(path)
    written = path.read_text()
    assert len(written) < 60_000
    assert "<dc:date>" not in written and str(tmp_path) not in written


@pytest.mark.parametrize("name", PICTURES)
def test_the_same_numbers_give_the_same_file(name: str, tmp_path: Path) -> None:
    """So that a picture changes in version control only when its numbers do."""
    picture, _ = PICTURES[name]
    picture(tmp_path / "a.svg")
    picture(tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_other_numbers_give_another_file(tmp_path: Path) -> None:
    """The one before could not fail otherwise."""
    draw.ratios(BARS, tmp_path / "a.svg")
    draw.ratios([*BARS[:2], Bar("quoted", 4210, 5918, 6976, is_quoted=True)], tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() != (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (0.333333, "0.333"),
        (5.25, "5.25"),
        (99.96, "100"),
        (1234.5, "1,234"),
        (7e6, "7,000,000"),
    ],
)
def test_numbers_are_short(value: float, shown: str) -> None:
    """Three digits, thousands told apart."""
    assert draw.number(value) == shown
