"""Sessions and events as their clients see them: what is sent next, what was answered, what is owed.

Every request belongs to a session, and a session has one request under way at a time. What must have been
taken for it is kept in `Books`, by person, from what the session itself reported and was answered; the
server's rating is not asked. Randomness comes from the seed alone: no clock, no socket.
"""

from bisect import bisect
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random

from ocs.diameter.framing import FLAG_T
from ocs.load.answers import SUCCESS, Reader, Seen
from ocs.load.templates import (
    CALLED_SIZE,
    EVENT,
    INITIAL,
    TERMINATION,
    UPDATE,
    Sender,
    Template,
    group_of,
    template,
)
from ocs.load.workload import Service, Workload

#: Answers after which what was reported is paid: the refusal is of what was asked for besides.
SETTLED = frozenset({SUCCESS, 2002, 4010, 4011, 4012})
#: Nobody knows whether the request was served (RFC 6733, 7.1.3): like one without an answer.
UNKNOWN = range(3000, 4000)


@dataclass(slots=True)
class Books:
    """What the requests of a run must have cost, in micros by person."""

    cost: list[int]
    #: What may have been taken besides, by persons with a request of which nobody knows.
    unsure: dict[int, int] = field(default_factory=dict)
    repeats: int = 0
    #: Repeats that were answered otherwise than the first time.
    different: int = 0


@dataclass(slots=True)
class Session:
    """One session or event."""

    service: Service
    person: int
    who: bytes
    name: bytes
    called: bytes
    wire: int
    templates: tuple[Template | None, ...]  # by CC-Request-Type
    granted: tuple[int, ...]
    totals: list[int]
    left: int  # updates until the end; -1: without end
    #: Its own clock, UTC seconds: a call's time runs faster than ours, and its requests say so.
    moment: int = 0
    number: int = 0
    kind: int = 0
    is_final: bool = False  # the grants are the last: they are used up
    is_last: bool = False  # its next request is the last
    is_over: bool = False
    pending: tuple[int, ...] = ()
    #: The request to send again, and the answer that it must have.
    copy: bytearray | None = None
    rest: bytes = b""
    is_again: bool = False  # the copy is sent next, or under way
    sent: int = 0
    intended: int = 0

    @property
    def is_open(self) -> bool:
        """Whether the server has it open."""
        return self.number > 0 and not self.is_over


class Traffic:
    """The sessions of a run, in the order of their turns."""

    def __init__(
        self,
        workload: Workload,
        senders: Sequence[Sender],
        first_number: int,
        books: Books,
        seed: int,
    ) -> None:
        self._workload = workload
        self._senders = senders
        self._first = first_number
        self.books = books
        self._random = Random(seed)  # noqa: S311  # a workload, no secret
        self._draw = self._random.random
        self._reader = Reader()
        self._services = list(accumulate(each.percent for each in workload.services))
        ranks = range(1, workload.subscribers + 1)
        self._persons = list(accumulate(rank**-workload.zipf for rank in ranks))
        self._repeats = workload.repeats_percent / 100
        self._templates: dict[tuple[int, Service, int], tuple[Template | None, ...]] = {}
        self._made = 0
        self._is_ending = False
        #: UTC seconds, as the clients' clocks have it; whoever drives sets it.
        self.moment = 0
        self._ready: deque[Session] = deque()
        self._fresh = deque(self.start() for _ in range(workload.sessions))
        for each in self._fresh:
            # As if it had begun some time ago: sessions that all begin at once would end at once.
            if each.left > 0:
                each.left = int(self._draw() * (each.left + 1))

    # --- turns ----------------------------------------------------------------------------------------

    def opening(self) -> Session | None:
        """The next session that was never heard of."""
        return self._fresh.popleft() if self._fresh else None

    def take(self) -> Session | None:
        """The next session whose turn it is; None while all wait for answers."""
        return self._ready.popleft() if self._ready else None

    def ending(self) -> Session | None:
        """The next session that is still open, or has a repeat to send; nothing new begins."""
        self._is_ending = True
        while self._ready:
            session = self._ready.popleft()
            if session.is_again or session.is_open:
                session.is_last = True
                return session
        return None

    def start(self) -> Session:
        """A session or event of the mix, of somebody."""
        draw = self._draw
        service = self._workload.services[bisect(self._services, draw() * self._services[-1])]
        person = bisect(self._persons, draw() * self._persons[-1])
        count = 1
        if len(service.mscc) > 1:
            count += bisect(list(accumulate(service.mscc)), draw() * 100)
        self._made += 1
        wire = self._made % len(self._senders)
        return Session(
            service,
            person,
            b"%012d" % (self._first + person),
            b"%08x" % self._made,
            b"%07d" % int(draw() * 10**CALLED_SIZE),
            wire,
            self._templates_of(wire, service, count),
            (0,) * count,
            [0] * count,
            service.updates or -1,
        )

    def _templates_of(self, wire: int, service: Service, count: int) -> tuple[Template | None, ...]:
        found = self._templates.get((wire, service, count))
        if found is None:
            sender = self._senders[wire]
            kinds = (EVENT,) if service.kind == "sms" else (INITIAL, UPDATE, TERMINATION)
            made = {
                kind: template(sender, service.kind, kind, count, service.network) for kind in kinds
            }
            found = tuple(made.get(kind) for kind in range(EVENT + 1))
            self._templates[wire, service, count] = found
        return found

    # --- requests -------------------------------------------------------------------------------------

    def request(self, session: Session, hop_by_hop: int) -> bytearray:
        """Its next request."""
        if session.is_again and session.copy is not None:
            again = session.copy
            again[4] |= FLAG_T
            again[12:16] = hop_by_hop.to_bytes(4, "big")
            return again
        if session.number == 0:
            session.moment = self.moment
            kind = EVENT if session.service.kind == "sms" else INITIAL
        else:
            kind = TERMINATION if session.is_last else UPDATE
            session.pending = self._used(session)
            session.left -= 1
            if session.service.kind == "voice":
                session.moment += session.pending[0]
            else:
                session.moment = self.moment
        session.kind = kind
        found = session.templates[kind]
        if found is None:
            raise ValueError(f"a {session.service.kind} session has no request of type {kind}")
        made = found.fill(
            hop_by_hop,
            hop_by_hop,
            session.name,
            session.number,
            session.moment,
            session.who,
            session.pending,
            session.called,
        )
        session.number += 1
        if self._repeats and self._draw() < self._repeats:
            session.copy = bytearray(made)
        return made

    def _used(self, session: Session) -> tuple[int, ...]:
        """What was used of each service since it was granted: never more."""
        if session.is_final:
            return session.granted
        low, high = session.service.used
        span, draw = high - low + 1, self._draw
        return tuple(min(granted, low + int(draw() * span)) for granted in session.granted)

    # --- answers --------------------------------------------------------------------------------------

    def answered(self, session: Session, message: bytes) -> int:
        """Take the answer to what the session sent; its Result-Code."""
        seen, rest = self._reader.read(message)
        if session.is_again:
            self.books.repeats += 1
            self.books.different += rest != session.rest
            session.is_again, session.copy = False, None
        else:
            self._settle(session, seen)
            if session.copy is not None:
                session.is_again, session.rest = True, rest
        self._next(session)
        return seen.code

    def unanswered(self, session: Session) -> None:
        """Nobody knows what became of its request: it ends here, and the audit allows for both."""
        self._lose(session)
        session.is_again = False
        self._next(session)

    def _next(self, session: Session) -> None:
        if session.is_over and not session.is_again:
            if self._is_ending:
                return
            session = self.start()
        self._ready.append(session)

    def _settle(self, session: Session, seen: Seen) -> None:
        kind, code = session.kind, seen.code
        if code in UNKNOWN:
            self._lose(session)
        elif kind == EVENT:
            session.is_over = True
            if code == SUCCESS:
                self.books.cost[session.person] += session.service.cost(1)
        else:
            if kind != INITIAL and code in SETTLED:
                totals = session.totals
                for place, units in enumerate(session.pending):
                    totals[place] += units
            if kind == TERMINATION or code != SUCCESS:
                self._close(session)
            else:
                self._grant(session, seen)

    def _grant(self, session: Session, seen: Seen) -> None:
        """What it may use until its next request, and whether that is the last."""
        services = seen.services
        if len(services) != len(session.granted):
            by_group = {each.group: each for each in services}
            groups = map(group_of, range(len(session.granted)))
            found = [by_group.get(group) for group in groups]
            services = tuple(each for each in found if each is not None)
            session.granted = tuple(0 if each is None else each.units for each in found)
            session.is_last = None in found
        else:
            session.granted = tuple([each.units for each in services])
        for each in services:
            if each.is_final or each.code != SUCCESS or not each.units:
                session.is_last = True
                session.is_final = session.is_final or each.is_final
        if session.left == 0:
            session.is_last = True

    def _close(self, session: Session) -> None:
        session.is_over = True
        cost = session.service.cost
        self.books.cost[session.person] += sum(map(cost, session.totals))

    def _lose(self, session: Session) -> None:
        """Known usage is owed; what is under way may be owed."""
        cost, unsure = session.service.cost, self.books.unsure
        more = 0
        if session.kind == EVENT:
            more = cost(1)
        elif session.kind != INITIAL:
            both = zip(session.totals, session.pending, strict=True)
            more = sum(cost(total + units) - cost(total) for total, units in both)
        if session.is_again:
            more = 0  # it was answered the first time
        if not session.is_over:
            self._close(session)
        unsure[session.person] = unsure.get(session.person, 0) + more
