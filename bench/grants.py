"""What the size of grants costs: requests on the one side, money that is held for nothing on the other.

    python bench/grants.py [--users 20] [--seed 1] [--save]

Mixed users (grants_users.py) are played against the server's own OCF, rating and ledger (grants_play.py),
with each fixed size and with each adaptive one (`grant_seconds`). The clock is simulated, and so the
figures are the same on any machine; sockets and the codec are left out. Half of the accounts do not have
the money for all that their users want. Every account is priced by other arithmetic at the end and must be
right to the micro.

For each setting, and of data and calls apart:
    CCRs          of all sessions; for each megabyte, or minute, that was used; and by the hour of a session
    held          money that was reserved and not used, the mean of all sessions over their time
    stranded      where money ran out: what other sessions of the account held unused at that moment
    last 5 min    CCRs of a session in the five minutes before its money ran out
Below each adaptive setting stands what fixed sizes hold and strand with as many CCRs: on the straight line
between the two nearest, both axes logarithmic.
"""

import argparse
import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from math import exp, log
from pathlib import Path
from typing import Any

import structlog

sys.path.insert(0, str(Path(__file__).parents[1]))  # this folder is not installed

from bench.grants_picture import draw
from bench.grants_play import Figures, Setting, play
from bench.grants_users import MB, Account, data_accounts, voice_accounts
from ocs import __version__
from ocs.rating.catalogue import Catalogue, load

ROOT = Path(__file__).parents[1]
RESULT, PICTURE = ROOT / "bench/results/grants.json", ROOT / "docs/images/grants.svg"

SETTINGS = (
    *(Setting("data", 0, size * MB) for size in (1, 5, 10, 50, 100)),
    *(Setting("data", seconds, 10 * MB) for seconds in (60, 120, 300, 600)),
    *(Setting("voice", 0, size) for size in (15, 30, 60, 120, 300)),
    *(Setting("voice", seconds, 60) for seconds in (30, 60, 120, 300)),
)
COLUMNS = {
    "requests": "CCRs", "requests_per_unit": "per unit", "requests_per_hour": "per hour",
    "held": "held", "cuts": "cuts", "stranded_per_cut": "stranded", "last_requests_per_cut": "last 5 min",
}  # fmt: skip

Row = dict[str, Any]


def total(figures: Mapping[str, Figures]) -> Figures:
    """All kinds of users together."""
    parts = [asdict(each) for each in figures.values()]
    return Figures(**{name: sum(each[name] for each in parts) for name in parts[0]})


def fixed_at(rows: Sequence[Row], requests: float, figure: str) -> float | None:
    """What fixed sizes have of a figure with so many requests a unit; None: no two lie around it."""
    points = sorted((each["all"]["requests_per_unit"], each["all"][figure]) for each in rows)
    for (few, high), (many, low) in pairwise(points):
        if few <= requests <= many and min(high, low) > 0:
            part = log(requests / few) / log(many / few)
            return round(exp(log(high) + part * log(low / high)), 2)
    return None


def compare(rows: list[Row]) -> None:
    """Set beside each adaptive setting what fixed sizes need with as many requests."""
    for row in rows:
        fixed = [one for one in rows if one["service"] == row["service"] and not one["seconds"]]
        requests = row["all"]["requests_per_unit"]
        if row["seconds"]:
            row["fixed_with_as_many_requests"] = {
                name: fixed_at(fixed, requests, name) for name in ("held", "stranded_per_cut")
            }


def show(rows: Sequence[Row]) -> None:
    """A table of all settings, with the kinds of users below each."""
    head = "".join(f"{title:>12}" for title in COLUMNS.values())
    for service in ("data", "voice"):
        print(f"\n{service:24}{head}")
        for row in (each for each in rows if each["service"] == service):
            kinds = row["kinds"] if len(row["kinds"]) > 1 else {}
            for name, figures in ((row["name"], row["all"]), *kinds.items()):
                label = name if figures is row["all"] else f"  {name}"
                print(f"{label:24}" + "".join(f"{figures[each]:12}" for each in COLUMNS))
            beside = row.get("fixed_with_as_many_requests")
            if beside:
                print(f"  fixed, as many CCRs:{beside['held'] or '-':>40}"
                      f"{beside['stranded_per_cut'] or '-':>24}")  # fmt: skip


async def play_all(accounts: Mapping[str, Sequence[Account]], catalogue: Catalogue) -> list[Row]:
    """Every setting in turn."""
    rows = []
    for setting in SETTINGS:
        figures = await play(setting, accounts[setting.service], catalogue)
        kinds = {name: figures[name].shown(setting.service) for name in sorted(figures)}
        whole = total(figures).shown(setting.service)
        rows.append({"name": setting.name, **asdict(setting), "all": whole, "kinds": kinds})
        print(f"{setting.service}, {setting.name}: {whole['requests']} CCRs", file=sys.stderr)
    return rows


def main() -> None:
    """Play, show, and keep where that is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--users", type=int, default=20, help="of each kind, with money enough")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", action="store_true", help="write the result and the picture")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    catalogue = load(ROOT / "config" / "catalogue")
    accounts = {
        "data": data_accounts(chosen.seed, chosen.users),
        "voice": voice_accounts(chosen.seed, chosen.users),
    }
    rows = asyncio.run(play_all(accounts, catalogue))
    compare(rows)
    show(rows)
    print("\nthe audit: every account of every setting is right to the micro")
    if chosen.save:
        git = ["git", "rev-parse", "HEAD"]
        commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603  # where the figures come from
        result = {
            "command": f"python bench/grants.py --users {chosen.users} --seed {chosen.seed} --save",
            "ocs": __version__,
            "commit": commit.stdout.strip(),
            "currency": catalogue.currency.name,
            "prices": {"data": "20.00 a megabyte", "voice": "11.00 a minute"},
            "audit": "every account of every setting is right to the micro",
            "settings": rows,
        }
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(result, indent=1) + "\n")
        draw(rows, PICTURE)


if __name__ == "__main__":
    main()
