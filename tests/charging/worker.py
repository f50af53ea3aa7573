"""A worker's path of a CCR on a real store, and the clock of all of them."""

from dataclasses import dataclass, field

from redis.asyncio import Redis

from ocs.abmf.library import Library
from ocs.abmf.redis_ledger import RedisLedger
from ocs.abmf.subscribers import Subscribers
from ocs.books import Act, Movement, Posting, PostStatus
from ocs.charging.policy import ChargingPolicy
from ocs.diameter.cca import encode_cca
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.client_messages import Answer, decode_cca, encode_ccr
from ocs.diameter.credit_control import CCR
from ocs.metrics import Metrics
from ocs.model import Identity, IdentityKind, Subscriber, SubscriberState, UtcMillis
from ocs.ocf import OCF
from tests.charging.worked import IMSI, MSISDN, POLICY, catalogues

INITIAL, UPDATE, TERMINATION, EVENT = 1, 2, 3, 4
PARTITIONS = 16
NOW = UtcMillis(1_790_000_000_000)
NUMBER, CARD = Identity(IdentityKind.E164, MSISDN), Identity(IdentityKind.IMSI, IMSI)


class Clock:
    """The time of every worker and of the store."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> UtcMillis:
        return self.now

    def goes_on(self, seconds: int) -> None:
        """Let time pass."""
        self.now = UtcMillis(self.now + seconds * 1000)


CLOCK = Clock()


@dataclass
class Worker:
    """What one worker process holds: its own ledger link, caches and counters."""

    client: Redis
    deadline_seconds: float = 3.0
    policy: ChargingPolicy = POLICY
    waiting: list[bytes] = field(default_factory=list)
    activated: list[Subscriber] = field(default_factory=list)
    ledger: RedisLedger = field(init=False)
    subscribers: Subscribers = field(init=False)
    metrics: Metrics = field(init=False)
    ocf: OCF = field(init=False)

    def __post_init__(self) -> None:
        self.metrics = Metrics()
        self.ledger = RedisLedger(
            self.client,
            Library.from_package(),
            PARTITIONS,
            deadline_seconds=self.deadline_seconds,
            clock=CLOCK,
        )
        self.subscribers = Subscribers(self.client, self.ledger, PARTITIONS)
        self.serve_with(self.ledger)

    def serve_with(self, ledger: RedisLedger) -> None:
        """An OCF on this ledger."""
        self.ocf = OCF(
            ledger=ledger,
            subscribers=self.subscribers,
            catalogues=catalogues(),
            policy=self.policy,
            metrics=self.metrics,
            owner="w0",
            clock=CLOCK,
            reauthorise=self.waiting.extend,
            activate=self.activated.append,
        )

    async def load(self) -> None:
        """Bring the functions into an empty store."""
        await Library.from_package().load(self.client)

    async def ask(self, ccr: CCR, peer: str = "dra.example.net") -> Answer:
        """The answer as the client reads it; the time that it reports as used has passed."""
        CLOCK.goes_on(sum(one.units.time or 0 for each in ccr.mscc for one in each.usu))
        request = decode_ccr(encode_ccr(ccr))
        cca = await self.ocf.handle(request, peer)
        return decode_cca(encode_cca(request, cca, "ocs1.ocs.example", "ocs.example"))

    async def top_up(self, each: Subscriber, tenge: int, key: str) -> list[bytes]:
        """Money in (or out); the sessions to be re-authorised for it."""
        act = Act.CREDIT if tenge > 0 else Act.DEBIT
        moved = Movement(act, amount=abs(tenge) * 1_000_000)
        outcome = await self.ledger.post(
            Posting(each.account_id, each.partition, key, "topup", (moved,), "t", "test")
        )
        assert outcome.status is PostStatus.POSTED
        return [one.session_id for one in outcome.waiting]

    async def subscriber(
        self, tenge: int = 0, *identities: Identity, tariff: str = "worked"
    ) -> Subscriber:
        """A subscriber with this balance."""
        made = await self.subscribers.create(
            identities or (NUMBER,), tariff, SubscriberState.ACTIVE
        )
        if tenge:
            await self.top_up(made, tenge, "opening")
        return made

    async def money(self, each: Subscriber) -> tuple[int, int]:
        """Balance and reserved in hundredths; nothing is ever lost or made."""
        found = await self.ledger.balance(each.account_id, each.partition)
        assert found is not None and found.available >= 0
        assert found.credited == found.available + found.reserved + found.spent + found.written_off
        assert found.main % 10_000 == found.reserved % 10_000 == 0
        return found.main // 10_000, found.reserved // 10_000

    def counted(self, name: str, **labels: str) -> float:
        """A counter or gauge as Prometheus reads it."""
        samples = [each for family in self.metrics.collect() for each in family.samples]
        return sum(
            each.value
            for each in samples
            if each.name == name and labels.items() <= each.labels.items()
        )


def granted(answer: Answer) -> list[int | None]:
    """The grant of each service."""
    return [
        None if each.gsu is None else each.gsu.time or each.gsu.total_octets for each in answer.mscc
    ]


def codes(answer: Answer) -> tuple[int, list[int]]:
    """Result-Codes of the command and of each service."""
    return answer.result_code, [each.result_code for each in answer.mscc]
