"""The picture of bench/grants.py: requests across, money upwards; down and to the left is better."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ocs.load.draw import COLOURS, SETTINGS, number

Row = dict[str, Any]
FIXED, ADAPTIVE = COLOURS[1], COLOURS[0]
TICKS = sorted(base * 10**power for power in range(-2, 4) for base in (1, 2, 5))


def draw(rows: Sequence[Row], path: Path) -> None:
    """Three trade-offs side by side."""
    with rc_context(SETTINGS):
        figure = Figure((11.5, 4.4), layout="constrained")
        panels = (
            ("data", "held", "Data: held and not used", "KZT, mean of a session"),
            (
                "data",
                "stranded_per_cut",
                "Data: out of reach at the end",
                "KZT held by other sessions",
            ),
            ("voice", "held", "Calls: held and not used", "KZT, mean of a call"),
        )
        for place, (service, key, title, label) in enumerate(panels, 1):
            axes = figure.add_subplot(1, 3, place)
            of_service = [each for each in rows if each["service"] == service]
            trade_off(axes, of_service, key, is_below=service == "data")
            axes.set_title(title)
            axes.set_xlabel("CCRs a megabyte" if service == "data" else "CCRs a minute")
            axes.set_ylabel(label)
            axes.legend(loc="upper right")
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def trade_off(axes: Axes, rows: Sequence[Row], key: str, *, is_below: bool) -> None:
    """One line through the fixed sizes, one through the adaptive ones, which `is_below` or above."""
    for is_paced, name, colour, marker in (
        (False, "fixed size", FIXED, "s"), (True, "grant_seconds", ADAPTIVE, "o"),
    ):  # fmt: skip
        chosen = [each for each in rows if bool(each["seconds"]) is is_paced]
        chosen.sort(key=lambda each: each["all"]["requests_per_unit"])
        places = [(each["all"]["requests_per_unit"], each["all"][key]) for each in chosen]
        axes.plot(*zip(*places, strict=True), color=colour, marker=marker, markersize=5, label=name)
        for each, where in zip(chosen, places, strict=True):
            axes.annotate(
                each["name"].partition(", ")[2],
                where,
                xytext=(-6, -11) if is_paced is is_below else (6, 5),
                textcoords="offset points",
                ha="right" if is_paced is is_below else "left",
                fontsize=8,
                color=colour,
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(FixedLocator(TICKS))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axes.margins(0.16)
    axes.grid(visible=True)
