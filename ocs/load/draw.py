"""Pictures of measurements, as SVG: what was measured comes in as plain numbers, a file comes out.

Rules: the same numbers give the same file, octet for octet; a white background, so that a picture can be
read on any page; text stays text; colours that people with any colour vision tell apart. Nothing here
knows how something was measured, and nothing is smoothed or left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

#: Okabe and Ito's colours, the yellow left out: it is too pale on white.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
OURS, OTHERS, QUOTED = COLOURS[0], "#8c8c8c", "#d9d9d9"
MARKERS = "osD^vPX"
#: Where a distribution is read, and how far its axis goes; the largest value has no place on it.
PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99)
#: The library types its keys as one long literal, which no plain dictionary has.
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ocs",
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "path.simplify": False,
}
WIDE = (8.0, 4.4)


@dataclass(frozen=True, slots=True)
class Point:
    """One load and what it did to latency; rates in requests a second, the rest in milliseconds."""

    rate: float
    p50: float
    p99: float
    p999: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a comparison: the least, the median and the most of several rounds."""

    name: str
    low: float
    median: float
    high: float
    note: str = ""
    is_ours: bool = False
    is_quoted: bool = False  # measured by others or at another time


def latency_distribution(
    results: Mapping[str, Mapping[str, float]],
    path: Path,
    *,
    title: str = "Latency by percentile",
) -> None:
    """Milliseconds by "p50", "p99.9" and so on, one line for each name; "max" goes into the legend."""
    with rc_context(SETTINGS):
        figure, axes = _axes(title)
        for (name, values), colour, marker in zip(results.items(), COLOURS, MARKERS, strict=False):
            read = sorted((float(each[1:]), at) for each, at in values.items() if each != "max")
            shown = [each for each in read if PERCENTILES[0] <= each[0] <= PERCENTILES[-1]]
            most = values.get("max")
            label = name if most is None else f"{name} (max {number(most)} ms)"
            axes.plot(
                [_nines(percentile) for percentile, _ in shown],
                [at for _, at in shown],
                color=colour, marker=marker, markersize=4, label=label,
            )  # fmt: skip
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator([_nines(each) for each in PERCENTILES]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels([f"{each:g} %" for each in PERCENTILES])
        axes.set_xlabel("of the requests were answered within")
        _milliseconds(axes)
        axes.legend(loc="upper left")
        _save(figure, path)


def throughput_latency(
    points: Sequence[Point],
    path: Path,
    *,
    saturation: float | None = None,
    bound_ms: float | None = None,
    title: str = "Latency against load",
) -> None:
    """p50, p99 and p99.9 over the achieved rate; marks the rate of saturation and the bound of p99."""
    with rc_context(SETTINGS):
        figure, axes = _axes(title)
        ordered = sorted(points, key=lambda each: each.rate)
        rates = [each.rate for each in ordered]
        lines = {
            "p99.9": [each.p999 for each in ordered],
            "p99": [each.p99 for each in ordered],
            "p50": [each.p50 for each in ordered],
        }
        for (name, values), colour, marker in zip(lines.items(), COLOURS, MARKERS, strict=False):
            axes.plot(rates, values, color=colour, marker=marker, markersize=4, label=name)
        if bound_ms is not None:
            axes.axhline(bound_ms, color="#666666", linestyle=":", linewidth=1)
            _note(axes, f"bound of p99: {number(bound_ms)} ms", (0.0, bound_ms), "left")
        _milliseconds(axes)
        axes.set_xlim(left=0)
        if saturation is not None:
            axes.axvline(saturation, color="#666666", linestyle="--", linewidth=1)
            low = axes.get_ylim()[0]
            _note(axes, f"saturation: {number(saturation)}/s", (saturation, low), "right")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
        axes.set_xlabel("requests answered in a second")
        axes.legend(loc="upper left")
        _save(figure, path)


def ratios(
    rows: Sequence[Bar],
    path: Path,
    *,
    title: str = "Requests a second",
    label: str = "median, and the range over all rounds",
) -> None:
    """Horizontal bars from top to bottom, each with its range; quoted figures are pale."""
    with rc_context(SETTINGS):
        figure, axes = _axes(title, (8.0, 1.1 + 0.42 * len(rows)))
        most = max(each.high for each in rows)
        for place, each in enumerate(rows):
            colour = QUOTED if each.is_quoted else OURS if each.is_ours else OTHERS
            spread = [[each.median - each.low], [each.high - each.median]]
            axes.barh(place, each.median, 0.62, color=colour)
            axes.errorbar(each.median, place, xerr=spread, color="#222222", capsize=3, linewidth=1)
            said = " · ".join(filter(None, (number(each.median), each.note)))
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # above the grid
            axes.text(each.high + most * 0.015, place, said, va="center", fontsize=9, bbox=box)
        axes.set_yticks(range(len(rows)), [each.name for each in rows])
        axes.invert_yaxis()
        axes.set_xlim(0, most * 1.25)  # room for what is said behind the longest
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(label)
        _save(figure, path)


def lines(
    series: Mapping[str, Sequence[tuple[float, float]]],
    path: Path,
    *,
    title: str,
    x_label: str,
    y_label: str,
    is_log_x: bool = False,
) -> None:
    """Cost against something: (x, y) of each name, from zero upwards."""
    with rc_context(SETTINGS):
        figure, axes = _axes(title)
        places = sorted({x for each in series.values() for x, _ in each})
        for (name, points), colour, marker in zip(series.items(), COLOURS, MARKERS, strict=False):
            xs, ys = zip(*sorted(points), strict=True)
            axes.plot(xs, ys, color=colour, marker=marker, markersize=4, label=name)
        if is_log_x:
            axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(places))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
        axes.set_ylim(0, max(y for each in series.values() for _, y in each) * 1.15)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        if len(series) > 1:
            axes.legend(loc="best")
        _save(figure, path)


def number(value: float) -> str:
    """Three digits are enough to look at; thousands are told apart."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


# --- what all pictures share -----------------------------------------------------------------------


def _axes(title: str, size: tuple[float, float] = WIDE) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    figure.suptitle(title, x=0.01, ha="left", weight="bold", size=11)
    axes = figure.add_subplot()
    axes.grid(visible=True)
    return figure, axes


def _nines(percentile: float) -> float:
    """The place of a percentile: each further nine is one decade to the right."""
    return 100 / (100 - percentile)


def _milliseconds(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.set_ylabel("milliseconds")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))


def _note(axes: Axes, text: str, place: tuple[float, float], side: str) -> None:
    away = 4 if side == "left" else -4
    axes.annotate(
        text, place, xytext=(away, 3), textcoords="offset points", ha=side, va="bottom",
        fontsize=8.5, color="#444444",
    )  # fmt: skip


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
