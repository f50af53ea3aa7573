"""When what is offered for a service changes: the periods of its price that octets may touch.

Every request of a session walks them from its start, so that they have the same names in each. A period
is a time in which the price stays; what else pays (a bucket begins or ends) may change within one.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from ocs.charging import quota
from ocs.charging.policy import ServicePolicy
from ocs.diameter.credit_control import MSCC
from ocs.model import NEVER, Price, SessionContext, Subscriber, UtcMillis, invariant
from ocs.rating.catalogue import Catalogue
from ocs.rating.offer import Offer
from ocs.rating.price import cost
from ocs.rating.versions import Catalogues
from ocs.rating.ways import offers
from ocs.value import value

TOTAL, INPUT, OUTPUT = "total", "input", "output"  # Price.counts
PERIOD = "~"  # before the second in which a period began, behind a service's key

Find = Callable[[UtcMillis], tuple[Offer, ...]]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which everything that is offered stays."""

    begins: UtcMillis
    ends: UtcMillis | None
    offers: tuple[Offer, ...]


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which the prices of a service stay. The one a session began in has no name."""

    name: str
    begins: UtcMillis
    ends: UtcMillis | None
    here: Stretch  # of its stretches the one at the moment of the request, or the nearest to it
    before: Stretch | None = None  # the one before that, of the same period

    def cost(self, units: int) -> int:
        """What so many units of each kind cost in money, to compare."""
        return sum(cost(each.price, units) for each in self.here.offers)


class Course:
    """How one service of a session was and is paid, as far as anybody has asked.

    What is offered changes with the subscriber, the catalogue and time, and not from request to
    request: what was found is kept for as long as all three say the same.
    """

    __slots__ = (
        "_closed", "_ends", "_kept", "_open", "_whole", "ahead", "behind", "catalogues", "subscriber"
    )  # fmt: skip

    def __init__(
        self, subscriber: Subscriber, catalogues: tuple[Catalogue, ...], policy: ServicePolicy
    ) -> None:
        self.subscriber = subscriber
        self.catalogues = catalogues
        #: Nobody comes later than supervision allows, nor keeps quota for longer than it is valid.
        self.behind = quota.supervision_seconds(policy.grant_maximum, policy) * 1000
        self.ahead = 1000 * quota.validity(
            policy.validity_seconds, policy.grant_maximum, policy.unit
        )
        self._kept: tuple[UtcMillis, tuple[Offer, ...]] | None = None
        self._closed: list[Stretch] = []
        self._open: Stretch | None = None
        self._ends: UtcMillis | None = None  # when something may change in the open one
        self._whole: list[Period] | None = None

    def timed(
        self, find: Callable[[], tuple[Offer, ...]], since: UtcMillis, last: UtcMillis
    ) -> tuple[Offer, ...]:
        """What is offered from `since` to `last`, in one piece."""
        if self._kept is not None:
            began, found = self._kept
            if began == since and all(each.until is None or last < each.until for each in found):
                return found
        found = shared(find())
        # With a change in between, what is offered is that of this request's range.
        is_lasting = all(each.until is None or last < each.until for each in found)
        self._kept = (since, found) if found and is_lasting else None
        return found

    def ordinary(self, last: UtcMillis) -> list[Period] | None:
        """The one period from the session's start beyond `last`, where it is known that it has one."""
        is_known = self._ends is None or self._ends > last
        return self._whole if is_known and not self._closed else None

    def periods(
        self, find: Find, started: UtcMillis, last: UtcMillis, at: UtcMillis
    ) -> list[Period]:
        """The periods from a session's start to `last`."""
        here = self._walk(find, started, last)
        if self._closed:
            # One that asks late has not come to all that were walked.
            found = [each for each in (*self._closed, here) if each.begins <= last]
            return list(_periods(found, at))
        self._whole = [Period("", here.begins, here.ends, here)]
        return self._whole

    def _walk(self, find: Find, started: UtcMillis, last: UtcMillis) -> Stretch:
        """Go on to the stretch that `last` lies in; those before it are closed."""
        here = self._open
        if here is None:
            found = find(started)
            self._ends = _change(found)
            here = Stretch(started, self._ends, _lasting(found))
            self._open = here
        while self._ends is not None and self._ends <= last:
            begins = self._ends
            following = find(begins)
            self._ends, lasting = _change(following, begins), _lasting(following)
            if lasting != here.offers:
                self._closed.append(replace(here, ends=begins))
                here = Stretch(begins, self._ends, lasting)
            else:  # something might have changed then, and has not
                here = replace(here, ends=self._ends)
            self._open = here
        return here


#: Offers that sessions share; subscribers with buckets have their own.
SHARED_AT_MOST = 10_000
_shared: dict[Offer, Offer] = {}

#: The courses of a session, by rating group and service identifiers.
Courses = dict[tuple[int | None, tuple[int, ...]], Course]
#: A client may name any number of services; those of a session are few.
COURSES_AT_MOST = 64


@value
class Circumstances:
    """What the charges of a request depend on besides the request."""

    request_type: int
    context: SessionContext
    subscriber: Subscriber
    catalogues: Catalogues
    is_denied: bool
    at: UtcMillis  # rating time
    courses: Courses = field(default_factory=dict, compare=False)

    def course(self, mscc: MSCC, policy: ServicePolicy) -> Course:
        """How this service went on so far, where nothing that it depends on was exchanged."""
        key = mscc.rating_group, mscc.service_identifiers
        found = self.courses.get(key)
        versions = self.catalogues.versions
        if (
            found is None
            or found.subscriber is not self.subscriber
            or found.catalogues is not versions
        ):
            if len(self.courses) >= COURSES_AT_MOST:
                self.courses.clear()
            found = self.courses[key] = Course(self.subscriber, versions, policy)
        return found


def offered(
    mscc: MSCC,
    policy: ServicePolicy,
    around: Circumstances,
    at: UtcMillis,
    first: UtcMillis | None = None,
    last: UtcMillis | None = None,
) -> tuple[Offer, ...]:
    """How a service is paid in the unit it is counted in: one offer, or one for each direction."""
    found = offers(
        around.catalogues,
        around.subscriber,
        around.context,
        mscc.rating_group,
        mscc.service_identifiers,
        at=at,
        first=at if first is None else first,
        last=at if last is None else last,
    )
    is_half = len(found) == 1 and found[0].price.counts != TOTAL
    if is_half or any(each.price.unit is not policy.unit for each in found):
        return ()
    return found


def periods_of(
    mscc: MSCC,
    policy: ServicePolicy,
    around: Circumstances,
    since: UtcMillis | None,
) -> tuple[list[Period], int]:
    """The periods in which usage may lie or quota be held, and which of them is now; the service was
    answered last at `since`, where that is known."""
    started = around.context.started
    at = max(around.at, started)
    course = around.course(mscc, policy)
    last = UtcMillis(at + course.ahead)
    ordinary = course.ordinary(last)
    if ordinary is not None and ordinary[0].here.offers:
        return ordinary, 0
    find: Find = partial(offered, mscc, policy, around)
    found = course.periods(find, started, last, at)
    first = max(min(since or started, at), started, at - course.behind)
    if len(found) > 1:
        found = [each for each in found if each.ends is None or each.ends > first]
    now = max(i for i, each in enumerate(found) if i == 0 or each.begins <= at)
    if not found[now].here.offers:
        # Where there is no price, nothing tells when there will be one.
        here = replace(found[now].here, offers=find(at))
        found = [*found[:now], replace(found[now], here=here), *found[now + 1 :]]
    return found, now


def _change(found: tuple[Offer, ...], after: UtcMillis = NEVER) -> UtcMillis | None:
    """The first moment from which something else may be offered."""
    ends = min((each.until for each in found if each.until is not None), default=None)
    invariant(ends is None or ends > after, "an offer lasts for some time")
    return ends


def _lasting(found: tuple[Offer, ...]) -> tuple[Offer, ...]:
    """The offers, whatever time they are for: so they can be compared."""
    return shared(tuple(replace(each, until=None) for each in found))


def shared(found: tuple[Offer, ...]) -> tuple[Offer, ...]:
    """The same, of which there is one for all sessions: it is packed for the ledger once, and a hundred
    thousand sessions keep a few."""
    if len(_shared) >= SHARED_AT_MOST:
        _shared.clear()
    return tuple(_shared.setdefault(each, each) for each in found)


def _periods(stretches: Iterable[Stretch], at: UtcMillis) -> Iterator[Period]:
    """Stretches of one price together: every request of a session gives them the same names."""
    period: Period | None = None
    for each in stretches:
        if period is not None and _prices(period.here) == _prices(each):
            is_here = each.begins <= at
            here, before = (each, period.here) if is_here else (period.here, period.before)
            period = replace(period, ends=each.ends, here=here, before=before)
            continue
        if period is not None:
            yield period
        name = "" if period is None else f"{PERIOD}{each.begins // 1000}"
        period = Period(name, each.begins, each.ends, each)
    if period is not None:
        yield period


def _prices(stretch: Stretch) -> list[Price]:
    return [each.price for each in stretch.offers]
