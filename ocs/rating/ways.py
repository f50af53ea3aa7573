"""How a service is paid: the ways of an offer, at a moment or over the time of a call.

Pure: what a subscriber has is its snapshot, what is left of it is the ledger's. What serves at one
moment is ocs.rating.serving; here moments are joined to windows, and ways to a common denominator.
"""

from dataclasses import dataclass, replace
from math import lcm

from ocs.model import NEVER, Price, SessionContext, Source, Subscriber, UnitKind, UtcMillis, Way
from ocs.rating.offer import Offer
from ocs.rating.price_ways import scaled
from ocs.rating.read import SERVICE_UNITS
from ocs.rating.serving import FOREVER, Moment, Serving
from ocs.rating.versions import Catalogues

#: What was used in a window that passed longer ago is kept with the session, whole micros of it.
REMEMBERED_MILLIS = 86_400_000


@dataclass(frozen=True, slots=True)
class _Window:
    """A time in which the same serves; begins or ends 0: open."""

    begins: UtcMillis
    ends: UtcMillis
    version: str
    serving: Serving


def offers(
    catalogues: Catalogues,
    subscriber: Subscriber,
    context: SessionContext,
    rating_group: int | None,
    service_identifiers: tuple[int, ...],
    *,
    at: UtcMillis,
    first: UtcMillis,
    last: UtcMillis,
) -> tuple[Offer, ...]:
    """How the service is paid at a moment: one offer, or one for each direction; () without a price.

    Of seconds the ways are those from the start of the event to `last`, each in its time: `first` is
    when the earliest usage lies that is not settled.
    """
    is_timed = SERVICE_UNITS.get(context.attributes.service) is UnitKind.SECONDS
    moment = max(context.started, UtcMillis(first - REMEMBERED_MILLIS)) if is_timed else at
    sources: dict[str, Source] = {}
    windows: list[_Window] = []
    change: UtcMillis | None = None  # the first within the range
    while True:
        catalogue = catalogues.at(moment)
        here = Moment(catalogue, subscriber, context, rating_group, service_identifiers, moment)
        found = here.serving()
        if not is_timed or (not windows and here.until > last):
            end = UtcMillis(here.until) if here.until < FOREVER else None
            end = end if change is None else change
            open_ended = [_Window(NEVER, NEVER, catalogue.version, each) for each in found]
            return tuple(
                _offer([each], each, each.serving.price, here.sources, end) for each in open_ended
            )
        sources.update(here.sources)
        windows.extend(
            _Window(moment, UtcMillis(here.until), catalogue.version, each) for each in found[:1]
        )
        change = UtcMillis(here.until) if change is None else change
        if here.until > last:
            return _timed(windows, sources, at, first, last, change)
        moment = UtcMillis(here.until)


def _timed(
    windows: list[_Window],
    sources: dict[str, Source],
    at: UtcMillis,
    first: UtcMillis,
    last: UtcMillis,
    change: UtcMillis,
) -> tuple[Offer, ...]:
    """One offer of all windows. What is rounded, and what an event may cost, is as at its start."""
    if not windows:
        return ()
    here = next((each for each in reversed(windows) if each.begins <= at), windows[0])
    price = windows[0].serving.price
    joined = [windows[0]]
    for window in windows[1:]:
        before = joined[-1]
        if before.ends == window.begins and before.serving.ways == window.serving.ways:
            joined[-1] = replace(before, ends=window.ends)
        else:
            joined.append(window)
    # Nobody looks before the first or behind the last one: they are open.
    joined[0] = replace(joined[0], begins=NEVER)
    if joined[-1].ends > last:
        joined[-1] = replace(joined[-1], ends=NEVER)
    past = [each for each in joined if NEVER < each.ends <= first]
    names = {way.way.name for each in joined[len(past) :] for way in each.serving.ways}
    for number, window in enumerate(past):
        # Nothing is used there any more: its ways stand for what was, each once.
        ways = [each for each in window.serving.ways if each.way.name not in names]
        names.update(each.way.name for each in ways)
        past[number] = replace(window, serving=replace(window.serving, ways=ways))
    return (_offer([*past, *joined[len(past) :]], here, price, sources, change),)


def _offer(
    windows: list[_Window],
    here: _Window,
    price: Price,
    sources: dict[str, Source],
    until: UtcMillis | None,
) -> Offer:
    ways: list[Way] = []
    denominator = lcm(*{way.denominator for each in windows for way in each.serving.ways})
    for window in windows:
        for each in window.serving.ways:
            way = scaled(each.way, denominator // each.denominator)
            if window.begins or window.ends:
                way = replace(way, begins=window.begins, ends=window.ends)
            ways.append(way)
    own = here.serving.price
    tax, base = own.tax
    return Offer(
        price,
        denominator,
        tuple(ways),
        tuple(sources.values()),
        f"{here.version}|{own.name}|{tax}/{base}",
        until,
        here.serving.filter_id,
    )
