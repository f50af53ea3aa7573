"""Every small measurement in one run: prints the tables and writes bench/results/micro.json.

python bench/micro/all.py [--rounds 1000] [--repeats 5] [--no-instructions]
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # this folder is not installed

from bench.micro import codec, ledger, plan, rating, scripts
from bench.micro.measure import RESULTS, machine, parser, show


def measurements(rounds: int, repeats: int, is_counted: bool) -> Iterator[dict[str, Any]]:
    """One result after the other, as they are measured."""
    yield from codec.results(rounds, repeats)
    yield from plan.results(rounds, repeats)
    yield from ledger.results(rounds, repeats)
    yield from scripts.results(max(rounds // 4, 1), repeats, is_counted)
    yield from rating.results(rounds, repeats)


def main() -> None:
    """Command line."""
    arguments = parser(__doc__, 1000)
    arguments.add_argument(
        "--no-instructions", action="store_true", help="leave out valgrind, which takes a minute"
    )
    given = arguments.parse_args()
    found = []
    for each in measurements(given.rounds, given.repeats, not given.no_instructions):
        show(each, given.json)
        print(flush=True)
        found.append(each)
    RESULTS.mkdir(exist_ok=True)
    whole = {"name": "micro", **machine(), "results": found}
    (RESULTS / "micro.json").write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    main()
