"""What the codec costs: cutting a stream, reading a CCR, writing a CCA; python-diameter beside it.

    python bench/micro/codec.py [--rounds 2000] [--repeats 5] [--json]

python-diameter reads a message of the same octets, and writes an answer with the same AVPs, in the same
run.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from diameter.message import Message

sys.path.insert(0, str(Path(__file__).parents[2]))  # this folder is not installed

from bench.micro.measure import Figure, count, of, result, tell, timed
from bench.micro.scene import (
    DATA,
    HOST,
    REALM,
    TEN,
    Kind,
    Worker,
    answer,
    granted,
    message,
    subscriber,
)
from ocs.diameter.cca import encode_cca
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.credit_control import INITIAL_REQUEST, UPDATE_REQUEST
from ocs.diameter.framing import Framer

KINDS = {"data-update": DATA, "ten-mscc": TEN}
#: Messages that one read of the socket brings under load.
IN_ONE_READ = 16


def results(rounds: int, repeats: int) -> list[dict[str, Any]]:
    """What this script measures."""
    return [result("codec", measure(rounds, repeats))]


def measure(rounds: int, repeats: int) -> list[Figure]:
    """Every figure of the codec."""
    return [each for name, kind in KINDS.items() for each in of_kind(name, kind, rounds, repeats)]


def of_kind(name: str, kind: Kind, rounds: int, repeats: int) -> list[Figure]:
    """Sizes and times of one kind of request and its answer."""
    octets = message(kind, UPDATE_REQUEST, 1)
    write = answer_to(octets, kind)
    framed = timed("", frame(octets), max(rounds // IN_ONE_READ, 1), repeats)
    each = [value / IN_ONE_READ for value in (framed.median, framed.low, framed.high)]
    few = max(rounds // 20, 1)
    return [
        count(f"{name}: CCR", "B", len(octets)),
        count(f"{name}: CCA", "B", len(write())),
        of(f"{name}: frame", "us", each),
        timed(f"{name}: decode", lambda: decode_ccr(octets), rounds, repeats),
        timed(f"{name}: encode", write, rounds, repeats),
        timed(f"{name}: python-diameter reads", lambda: Message.from_bytes(octets), few, repeats),
        timed(f"{name}: writes", rewrite(write()), few, repeats),
    ]


def frame(octets: bytes) -> Callable[[], object]:
    """Cutting what one read brought."""
    framer, data = Framer(), octets * IN_ONE_READ
    return lambda: framer.feed(data)


def answer_to(octets: bytes, kind: Kind) -> Callable[[], bytes]:
    """Writing the answer that the server gives to this request."""
    worker = Worker()
    worker.knows(subscriber())
    worker.plan(decode_ccr(message(kind, INITIAL_REQUEST)))
    ccr = decode_ccr(octets)
    asked, made = worker.ask(ccr)
    cca = answer(asked, granted(made))
    return lambda: encode_cca(ccr, cca, HOST, REALM)


def rewrite(octets: bytes) -> Callable[[], object]:
    """Writing a message with python-diameter: its objects are there, its octets are made."""
    read = Message.from_bytes(octets)
    assert [each.value for each in read.avps]  # all of them are decoded
    return lambda: read.as_bytes()


if __name__ == "__main__":
    tell(__doc__, results)
