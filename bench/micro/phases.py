"""The life of many sessions on a real ledger, cut into phases of one function each, to be counted apart.

A phase is a list of calls that have not been made yet. Every account has one session of each kind, so that
a call costs what it costs an ordinary subscriber.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from bench.micro.scene import (
    DATA,
    HOST,
    NOW,
    PARTITIONS,
    REALM,
    SMS,
    TEN,
    VOICE,
    Kind,
    Worker,
    message,
    subscriber,
)
from bench.micro.stores import Store
from ocs.abmf.encoding import refund_token
from ocs.books import Act, Movement, OpenSession, Posting, Refund
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.credit_control import (
    EVENT_REQUEST,
    INITIAL_REQUEST,
    TERMINATION_REQUEST,
    UPDATE_REQUEST,
)
from ocs.model import MICROS, ChargePlan, Subscriber

Call = Callable[[], Awaitable[object]]
#: Calls that share a pipeline, as with 64 requests under way.
TOGETHER = 64
OPENING = 100_000 * MICROS
KINDS = {"data": DATA, "ten": TEN, "voice": VOICE}


async def together(calls: Sequence[Call], width: int = TOGETHER) -> None:
    """Make the calls, so many at a time."""
    for start in range(0, len(calls), width):
        await asyncio.gather(*(each() for each in calls[start : start + width]))


def phases(store: Store, accounts: int, first: int) -> Iterator[tuple[str, list[Call]]]:
    """Each function by its name, with its calls; they must be made in this order. Accounts are numbered
    from `first`."""
    people = [subscriber(number, number % PARTITIONS) for number in range(first, first + accounts)]
    ledger, worker = store.ledger, Worker()
    yield "put", [partial(ledger.put, replace(each, version=0)) for each in people]
    yield "post, a top-up", [partial(ledger.post, opening(each)) for each in people]
    for name, kind in KINDS.items():
        for what, request_type, number in (
            (f"charge, {name} I", INITIAL_REQUEST, 0),
            (f"charge, {name} U", UPDATE_REQUEST, 1),
            (f"charge, {name} T", TERMINATION_REQUEST, 2),
        ):
            made = plans(worker, kind, request_type, number, people)
            yield what, [partial(ledger.charge, each) for each in made]
    events = plans(worker, SMS, EVENT_REQUEST, 0, people)
    yield "event, sms", [partial(ledger.charge, each) for each in events]
    yield "refund of it", [partial(ledger.refund, refund_of(each)) for each in events]
    opened = plans(worker, DATA, INITIAL_REQUEST, 0, people, again=1)
    yield "", [partial(ledger.charge, each) for each in opened]
    ending = [open_session(each) for each in opened]
    yield "expire", [partial(ledger.expire, each, "client restarted") for each in ending]
    hosts = [f"h{each.account_id}.example" for each in people]
    yield "origin", [partial(ledger.restarted, each, 1) for each in hosts]


def plans(
    worker: Worker,
    kind: Kind,
    request_type: int,
    number: int,
    people: Sequence[Subscriber],
    again: int = 0,
) -> list[ChargePlan]:
    """One request of each, of its first session of this kind or of another one."""
    made = []
    for each in people:
        name = int(each.account_id) * 10 + again
        ccr = decode_ccr(message(kind, request_type, number, name))
        ccr.session_id += b";%b;%d" % (kind.service.encode(), kind.services)
        worker.knows(each)
        made.append(worker.plan(ccr))
    return made


def opening(each: Subscriber) -> Posting:
    """Money for a start."""
    movements = (Movement(Act.CREDIT, amount=OPENING),)
    key, kind = f"bench:{each.account_id}", "topup"
    return Posting(each.account_id, each.partition, key, kind, movements, "bench", "opening")


def refund_of(made: ChargePlan) -> Refund:
    """What gives an event back."""
    token = refund_token(made.partition, made.account_id, made.session_id, made.number)
    return Refund(token, "0", "refund", made.session_id + b";refund", HOST)


def open_session(made: ChargePlan) -> OpenSession:
    """The session that a plan opened, as far as its end needs it."""
    return OpenSession(
        made.session_id, made.account_id, made.partition, HOST, REALM, HOST, "w0",
        is_waiting=False, is_cut=False, reserved=0, started=NOW, deadline=NOW,
    )  # fmt: skip
