"""When requests are sent: closed loop, open loop, ramp; and how long each took.

Closed: so many are under way, each answer sends the next. Open and ramp: a schedule says when each is to
be sent, whatever became of the others, and its latency counts from that moment (wrk2): a server that
stands still shows in every request that should have been sent meanwhile. What is late is sent as soon as
the loop turns, in a burst.

Exceptions:
    LoadFailed   the run cannot go on; nothing it measured is a result
    Overloaded   the server is hopelessly behind the schedule
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ocs.load.alarm import Alarm
from ocs.load.record import Record
from ocs.load.traffic import Session, Traffic

SECOND = 1_000_000_000
#: A request that is sent so much later than it should: the run would measure its own queue.
BEHIND_SECONDS = 5.0
#: A client's Tx is 10 s (RFC 8506, 13).
ANSWER_SECONDS = 10.0
#: What is due within so many nanoseconds is sent together.
BURST = 500_000
#: Nanoseconds between two looks at what came of it so far; seconds between looks for the end.
LOOK = 250_000_000
REST_SECONDS = 0.02


class LoadFailed(Exception):
    """A sentence."""


class Overloaded(LoadFailed):
    """A sentence."""


# --- shapes: when each request is due ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Closed:
    """So many requests under way."""

    window: int

    def __str__(self) -> str:
        return f"closed loop, {self.window} outstanding"


@dataclass(frozen=True, slots=True)
class Open:
    """So many requests a second."""

    rate: float

    def due(self, seconds: float) -> int:
        """How many are due by then; the first at once."""
        return int(seconds * self.rate) + 1

    def moment(self, number: int) -> float:
        """Seconds until request `number` is due."""
        return number / self.rate

    def __str__(self) -> str:
        return f"open loop, {self.rate:g} a second"


@dataclass(frozen=True, slots=True)
class Ramp:
    """The rate grows evenly from one to the other within `seconds`."""

    start: float
    end: float
    seconds: float

    @property
    def rate(self) -> float:
        """On average."""
        return (self.start + self.end) / 2

    def due(self, seconds: float) -> int:
        """How many are due by then."""
        grown = (self.end - self.start) * seconds * seconds / (2 * self.seconds)
        return int(self.start * seconds + grown) + 1

    def moment(self, number: int) -> float:
        """Seconds until request `number` is due: where the grown area is that many."""
        slope = (self.end - self.start) / self.seconds
        if not slope:
            return number / self.start
        return (math.sqrt(self.start**2 + 2 * slope * number) - self.start) / slope

    def __str__(self) -> str:
        return f"ramp, {self.start:g} to {self.end:g} a second"


Shape = Closed | Open | Ramp


def closed(window: int) -> Closed:
    """A closed loop."""
    return Closed(window)


def open_loop(rate: float) -> Open:
    """An open loop."""
    return Open(rate)


@dataclass(frozen=True, slots=True)
class Limit:
    """When a phase ends: after so many seconds, or so many requests; neither: when nothing is left."""

    seconds: float = math.inf
    requests: float = math.inf


class Sending(Protocol):
    """What is needed of a connection."""

    def send(self, message: bytes | bytearray) -> None: ...


class Driver:
    """Sends when it is time, and keeps what came back. Whoever owns the loop calls `pump`."""

    def __init__(
        self,
        traffic: Traffic,
        wires: Sequence[Sending],
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._traffic = traffic
        self._wires = wires
        self._clock = clock
        self._pending: dict[int, Session] = {}
        self._hop = 0
        self._failure: LoadFailed | None = None
        #: A phase that was broken off. What was sent is waited for: its sessions can still be ended.
        self.overloaded: Overloaded | None = None
        self._is_dry = False
        self.record = Record()
        self._take: Callable[[], Session | None] = traffic.take
        self._shape: Shape = Closed(1)
        self._limit = Limit(requests=0)
        self.began = self.ended = 0

    # --- a phase ------------------------------------------------------------------------------------

    def begin(self, shape: Shape, limit: Limit, take: Callable[[], Session | None]) -> Record:
        """A new phase; its record."""
        self.record = Record()
        self._shape, self._limit, self._take = shape, limit, take
        if not isinstance(shape, Closed) and limit.seconds < math.inf:
            # What is due is sent, also late: leaving it out would hide the delay.
            due = shape.due(limit.seconds) - 1
            self._limit = Limit(requests=min(limit.requests, max(1, due)))
        self._is_dry, self.overloaded = False, None
        self.began = self.ended = self._clock()
        return self.record

    @property
    def is_done(self) -> bool:
        """Whether all is sent and answered; LoadFailed where it cannot go on."""
        if self._failure is not None:
            raise self._failure
        return self._is_all_sent(self._clock()) and not self._pending

    @property
    def outstanding(self) -> int:
        """Requests under way."""
        return len(self._pending)

    def _is_all_sent(self, now: int) -> bool:
        limit = self._limit
        return (
            self._is_dry
            or self.overloaded is not None
            or self.record.sent >= limit.requests
            or now - self.began >= limit.seconds * SECOND
        )

    def pump(self) -> None:
        """Send what is due."""
        now = self._clock()
        if self._failure is not None or self._is_all_sent(now):
            return
        shape = self._shape
        if isinstance(shape, Closed):
            room = min(shape.window - len(self._pending), self._limit.requests - self.record.sent)
            while room > 0 and self._send(now, now):
                room -= 1
            return
        due = min(shape.due((now - self.began) / SECOND), self._limit.requests)
        while self.record.sent < due:
            intended = self.began + int(shape.moment(self.record.sent) * SECOND)
            if now - intended > BEHIND_SECONDS * SECOND:
                self.overloaded = Overloaded(
                    f"the server is {BEHIND_SECONDS:g} s behind the schedule with "
                    f"{len(self._pending):,} requests without an answer: {shape} is too much for it"
                )
                return
            if not self._send(now, intended):
                return  # every session waits for an answer; the next one goes on

    def _send(self, now: int, intended: int) -> bool:
        session = self._take()
        if session is None:
            self._is_dry = not self._pending
            return False
        self._hop = hop = self._hop + 1 & 0xFFFFFFFF
        message = self._traffic.request(session, hop)
        record = self.record
        record.sent += 1
        record.repeats += session.is_again
        record.lateness.append(now - intended)
        session.sent, session.intended = now, intended
        self._pending[hop] = session
        self._wires[session.wire].send(message)
        return True

    # --- what came back -------------------------------------------------------------------------------

    def answered(self, message: bytes, now: int) -> None:
        """An answer came in."""
        session = self._pending.pop(int.from_bytes(message[12:16], "big"), None)
        if session is None:
            return  # later than its client waited: it counts as unanswered
        kind = session.kind
        record = self.record
        record.latencies[kind].append(now - session.intended)
        record.codes[kind][self._traffic.answered(session, message)] += 1
        self.ended = now

    def failed(self, reason: str) -> None:
        """A connection is gone."""
        self._failure = self._failure or LoadFailed(reason)

    def expire(self) -> None:
        """Give up waiting for what was sent too long ago; what waits longest stands first."""
        before = self._clock() - int(ANSWER_SECONDS * SECOND)
        for hop, session in list(self._pending.items()):
            if session.sent > before:
                break
            if self.ended < before:
                self.failed(f"the server has answered nothing for {ANSWER_SECONDS:g} s")
                break
            del self._pending[hop]
            self.record.unanswered += 1
            self._traffic.unanswered(session)

    def _wait(self) -> int:
        """Nanoseconds until the next request is due."""
        if isinstance(self._shape, Closed):
            return LOOK  # an answer sends the next
        due = self.began + int(self._shape.moment(self.record.sent) * SECOND)
        return max(BURST, due - self._clock())

    async def run(self, look: Callable[[], None]) -> None:
        """Drive the phase to its end; `look` is called a few times a second."""

        def ring() -> None:
            self.pump()
            alarm.set(self._wait())

        alarm = Alarm(ring)
        try:
            ring()
            looked = self._clock()
            while not self.is_done:
                await asyncio.sleep(REST_SECONDS)
                self._traffic.moment = int(time.time())
                if self._clock() - looked >= LOOK:
                    looked = self._clock()
                    self.expire()
                    look()
        finally:
            alarm.close()
