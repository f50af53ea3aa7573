"""What is measured: one subscriber, the configured catalogue and services, requests as gateways send them.

Plans are made by the server's own code from decoded requests, so that what the ledger is asked to do is
what a CCR makes it do. The clock stands still.
"""

import types
from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from ocs.abmf.ledger import Ledger
from ocs.abmf.subscribers import Subscribers
from ocs.config import Config
from ocs.diameter.credit_control import CCA, CCR, EVENT_REQUEST, INITIAL_REQUEST
from ocs.load.templates import Sender, Template, template
from ocs.metrics import Metrics
from ocs.model import (
    AccountId,
    ChargeOutcome,
    ChargePlan,
    ChargeResult,
    ChargeStatus,
    Identity,
    IdentityKind,
    OutcomeStatus,
    Partition,
    RequestType,
    Subscriber,
    SubscriberState,
    UtcMillis,
)
from ocs.ocf import OCF
from ocs.policies import policy_of
from ocs.rating.catalogue import Catalogue, load
from ocs.rating.versions import Catalogues
from ocs.store.connect import connect

PARTITIONS = 256
#: A request on its way.
Asked = Coroutine[Any, Any, CCA]
CATALOGUE = Path(__file__).parents[2] / "config" / "catalogue"
NOW = UtcMillis(1_790_000_000_000)
HOST, REALM, SERVER_REALM = "pgw1.bench.example", "bench.example", "ocs.example"
MSISDN, CALLED = "770300000001", b"1234567"


@cache
def catalogue() -> Catalogue:
    """The prices that the repository holds."""
    return load(CATALOGUE)


def subscriber(number: int = 1, partition: int = 1) -> Subscriber:
    """Somebody with money and nothing else, as it is stored the first time."""
    identities = (Identity(IdentityKind.E164, MSISDN),)
    return Subscriber(
        AccountId(str(number)),
        Partition(partition),
        1,
        "conversations",
        SubscriberState.ACTIVE,
        identities,
    )


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request."""

    service: str
    services: int = 1  # MSCCs


DATA, TEN, VOICE, SMS = Kind("data"), Kind("data", 10), Kind("voice"), Kind("sms")
#: What a report says was used.
USED = {"data": 400_000, "voice": 30}


@cache
def template_of(kind: Kind, request_type: int) -> Template:
    """The requests of a kind, as the load generator sends them."""
    sender = Sender(HOST, REALM, SERVER_REALM, "1790000000")
    return template(sender, kind.service, request_type, kind.services)


def message(kind: Kind, request_type: int, number: int = 0, name: int = 0) -> bytes:
    """A CCR of a kind, of the session `name`: a first one asks, later ones report and ask, a last one
    reports."""
    is_first = request_type in (INITIAL_REQUEST, EVENT_REQUEST)
    used = () if is_first else (USED[kind.service],) * kind.services
    made = template_of(kind, request_type).fill(
        1, 2, b"%08d" % name, number, NOW // 1000, MSISDN.encode(), used, CALLED
    )
    return bytes(made)


class Unasked(Subscribers):
    """Whoever is asked for is the one that is known; nothing is read."""

    who: Subscriber

    async def find(self, identities: tuple[Identity, ...]) -> Subscriber | None:
        return self.who


class Asking:
    """A ledger that stops where it is asked: whoever drives the request sends the outcome."""

    @types.coroutine
    def charge(self, plan: ChargePlan) -> Generator[ChargePlan, ChargeOutcome, ChargeOutcome]:
        """The plan comes out, the outcome goes in."""
        return (yield plan)


class Worker:
    """The server's path of a CCR without codec, sockets and store."""

    def __init__(self) -> None:
        nowhere = connect("unix:///nowhere", 1.0)  # never opened
        ledger = cast(Ledger, Asking())
        self._subscribers = Unasked(nowhere, ledger, PARTITIONS)
        self._ocf = OCF(
            ledger=ledger,
            subscribers=self._subscribers,
            catalogues=Catalogues((catalogue(),)),
            policy=policy_of(Config().services),
            metrics=Metrics(),
            owner="w0",
            clock=lambda: NOW,
        )

    def knows(self, who: Subscriber) -> None:
        """Whose requests come next."""
        self._subscribers.who = who
        self._subscribers.remember(who)

    def ask(self, ccr: CCR) -> tuple[Asked, ChargePlan]:
        """Up to the ledger: what is asked of it, and the request that waits for the outcome."""
        asked = self._ocf.handle(ccr, HOST)
        return asked, asked.send(None)

    def plan(self, ccr: CCR) -> ChargePlan:
        """What is asked of the ledger; the session is remembered as if all had been granted."""
        asked, made = self.ask(ccr)
        answer(asked, granted(made))
        return made


def answer(asked: Asked, outcome: ChargeOutcome) -> CCA:
    """From the ledger back: the answer to a request."""
    try:
        asked.send(outcome)
    except StopIteration as ended:
        return cast(CCA, ended.value)
    raise RuntimeError("the ledger is asked once")


def granted(made: ChargePlan, units: int = 10_000_000) -> ChargeOutcome:
    """The ledger's word on a plan where there is money enough."""
    results = tuple(
        ChargeResult(
            each.key,
            ChargeStatus.SETTLED if each.requested is None else ChargeStatus.GRANTED,
            min(each.requested or 0, units),
        )
        for each in made.charges
    )
    status = {
        RequestType.EVENT: OutcomeStatus.DEBITED,
        RequestType.TERMINATION: OutcomeStatus.CLOSED,
    }.get(made.type, OutcomeStatus.CHARGED)
    return ChargeOutcome(status, results, made.reply, was_open=True, available=10**9)
