"""What serves at one moment: which price, which buckets, whose money, and what comes after them.

The order of ways: buckets of units and of money with a price of its own, by the first to end, then
priority, then the product that was had first; then the price and its tiers, paid from the buckets of
money without a price of their own (same order) and from own money.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ocs.model import (
    AMOUNT_LIMIT,
    MAIN_MONEY,
    Bucket,
    Draw,
    Leg,
    Price,
    Product,
    ProductState,
    Rounding,
    SessionContext,
    Source,
    Subscriber,
    UnitKind,
    UtcMillis,
    Way,
)
from ocs.rating.catalogue import Catalogue, find_prices
from ocs.rating.offer import SLOW
from ocs.rating.periods import period
from ocs.rating.price import MAX_UNITS, compared_cost, is_free, is_limited
from ocs.rating.price_ways import PriceWay, ways_of
from ocs.rating.product import (
    ADDON,
    CALLS_OWED,
    After,
    BucketRule,
    Payment,
    ProductRule,
    Span,
)
from ocs.rating.read import SERVICE_UNITS
from ocs.rating.tariff import Occasion

OWN_MONEY = (MAIN_MONEY,)
FREE_LEGS = (Leg(0, MAX_UNITS, 1, 0),)
FOREVER = 2**63


@dataclass(slots=True)
class Serving:
    """What pays for one service (or direction) at a moment. Each way with its denominator."""

    price: Price
    product: str
    ways: list[PriceWay] = field(default_factory=list)
    filter_id: str = ""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What buckets pay: ways of their own in order, balances of money, and what comes after them."""

    ways: tuple[PriceWay, ...] = ()
    money: tuple[str, ...] = ()
    after: After = After.PAY
    product: str = ""  # that says what comes after
    filter_id: str = ""
    #: Stands for the tariff's price where it has none.
    price: Price | None = None


NOTHING_DRAWN = _Drawn()


class Moment:
    """One service of one subscriber at a moment: `until` is when something may change."""

    def __init__(
        self,
        catalogue: Catalogue,
        subscriber: Subscriber,
        context: SessionContext,
        rating_group: int | None,
        service_identifiers: tuple[int, ...],
        at: UtcMillis,
    ) -> None:
        self.until: int = FOREVER
        self.sources: dict[str, Source] = {}
        self._catalogue = catalogue
        self._subscriber = subscriber
        self._context = context
        self._at = at
        self._service = context.attributes.service
        #: What a member's own counters begin with.
        self._prefix = f"{subscriber.member}:" if subscriber.member else ""
        self._occasion = catalogue.occasion(
            subscriber, context, rating_group, service_identifiers, at
        )
        if catalogue.ends is not None:
            self._changes(catalogue.ends)

    def _changes(self, moment: int | None) -> None:
        """Something may change then: when it is ahead, and the first."""
        if moment is not None and self._at < moment < self.until:
            self.until = moment

    def serving(self) -> list[Serving]:
        """What serves: of data counted by direction, for each of the two."""
        product, prices = self._prices()
        drawn = self._drawn() if self._subscriber.products else NOTHING_DRAWN
        if not prices and drawn.price is not None:
            prices = (drawn.price,)
        owed = self._owed() if self._subscriber.products else []
        found = []
        for price in prices:
            serving = Serving(price, product)
            # Where usage costs nothing no bucket is drawn on, but of a product that ends with it.
            is_drawn = drawn.after is not After.PAY or not is_free(price) or price is drawn.price
            if is_drawn and price.unit is SERVICE_UNITS.get(self._service):
                serving.ways.extend(drawn.ways)
            if price is not drawn.price and (
                drawn.after is After.PAY or (drawn.product == product and is_limited(price))
            ):
                serving.ways.extend(self._paid(product, price, drawn.money, not owed))
            serving.ways.extend(owed)
            if drawn.after is After.SLOW:
                way = Way(f"{SLOW}{drawn.product}", FREE_LEGS, sources=(), is_apart=True)
                serving.ways.append(PriceWay(way, 1))
                serving.filter_id = drawn.filter_id
            elif not serving.ways:
                # There is a price, yet nothing pays: no credit, not an unknown service.
                way = Way(f"stop.{drawn.product}", FREE_LEGS, sources=(), needs=AMOUNT_LIMIT)
                serving.ways.append(PriceWay(way, 1))
            found.append(serving)
        return found

    # --- prices ----------------------------------------------------------------------------

    def _prices(self) -> tuple[str, tuple[Price, ...]]:
        """The price that serves and the product it is of: an add-on's, or the tariff's."""
        cheap: list[tuple[str, tuple[Price, ...]]] = []
        best: tuple[str, tuple[Price, ...]] = ("", ())
        for product in self._subscriber.products:
            rule = self._catalogue.products.get(product.product)
            if rule is None or rule.kind != ADDON or not rule.rules or rule.credit:
                continue
            self._changes(product.since)
            if product.since > self._at:
                continue
            found = self._addon(rule, product.state is not ProductState.UNPAID)
            if found[1] and rule.is_cheapest:
                cheap.append(found)
            elif found[1] and not best[1]:
                best = found
        if not best[1]:
            best = self._tariff()
        for each in cheap:
            if not best[1] or compared_cost(each[1]) < compared_cost(best[1]):
                best = each
        return best

    def _tariff(self) -> tuple[str, tuple[Price, ...]]:
        """The prices of the tariff, or of what stands in for it while its fee is not paid."""
        subscriber, tariff = self._subscriber, self._context.tariff
        is_unpaid = False
        if subscriber.tariff != tariff or subscriber.products:
            of = {each.product: each for each in subscriber.products}
            new = of.get(subscriber.tariff)
            if subscriber.tariff != tariff and new is not None:
                self._changes(new.since)
                if self._at >= new.since:
                    tariff = subscriber.tariff
            here = of.get(tariff)
            # Paid at the start is paid to the end of the event.
            is_unpaid = (
                here is not None
                and here.state is ProductState.UNPAID
                and not self._context.fee_is_paid
            )
        rule = self._catalogue.products.get(tariff)
        if rule is None:
            return tariff, ()
        if is_unpaid and rule.fallback:
            rule = self._catalogue.products.get(rule.fallback, rule)
        return rule.id, self._find(rule, self._occasion)

    def _addon(self, rule: ProductRule, is_paid: bool) -> tuple[str, tuple[Price, ...]]:
        """The prices of an add-on, whose conditions ask for its own fee."""
        occasion = self._occasion
        if rule.fee is not None and occasion.fee_is_paid is not is_paid:
            occasion = replace(occasion, fee_is_paid=is_paid)
        if not is_paid and rule.fallback:
            rule = self._catalogue.products.get(rule.fallback, rule)
        return rule.id, self._find(rule, occasion)

    def _find(self, rule: ProductRule, occasion: Occasion) -> tuple[Price, ...]:
        found, until = find_prices(self._catalogue, rule.rules, occasion)
        self._changes(until)
        return found

    # --- buckets ---------------------------------------------------------------------------

    def _drawn(self) -> _Drawn:
        ways: list[tuple[tuple[int, int, int], PriceWay]] = []
        money: list[tuple[tuple[int, int, int], str]] = []
        after, stand_in = NOTHING_DRAWN, None
        for product in self._subscriber.products:
            rule = self._catalogue.products.get(product.product)
            if rule is None or not rule.buckets or product.since > self._at:
                continue
            is_paid = product.state is not ProductState.UNPAID
            if (
                rule.after is not After.PAY
                and is_paid
                and after.after is not After.SLOW
                and any(self._payment(each) is not None for each in rule.buckets)
            ):
                after = _Drawn(after=rule.after, product=rule.id, filter_id=rule.filter_id)
            for order, bucket, of, payment in self._drawable(product, rule, is_paid):
                if of.unit == UnitKind.MONEY.value and payment.price is None:
                    money.append((order, self._source(bucket, of)))
                    continue
                ways.append((order, self._bucket_way(bucket, of, payment)))
                stand_in = stand_in or payment.price or _stand_in(self._service, rule.id, of.name)
        if not ways and not money:
            return after
        ways.sort(key=lambda each: each[0])
        money.sort(key=lambda each: each[0])
        return replace(
            after,
            ways=tuple(way for _, way in ways),
            money=tuple(dict.fromkeys(name for _, name in money)),
            price=stand_in,
        )

    def _payment(self, rule: BucketRule) -> Payment | None:
        """How a bucket pays for this service, here and now."""
        for payment in rule.payments:
            if payment.services and self._service not in payment.services:
                continue
            self._changes(payment.conditions.next_change(self._at, self._occasion.local))
            if payment.conditions.holds(self._occasion):
                return payment
        return None

    def _drawable(
        self, product: Product, rule: ProductRule, is_paid: bool
    ) -> Iterator[tuple[tuple[int, int, int], Bucket, BucketRule, Payment]]:
        """The buckets of a product that pay now, each with its place in the order."""
        for bucket in product.buckets:
            self._changes(bucket.begins)
            self._changes(bucket.ends)
            of = next((each for each in rule.buckets if each.name == bucket.name), None)
            if of is None or (of.is_daily and not is_paid):
                continue  # what comes anew each day comes with the fee
            if bucket.begins <= self._at and (not bucket.ends or self._at < bucket.ends):
                payment = self._payment(of)
                if payment is not None:
                    order = (bucket.ends or FOREVER, of.priority, product.number)
                    yield order, bucket, of, payment

    def _bucket_way(self, bucket: Bucket, rule: BucketRule, payment: Payment) -> PriceWay:
        source = self._source(bucket, rule)
        if payment.price is not None:
            built = ways_of(rule.name, payment.price)[0]
            way = self._limited(built.way)
            name = f"b.{bucket.balance}.{way.name.rpartition('.')[2]}"
            return PriceWay(
                replace(way, name=name, sources=(source,), needs=payment.needs, stops=False),
                built.denominator,
            )
        name = f"b.{bucket.balance}.{payment.step}x{payment.amount}"
        legs = (Leg(0, MAX_UNITS, payment.step, 0),)
        draws = (Draw(source, payment.step, payment.amount),)
        return PriceWay(Way(name, legs, (), draws, needs=payment.needs), 1)

    def _source(self, bucket: Bucket, rule: BucketRule) -> str:
        if not rule.is_daily:
            self.sources[bucket.balance] = Source(bucket.balance, 0, rule.notices)
            return bucket.balance
        return self._counter(bucket.balance, self._label(Span.DAY), rule.amount, rule.notices)

    def _counter(self, name: str, label: str, capacity: int, notices: tuple[int, ...]) -> str:
        """A balance that begins at 0 in each period and goes down to what it may be used."""
        source = f"{name}@{label}"
        left = tuple(each - capacity for each in notices)
        self.sources[source] = Source(source, -capacity, left)
        return source

    def _label(self, span: Span, *, of_event: bool = False) -> str:
        """The date on which the present day, week or month began, or that of the event's start."""
        at = self._context.started if of_event else self._at
        label, ends = period(span, at, self._subscriber.zone or self._catalogue.zone)
        if not of_event:
            self._changes(ends)
        return label

    # --- money -----------------------------------------------------------------------------

    def _paid(
        self, product: str, price: Price, money: tuple[str, ...], is_last: bool
    ) -> Iterator[PriceWay]:
        """The tiers of a price, each paid by the account within an allowance, then by own money."""
        subscriber = self._subscriber
        own = subscriber.money or MAIN_MONEY
        if subscriber.allowance is None:
            sources = (*money, self._own(own))
            for built in ways_of(product, price):
                way = self._limited(built.way)
                if not is_last or sources != OWN_MONEY:
                    way = replace(way, sources=sources, stops=is_last)
                yield PriceWay(way, built.denominator)
            return
        month = self._label(Span.MONTH)[: len("YYYY-MM")]
        allowance = f"{self._prefix}allowance@{month}"
        self.sources[allowance] = Source(allowance, -subscriber.allowance)
        sources = money if own == MAIN_MONEY else (*money, self._own(own))
        main = (self._own(MAIN_MONEY),)
        for built in ways_of(product, price):
            way = self._limited(built.way)
            draws = (*way.draws, Draw(allowance, 0))
            stops = is_last and not sources
            first = replace(way, name=f"a.{way.name}", sources=main, draws=draws, stops=stops)
            yield PriceWay(first, built.denominator)
            if sources:
                yield PriceWay(replace(way, sources=sources, stops=is_last), built.denominator)

    def _own(self, balance: str) -> str:
        floor = -self._subscriber.credit_limit if balance == MAIN_MONEY else 0
        self.sources[balance] = Source(balance, floor, self._catalogue.notices)
        return balance

    def _limited(self, way: Way) -> Way:
        """The way with its counters as balances of this subscriber and period."""
        if not way.draws:
            return way
        draws = []
        for draw in way.draws:
            rule = self._catalogue.counters[draw.source]
            name = f"{'' if rule.is_shared else self._prefix}c.{rule.name}"
            # What is entered once belongs to the day that the event begins in.
            is_entry = not draw.amount and draw.step > 0
            label = self._label(rule.span, of_event=is_entry)
            source = self._counter(name, label, rule.capacity, rule.notices)
            draws.append(replace(draw, source=source))
        return replace(way, draws=tuple(draws))

    def _owed(self) -> list[PriceWay]:
        """Where money is short, what may be used on credit: whole or not at all, one at a time."""
        for product in self._subscriber.products:
            rule = self._catalogue.products.get(product.product)
            if rule is None or not rule.credit:
                continue
            for price in self._find(rule, self._occasion)[:1]:
                self.sources[CALLS_OWED] = Source(CALLS_OWED, -rule.credit)
                built = ways_of(rule.id, price)[0]
                way = self._limited(built.way)
                end = min(price.limit or MAX_UNITS, way.legs[-1].end)
                legs = tuple(
                    replace(leg, end=min(leg.end, end)) for leg in way.legs if leg.start < end
                )
                floor = end if end < MAX_UNITS else way.floor
                owed = replace(
                    way, name=f"o.{way.name}", legs=legs, sources=(CALLS_OWED,), floor=floor
                )
                return [PriceWay(owed, built.denominator)]
        return []


def _stand_in(service: str, product: str, bucket: str) -> Price:
    """The price of a service that nothing but a bucket pays for."""
    return Price(SERVICE_UNITS[service], Rounding(), 1, FREE_LEGS, f"{product} {bucket}")
