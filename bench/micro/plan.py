"""What the path of a CCR costs between the codec and the ledger: finding who pays, planning, answering.

    python bench/micro/plan.py [--rounds 2000] [--repeats 5] [--json]

A request is stopped where it asks the ledger: "plan" is what comes before (session and subscriber from the
caches, rating, the plan), "answer" what comes after (counting, the CCA as a value). Function calls are
counted as well: they depend on the code alone, not on the machine.
"""

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # this folder is not installed

from bench.micro.measure import Figure, calls, count, of, result, tell
from bench.micro.scene import (
    DATA,
    SMS,
    TEN,
    VOICE,
    Kind,
    Worker,
    answer,
    granted,
    message,
    subscriber,
)
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.credit_control import CCR, EVENT_REQUEST, INITIAL_REQUEST, UPDATE_REQUEST

#: Each with the type of its request.
KINDS = {
    "data, U with one MSCC": (DATA, UPDATE_REQUEST),
    "voice, U with one MSCC": (VOICE, UPDATE_REQUEST),
    "data, U with ten MSCCs": (TEN, UPDATE_REQUEST),
    "data, I": (DATA, INITIAL_REQUEST),
    "sms, event": (SMS, EVENT_REQUEST),
}
#: Requests that are under way at a time, as between two turns of a loop.
TOGETHER = 64


def results(rounds: int, repeats: int) -> list[dict[str, Any]]:
    """What this script measures."""
    return [result("plan", measure(rounds, repeats))]


def measure(rounds: int, repeats: int) -> list[Figure]:
    """Every figure of planning and answering."""
    found: list[Figure] = []
    for name, (kind, request_type) in KINDS.items():
        path = Halves(kind, request_type)
        path.run(rounds)
        halves = [path.run(rounds) for _ in range(repeats)]
        for half, part in enumerate(("plan", "answer")):
            found.append(of(f"{name}: {part}", "us", [each[half] for each in halves]))
            found.append(count(f"{name}: {part} calls", "calls", path.calls()[half]))
    return found


class Halves:
    """One request, driven again and again to the ledger and back."""

    def __init__(self, kind: Kind, request_type: int) -> None:
        self._worker = Worker()
        self._worker.knows(subscriber())
        if request_type == UPDATE_REQUEST:
            self._worker.plan(decode_ccr(message(kind, INITIAL_REQUEST)))
        number = int(request_type == UPDATE_REQUEST)
        self._ccr: CCR = decode_ccr(message(kind, request_type, number))
        self._outcome = granted(self._worker.plan(self._ccr))

    def run(self, rounds: int) -> tuple[float, float]:
        """Microseconds of CPU to the ledger and back from it."""
        worker, ccr, outcome = self._worker, self._ccr, self._outcome
        there = back = made = 0
        while made < rounds:
            begun = time.process_time_ns()
            asked = [worker.ask(ccr)[0] for _ in range(TOGETHER)]
            middle = time.process_time_ns()
            for each in asked:
                answer(each, outcome)
            there, back = there + middle - begun, back + time.process_time_ns() - middle
            made += TOGETHER
        return there / made / 1000, back / made / 1000

    def calls(self) -> tuple[int, int]:
        """Function calls to the ledger and back from it."""
        waiting = []
        there = calls(lambda: waiting.append(self._worker.ask(self._ccr)[0]))
        back = calls(lambda: answer(waiting.pop(), self._outcome))
        return there, back


if __name__ == "__main__":
    tell(__doc__, results)
