"""Lays units on the ways of a charge: which way pays for which, and what each balance gives.

As if unit by unit: each unit goes where a step is begun that is paid, else on the first way that can take
it. The work is done in stretches, by arithmetic. Nothing moves here: the ledger's function does the same in
the store, by its own code; this one answers enquiries and explains.

A way's draws and its money are on different balances.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ocs.model import MAIN_MONEY, Charge, Draw, UnitKind, UtcMillis, Way
from ocs.rating.price import legs_cost, rounded


class Short(StrEnum):
    """Why a way did not take a unit, or why the laying ended."""

    NOTHING = ""  # all units are laid
    TIME = "time"  # outside its window
    END = "end"  # past its last leg
    DRAW = "draw"  # a balance of units or a counter does not suffice
    NEEDS = "needs"  # the account's own money is below what it takes to enter the way
    MONEY = "money"
    APART = "apart"  # the way begins with a grant of its own
    LIMIT = "limit"  # the event may have no more units
    WAYS = "ways"  # every way was passed over


@dataclass(frozen=True, slots=True)
class Laid:
    """How far an event is: units by way, the one that cost money last at the end, and the money booked.

    A part of 0 units was entered by a grant. `gone` is what parts cost whose ways the charge no longer
    has, as a numerator over its denominator.
    """

    parts: tuple[tuple[str, int], ...] = ()
    booked: int = 0
    gone: int = 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Units that one way took: the money they cost, what each balance gave, and who was passed over."""

    way: str
    units: int
    money: int
    taken: Mapping[str, int]
    passed: tuple[tuple[str, Short], ...] = ()


@dataclass(frozen=True, slots=True)
class Laying:
    """What became of the units. `passed` tells of the first unit that was not laid."""

    state: Laid
    rest: int
    taken: Mapping[str, int]
    stretches: tuple[Stretch, ...]
    reason: Short
    passed: tuple[tuple[str, Short], ...] = ()


def lay(
    charge: Charge,
    state: Laid,
    units: int,
    free: Mapping[str, int],
    *,
    at: UtcMillis,
    is_grant: bool,
    main: int | None = None,
    goes_apart: bool = False,
) -> Laying:
    """Lay `units` from `state` on, with what is `free` of each balance down to its floor.

    Seconds that were used end at `at`, or at the charge's own moment; seconds to be granted begin at `at`.
    `main` is the account's own money that others do not hold, by which `needs` is judged; without it, what
    is free of it. With `goes_apart`, a grant may go on into a way that is apart.
    """
    moment, tick = int(at if is_grant else charge.used_at or at), 0
    if charge.unit is UnitKind.SECONDS:
        tick = 1000
        moment -= 0 if is_grant else units * tick
    event = _Event(charge, state, free, main, is_grant)
    stretches: list[Stretch] = []
    rest, reason = units, Short.NOTHING
    passed: list[tuple[str, Short]] = []
    while rest:
        most = min(rest, event.room)
        if not most:
            reason = Short.LIMIT
            break
        passed = []
        way, fits, reason = event.begun(most)
        if way is None:
            way, fits, reason = event.next_way(most, moment, tick, passed)
        if way is None:
            break
        is_other = not stretches or stretches[-1].way != way.name
        if is_grant and way.is_apart and stretches and is_other and not goes_apart:
            reason = Short.APART
            passed.append((way.name, reason))
            break
        stretches.append(event.take(way, fits, passed))
        rest, moment = rest - fits, moment + fits * tick
    after = Laid(tuple(event.parts.items()), event.booked, state.gone)
    told = tuple(passed) if rest else ()
    return Laying(after, rest, event.taken, tuple(stretches), reason, told)


@dataclass(slots=True)
class _Event:
    """An event while units are laid."""

    charge: Charge
    state: Laid
    _free: Mapping[str, int]
    _main: int | None
    is_grant: bool
    parts: dict[str, int] = field(init=False)
    booked: int = field(init=False)
    taken: dict[str, int] = field(init=False, default_factory=dict)
    #: What each part costs, as a numerator.
    _costs: dict[str, int] = field(init=False, default_factory=dict)
    #: The way that cost money last: what is paid of a quantum it goes on with, and nobody else.
    _last: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self.parts, self.booked = dict(self.state.parts), self.state.booked
        for way in self.charge.ways:
            self._costs.setdefault(way.name, legs_cost(way.legs, self.parts.get(way.name, 0)))
        for name in self.parts:
            if self._costs.get(name):
                self._last = name

    @property
    def room(self) -> int:
        """Units that a grant may have at the most."""
        if not self.is_grant or not self.charge.limit:
            return 2**63
        return max(self.charge.limit - sum(self.parts.values()), 0)

    def free(self, source: str) -> int:
        """What is left of a balance."""
        return self._free.get(source, 0) - self.taken.get(source, 0)

    def begun(self, most: int) -> tuple[Way | None, int, Short]:
        """The first way with a begun step that is paid, and the units up to its end."""
        for way in self.charge.ways:
            left = min(_step_left(way, self.parts.get(way.name, 0)), most)
            if left:
                return way, left, Short.NOTHING
        return None, 0, Short.WAYS

    def next_way(
        self, most: int, moment: int, tick: int, passed: list[tuple[str, Short]]
    ) -> tuple[Way | None, int, Short]:
        """The first way that can take the next unit, and how many from there on."""
        ways = self.charge.ways
        for number, way in enumerate(ways):
            if not _serves(way, moment):
                # Where an earlier way begins to serve, it is looked at first.
                most = _until(way.begins, moment, tick, most)
                passed.append((way.name, Short.TIME))
                continue
            units = _until(way.ends, moment, tick, most)
            left = way.legs[-1].end - self.parts.get(way.name, 0)
            if left > 0:
                units = min(units, left)
            elif not self.is_grant and not any(
                _serves(each, moment) for each in ways[number + 1 :]
            ):
                # The last way serves on past its end, as long as none behind it begins to.
                for later in ways[number + 1 :]:
                    units = _until(later.begins, moment, tick, units)
            else:
                passed.append((way.name, Short.END))
                continue
            fits, short = self._fitting(way, units)
            if fits:
                return way, fits, Short.NOTHING
            passed.append((way.name, short))
            if short is Short.MONEY and way.stops:
                return None, 0, Short.MONEY
        return None, 0, Short.WAYS

    def _fitting(self, way: Way, most: int) -> tuple[int, Short]:
        """How many of `most` units a way can take; of none, what it lacked."""
        alone = self._alone(way)
        if not self._is_covered(way, 1) or any(
            not each.step and self.free(each.source) < alone for each in way.draws
        ):
            return 0, Short.DRAW
        if way.name not in self.parts:
            own = self.free(MAIN_MONEY)
            if self._main is not None:
                own = self._main - self.taken.get(MAIN_MONEY, 0)
            if way.needs and own < way.needs:
                return 0, Short.NEEDS
            if self.is_grant and way.floor and not self._is_paid(way, way.floor):
                return 0, Short.MONEY
        if not self._is_paid(way, 1) or self._money(way) < alone:
            return 0, Short.MONEY
        low, high = 1, most + 1
        while high - low > 1:
            # Nearly always all of them fit: the last is tried first.
            middle = most if high > most else (low + high) // 2
            if self._is_covered(way, middle) and self._is_paid(way, middle):
                low = middle
            else:
                high = middle
        return low, Short.NOTHING

    def _alone(self, way: Way) -> int:
        """What a way must have to take a unit after another one cost money: its price in whole quanta.

        What rounding has left of the other's last quantum must not pay for it, or whoever reports more
        often would pay less.
        """
        if way.name == self._last or not self._exact(way, 0):
            return 0
        exact = self._exact(way, 1) - self._exact(way, 0)
        if not exact:
            return 0
        quantum = self.charge.rounding.quantum
        alone = -(-exact // (self.charge.denominator * quantum)) * quantum
        names = [each.name for each in self.charge.ways]
        # Who stood before the other and could not pay the least cost does not come in once it is paid.
        is_before = self._last in names and names.index(way.name) < names.index(self._last)
        return max(alone, self.charge.least) if is_before else alone

    def _money(self, way: Way) -> int:
        return sum(max(self.free(source), 0) for source in way.sources)

    def _exact(self, way: Way, units: int) -> int:
        """What the event costs once the way has so many more, as a numerator."""
        own = legs_cost(way.legs, self.parts.get(way.name, 0) + units)
        return self.state.gone + sum(self._costs.values()) - self._costs[way.name] + own

    def _increase(self, way: Way, units: int) -> int:
        """What so many more units add to what is booked."""
        exact = divmod(self._exact(way, units), self.charge.denominator)
        return max(rounded(self.charge, *exact) - self.booked, 0)

    def _is_covered(self, way: Way, units: int) -> bool:
        """Whether all draws of so many more units are there."""
        needed = self._drawn(way, units)
        return all(amount <= self.free(source) for source, amount in needed.items() if amount)

    def _is_paid(self, way: Way, units: int) -> bool:
        """Whether its money pays so many more units; a paid stretch needs one quantum at the least."""
        money = self._money(way)
        if self._increase(way, units) > money:
            return False
        has_quantum = money + self.booked >= self.charge.rounding.quantum
        return has_quantum or self._exact(way, units) == self._exact(way, 0)

    def _drawn(self, way: Way, units: int) -> dict[str, int]:
        """What so many more units take from balances of units and counters."""
        position = self.parts.get(way.name, 0)
        found: dict[str, int] = {}
        for draw in way.draws:
            more = self._increase(way, units)
            if draw.step:
                more = _need(draw, position + units) - _need(draw, position)
            found[draw.source] = found.get(draw.source, 0) + more
        return found

    def take(self, way: Way, units: int, passed: list[tuple[str, Short]]) -> Stretch:
        """Put units on a way: each balance gives what it has."""
        money, given = self._increase(way, units), dict[str, int]()
        left = money
        for source in way.sources:
            given[source] = min(left, max(self.free(source), 0))
            left -= given[source]
        for source, amount in self._drawn(way, units).items():
            given[source] = min(amount, max(self.free(source), 0))
        given = {source: amount for source, amount in given.items() if amount}
        for source, amount in given.items():
            self.taken[source] = self.taken.get(source, 0) + amount
        position = self.parts.get(way.name, 0) + units
        cost = legs_cost(way.legs, position)
        if cost != self._costs[way.name]:
            self._costs[way.name], self._last = cost, way.name
            self.parts.pop(way.name, None)  # the last one stands at the end
        self.parts[way.name] = position
        self.booked += money
        return Stretch(way.name, units, money, given, tuple(passed))


def _serves(way: Way, moment: int) -> bool:
    return way.begins <= moment and (not way.ends or moment < way.ends)


def _until(border: int, moment: int, tick: int, otherwise: int) -> int:
    """Units until their moments come to a border that is still ahead."""
    if not tick or border <= moment:
        return otherwise
    return min(otherwise, -((moment - border) // tick))


def _need(draw: Draw, position: int) -> int:
    """What a draw has taken once its way is at a position."""
    return (draw.entry if position else 0) + draw.amount * -(-position // draw.step)


def _step_left(way: Way, position: int) -> int:
    """Units of a begun step of the leg and of all draws: they cost nothing and draw nothing."""
    if not position:
        return 0
    leg = next((each for each in way.legs if position < each.end), way.legs[-1])
    left = [(leg.start - position) % leg.step] if leg.price else []
    left += [-position % draw.step for draw in way.draws if draw.step and draw.amount]
    if not left or (position == leg.start and leg.entry):
        return 0
    return min([*left, leg.end - position] if position < leg.end else left)
