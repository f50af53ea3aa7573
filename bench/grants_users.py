"""Who uses what in the simulation of grants: seeded traffic of mixed users, the same for every setting.

Traffic is a list of stretches at a constant speed, in whole milliseconds and units. Nothing here knows how
it is charged. The kinds are caricatures, not a model of any network: one that hardly uses anything, one
in bursts with pauses, one that is steady and large, one that comes at once, and calls.
"""

import random
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

MINUTE = 60_000
KB, MB = 1024, 1 << 20

Stretches = list[tuple[int, int]]  # (milliseconds, units a second)


class Traffic:
    """Units over time, from the start of a session; nothing is wanted after its end."""

    def __init__(self, stretches: Stretches) -> None:
        self._speeds = [speed for _, speed in stretches] + [0]
        self._begins = [0, *accumulate(millis for millis, _ in stretches)]
        self._units = [0, *accumulate(millis * speed // 1000 for millis, speed in stretches)]
        areas = [
            units * millis + speed * millis**2 // 2000
            for units, (millis, speed) in zip(self._units, stretches, strict=False)
        ]
        self._areas = [0, *accumulate(areas)]

    @property
    def millis(self) -> int:
        """When it ends."""
        return self._begins[-1]

    @property
    def total(self) -> int:
        """All units of it."""
        return self._units[-1]

    def used(self, at: int) -> int:
        """The units up to a moment."""
        here = bisect_right(self._begins, at) - 1
        return self._units[here] + (at - self._begins[here]) * self._speeds[here] // 1000

    def when(self, units: int) -> int | None:
        """The first moment at which so many units are used; None: never."""
        if units > self.total:
            return None
        here = max(bisect_right(self._units, units - 1) - 1, 0)
        missing = units - self._units[here]
        return self._begins[here] + -(-missing * 1000 // max(self._speeds[here], 1))

    def area(self, at: int) -> int:
        """Units in use up to a moment, summed over its milliseconds."""
        here = bisect_right(self._begins, at) - 1
        since = at - self._begins[here]
        return self._areas[here] + self._units[here] * since + self._speeds[here] * since**2 // 2000


@dataclass(frozen=True, slots=True)
class Planned:
    """A session that somebody will open."""

    kind: str
    start: int  # milliseconds
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody's money, in hundredths, and the sessions that it pays."""

    money: int
    sessions: tuple[Planned, ...]
    is_short: bool  # the money does not pay all of it


# --- kinds of users -------------------------------------------------------------------------------


def messenger(draw: random.Random) -> Stretches:
    """Two hours of short messages, with a picture now and then."""
    found: Stretches = []
    while sum(millis for millis, _ in found) < 120 * MINUTE:
        size = draw.randrange(200, 900) if draw.random() < 0.1 else draw.randrange(3, 40)
        found += [(1000, size * KB), (draw.randrange(20, 150) * 1000, 0)]
    return found


def web(draw: random.Random) -> Stretches:
    """Forty minutes of pages that load in two seconds and are read."""
    found: Stretches = []
    while sum(millis for millis, _ in found) < 40 * MINUTE:
        found += [
            (2000, draw.randrange(300, 2000) * KB), (draw.randrange(10, 90) * 1000, 0),
        ]  # fmt: skip
    return found


def video(draw: random.Random) -> Stretches:
    """Half an hour of video: chunks of ten seconds, each fetched in four."""
    speed = draw.randrange(250, 800) * KB
    return [each for _ in range(180) for each in ((4000, speed * 10 // 4), (6000, 0))]


def download(draw: random.Random) -> Stretches:
    """A page now and then, and three files at full speed."""
    found: Stretches = []
    for _ in range(3):
        pages = web(draw)[: 2 * draw.randrange(4, 10)]
        speed = draw.randrange(3, 9) * MB
        found += [*pages, (draw.randrange(60, 500) * MB * 1000 // speed, speed)]
    return found


def call(draw: random.Random) -> Stretches:
    """A call of three minutes on the average, half an hour at the most."""
    seconds = min(int(draw.expovariate(1 / 180)) + 5, 1800)
    return [(seconds * 1000, 1)]


DATA_KINDS = {"messenger": messenger, "web": web, "video": video, "download": download}


def data_accounts(seed: int, count: int) -> list[Account]:
    """As many users of each kind with money enough, and as many pairs that share too little.

    A pair is two kinds at one account; each pair of kinds comes in turn.
    """
    draw = random.Random(seed)  # noqa: S311  # a workload, no secret
    found = [
        Account(10**9, (planned(name, draw),), False) for name in DATA_KINDS for _ in range(count)
    ]
    names = [*DATA_KINDS]
    pairs = [(one, other) for one in names for other in names[names.index(one) :]]
    for number in range(4 * count):
        one, other = pairs[number % len(pairs)]
        sessions = (planned(one, draw), planned(other, draw))
        total = sum(each.traffic.total for each in sessions)
        # 20.00 a megabyte; between a tenth and nine tenths of what they would use.
        money = total * draw.randrange(10, 90) // 100 * 2000 // MB
        found.append(Account(money, sessions, True))
    return found


def voice_accounts(seed: int, count: int) -> list[Account]:
    """Callers with money enough, and as many whose call ends before they want."""
    draw = random.Random(seed + 1)  # noqa: S311  # a workload, no secret
    found = [Account(10**9, (planned("call", draw),), False) for _ in range(4 * count)]
    for _ in range(4 * count):
        session = planned("call", draw)
        money = session.traffic.total * draw.randrange(10, 90) // 100 * 1100 // 60
        found.append(Account(money, (session,), True))
    return found


def planned(kind: str, draw: random.Random) -> Planned:
    """A session of this kind that begins within ten minutes."""
    make = {**DATA_KINDS, "call": call}[kind]
    return Planned(kind, draw.randrange(10 * MINUTE), Traffic(make(draw)))
