"""Plays the sessions of bench/grants.py against the server's own OCF, rating and ledger.

The clock is simulated and goes from event to event. A client asks again when its threshold is reached, its
Validity-Time is over, or it is re-authorised; it uses up a final grant and ends. Its usage never passes
what it was granted: an answer takes no time.
"""

import heapq
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.grants_users import MB, MINUTE, Account, Planned
from ocs.abmf.library import Library
from ocs.abmf.records import Records
from ocs.abmf.redis_ledger import RedisLedger
from ocs.abmf.subscribers import Subscribers
from ocs.charging.policy import ChargingPolicy
from ocs.config import Config
from ocs.demo.cast import OFF_NET, TIYN, call_tiyn, data_tiyn
from ocs.desk import Desk
from ocs.diameter.credit_control import CCR, MSCC, USU, MSCCAnswer, Units
from ocs.metrics import Metrics
from ocs.model import Micros, UtcMillis
from ocs.ocf import OCF
from ocs.policies import policy_of
from ocs.rating.catalogue import Catalogue
from ocs.rating.versions import Catalogues
from ocs.store.connect import connect
from ocs.store.embedded import EmbeddedStore

START = 1_790_000_000_000
PARTITIONS = 16
INITIAL, UPDATE, TERMINATION = 1, 2, 3
SUCCESS = 2001
LAST_MILLIS = 5 * MINUTE
HOST, REALM = "pgw1.bench.example", "bench.example"
#: Service-Context-Id, rating group, octets or seconds of a unit that is shown, and its price in tiyn.
SERVICES = {
    "data": ("32251@3gpp.org", 10, MB, 2000),
    "voice": ("32260@3gpp.org", None, 60, 1100),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """How one service sizes its grants."""

    service: str
    seconds: int  # grant_seconds; 0: fixed
    default: int

    @property
    def name(self) -> str:
        """For people."""
        size = f"{self.default // MB} MB" if self.service == "data" else f"{self.default} s"
        return f"adaptive, {self.seconds} s" if self.seconds else f"fixed, {size}"


@dataclass(slots=True)
class Figures:
    """What was counted of a service, or of one kind of its users."""

    requests: int = 0
    units: int = 0
    held: int = 0  # units times milliseconds
    millis: int = 0
    cuts: int = 0
    stranded: int = 0  # units
    last: int = 0  # requests

    def shown(self, service: str) -> dict[str, float]:
        """As ratios, in megabytes or minutes and in the currency."""
        _, _, unit, price = SERVICES[service]
        money = price / 100 / unit
        return {
            "requests": self.requests,
            "units": round(self.units / unit, 1),
            "requests_per_unit": round(self.requests * unit / max(self.units, 1), 4),
            "requests_per_hour": round(self.requests * 60 * MINUTE / max(self.millis, 1), 2),
            "held": round(self.held / max(self.millis, 1) * money, 2),
            "cuts": self.cuts,
            "stranded_per_cut": round(self.stranded / max(self.cuts, 1) * money, 2),
            "last_requests_per_cut": round(self.last / max(self.cuts, 1), 2),
        }


@dataclass(slots=True, eq=False)
class Client:
    """One session, as its gateway sees it."""

    service: str
    msisdn: str
    planned: Planned
    session_id: bytes
    number: int = 0
    answered: int = 0  # milliseconds since the session's start
    reported: int = 0  # units
    granted: int = 0
    threshold: int = 0
    validity: int = 0
    is_final: bool = False
    is_open: bool = False
    turn: int = 0  # a turn that was planned before another is none
    sent: list[int] = field(default_factory=list)  # milliseconds of the run

    def next_millis(self) -> int:
        """When it asks again, from its start on."""
        goal = self.reported + self.granted - (0 if self.is_final else self.threshold)
        reached = self.planned.traffic.when(goal)
        valid_until = self.answered + self.validity * 1000
        return min(x for x in (reached, valid_until, self.planned.traffic.millis) if x is not None)

    def unreported(self, at: int) -> int:
        """Units that were used since the last report: never more than were granted."""
        return min(self.planned.traffic.used(at) - self.reported, self.granted)

    def unused(self, at: int) -> int:
        """Units that are held and not used."""
        return self.granted - self.unreported(at)


class Run:
    """Every session of one setting, in the order of time."""

    def __init__(self, setting: Setting, ocf: OCF, clock: "Clock") -> None:
        self._setting = setting
        self._ocf = ocf
        self._clock = clock
        self._events: list[tuple[int, int, Client, int]] = []
        self._clients: dict[bytes, Client] = {}
        self._by_msisdn: dict[str, list[Client]] = {}
        self._count = 0
        self.figures: dict[str, Figures] = {}

    def add(self, msisdn: str, planned: Planned) -> None:
        """A session to come."""
        session_id = f"{HOST};{len(self._clients)};1".encode()
        client = Client(self._setting.service, msisdn, planned, session_id)
        self._clients[session_id] = client
        self._by_msisdn.setdefault(msisdn, []).append(client)
        self._at(planned.start, client)

    def _at(self, millis: int, client: Client) -> None:
        client.turn += 1
        self._count += 1
        heapq.heappush(self._events, (millis, self._count, client, client.turn))

    def reauthorise(self, sessions: Iterable[bytes]) -> None:
        """A Re-Auth-Request: its client asks again at once."""
        for each in sessions:
            client = self._clients[each]
            if client.is_open:
                self._at(self._clock.now - START, client)

    async def play(self) -> None:
        """Until nobody is left."""
        while self._events:
            millis, _, client, turn = heapq.heappop(self._events)
            if turn != client.turn:
                continue
            self._clock.now = UtcMillis(START + millis)
            await self._turn(client, millis)

    async def _turn(self, client: Client, millis: int) -> None:
        at = millis - client.planned.start
        if not client.is_open:
            await self._ask(client, INITIAL, None, millis)
            return
        used = client.unreported(at)
        self._held(client, at)
        is_over = at >= client.planned.traffic.millis
        is_dry = client.is_final and used >= client.granted
        client.reported += used
        if is_dry and not is_over:
            self._cut(client, millis)
        kind = TERMINATION if is_over or is_dry else UPDATE
        await self._ask(client, kind, used, millis)

    async def _ask(self, client: Client, kind: int, used: int | None, millis: int) -> None:
        cca = await self._ocf.handle(request(client, kind, used, millis), HOST)
        client.number += 1
        client.sent.append(millis)
        self._figures(client).requests += 1
        client.answered = millis - client.planned.start
        client.granted = 0
        if kind == TERMINATION:
            client.is_open = False
            self._figures(client).units += client.reported
            return
        told = cca.mscc[0]
        client.is_open = cca.result_code == SUCCESS
        if told.result_code != SUCCESS or told.gsu is None:
            self._cut(client, millis)
            if client.is_open:
                await self._ask(client, TERMINATION, 0, millis)
            else:
                self._figures(client).units += client.reported
            return
        take(client, told)
        self._at(client.planned.start + client.next_millis(), client)

    def _figures(self, client: Client) -> Figures:
        return self.figures.setdefault(client.planned.kind, Figures())

    def _held(self, client: Client, at: int) -> None:
        """Add the time since the last answer: the grant, without what was used of it by each moment."""
        traffic, since = client.planned.traffic, client.answered
        span = at - since
        in_use = traffic.area(at) - traffic.area(since) - client.reported * span
        figures = self._figures(client)
        figures.held += max(client.granted * span - in_use, 0)
        figures.millis += span

    def _cut(self, client: Client, millis: int) -> None:
        figures = self._figures(client)
        figures.cuts += 1
        figures.last += sum(each > millis - LAST_MILLIS for each in client.sent)
        others = (each for each in self._by_msisdn[client.msisdn] if each is not client)
        figures.stranded += sum(
            each.unused(millis - each.planned.start) for each in others if each.is_open
        )

    def used(self, msisdn: str) -> list[int]:
        """What each session of an account has reported."""
        return [each.reported for each in self._by_msisdn[msisdn]]


def take(client: Client, told: MSCCAnswer) -> None:
    """Keep what an answer grants."""
    gsu = told.gsu or Units()
    client.granted = gsu.time or gsu.octets or 0
    client.threshold = told.time_threshold or told.volume_threshold or 0
    client.validity = told.validity_seconds or 0
    client.is_final = told.final_unit is not None


def request(client: Client, kind: int, used: int | None, millis: int) -> CCR:
    """A CCR as its gateway sends it; the amount is left to the server."""
    context, group, _, _ = SERVICES[client.service]
    is_call = client.service == "voice"
    units = Units(time=used) if is_call else Units(total_octets=used)
    report = () if used is None else (USU(units),)
    wish = None if kind == TERMINATION else Units()
    is_first = kind == INITIAL
    return CCR(
        hop_by_hop=1,
        end_to_end=2,
        flags=0xC0,
        session_id=client.session_id,
        origin_host=HOST,
        origin_realm=REALM,
        destination_realm="ocs.example",
        destination_host=None,
        service_context_id=context,
        request_type=kind,
        request_number=client.number,
        event_timestamp=(START + millis) // 1000,
        subscription_ids=((0, client.msisdn),) if is_first else (),
        mscc=(MSCC(group, (), wish, report),),
        calling=(f"tel:+{client.msisdn}",) if is_first and is_call else (),
        called=OFF_NET if is_first and is_call else None,
        role_of_node=0 if is_first and is_call else None,
    )


class Clock:
    """The time of server and store."""

    def __init__(self) -> None:
        self.now = UtcMillis(START)

    def __call__(self) -> UtcMillis:
        return self.now


def policy(setting: Setting) -> ChargingPolicy:
    """The configured services, with this size of grants."""
    services = [
        each.model_copy(update={"grant_default": setting.default, "grant_seconds": setting.seconds})
        if each.name == setting.service
        else each
        for each in Config().services
    ]
    return policy_of(services)


async def play(
    setting: Setting, accounts: Sequence[Account], catalogue: Catalogue
) -> dict[str, Figures]:
    """All accounts with one setting, on an empty store of its own; audited. By kind of user."""
    with tempfile.TemporaryDirectory() as name:
        store = EmbeddedStore(Path(name))
        await store.start()
        client = connect(store.live_url(), 60.0)
        try:
            library, clock = Library.from_package(), Clock()
            await library.load(client)
            ledger = RedisLedger(client, library, PARTITIONS, deadline_seconds=60.0, clock=clock)
            subscribers = Subscribers(client, ledger, PARTITIONS)
            records = Records(client, PARTITIONS)
            desk = Desk(
                client, ledger, subscribers, records, catalogue, "conversations", "bench", clock
            )
            runs: list[Run] = []
            ocf = OCF(
                ledger=ledger,
                subscribers=subscribers,
                catalogues=Catalogues((catalogue,)),
                policy=policy(setting),
                metrics=Metrics(),
                owner="bench",
                clock=clock,
                reauthorise=lambda sessions: runs[0].reauthorise(sessions),
            )
            run = Run(setting, ocf, clock)
            runs.append(run)
            for number, each in enumerate(accounts):
                msisdn = f"7703{number:07}"
                await desk.add(msisdn, balance=Micros(each.money * TIYN))
                for planned in each.sessions:
                    run.add(msisdn, planned)
            await run.play()
            for number, each in enumerate(accounts):
                await audit(desk, f"7703{number:07}", each, run)
            return run.figures
        finally:
            await client.aclose()
            await store.stop()


async def audit(desk: Desk, msisdn: str, account: Account, run: Run) -> None:
    """Whatever the sizes were: what was used is paid, to the micro, and nothing is held any more."""
    price = call_tiyn if account.sessions[0].kind == "call" else data_tiyn
    expected = sum(map(price, run.used(msisdn))) * TIYN
    found = await desk.balance(msisdn)
    if (found.spent, found.reserved, found.written_off) != (expected, 0, 0):
        raise SystemExit(f"the audit failed: {msisdn} should have spent {expected}: {found}")
    if found.credited != found.available + found.spent or found.available < 0:
        raise SystemExit(f"the audit failed: {msisdn} does not add up: {found}")
