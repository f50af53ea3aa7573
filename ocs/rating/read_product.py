"""Reading one file of the catalogue as a product: fee, buckets, and what serves after them.

Prices and their conditions are the reader's of ocs.rating.read. Every error is collected with its key;
a product with errors is not built. The key tables here are what the JSON schema is made of.
"""

from collections.abc import Mapping

from ocs.model import AMOUNT_LIMIT, Price, UnitKind
from ocs.rating.product import (
    ADDON,
    ADVANCE,
    CALENDAR,
    KINDS,
    OCCASIONS,
    PROMOTION,
    TARIFF,
    Advance,
    After,
    Bonus,
    BucketRule,
    CounterRule,
    Every,
    Fee,
    Late,
    Payment,
    ProductRule,
    Span,
)
from ocs.rating.read import CONDITION_KEYS, PRICE_KEYS, SERVICE_UNITS, PriceReader
from ocs.rating.read_table import Table, is_name
from ocs.rating.read_value import count, is_table

PRODUCT_KEYS = (
    "id", "name", "kind", "prices", "cheapest", "fee", "buckets", "after", "filter_id", "requires",
    "excludes", "at_most", "needs_paid", "lasts", "ends_with_tariff", "forfeits", "given_on", "fallback",
    "credit", "bonus", "advance",
)  # fmt: skip
FEE_KEYS = ("amount", "every", "prorated", "window", "late", "restarts")
BUCKET_KEYS = (
    "name", "unit", "amount", "lasts", "priority", "daily", "adds", "keeps", "prorated", "grain",
    "extends", "shared", "notices", "pays",
)  # fmt: skip
PAYMENT_KEYS = ("services", "step", "takes", "min_balance")
#: What only a price has: of buckets of money.
PRICED = tuple(
    each for each in PRICE_KEYS if each not in (*CONDITION_KEYS, *PAYMENT_KEYS, "service")
)
BONUS_KEYS = ("from", "to", "channels", "mark", "days")
ADVANCE_KEYS = ("amount", "fee", "lasts", "below", "age_days", "mark")
COUNTER_KEYS = ("unit", "capacity", "every", "shared", "notices")
#: Of amounts used, where neither the bucket nor the catalogue says.
PERCENT_USED = (80, 100)
#: How often a fee may come.
COMES_AGAIN = CALENDAR | {Span.HOURS, Span.DAYS}
#: Whatever a bucket has no limit on.
ALL = "all"
MONEY = UnitKind.MONEY.value
#: What a step, and what a prorated amount is rounded to, where the file does not say.
STEPS = {UnitKind.SECONDS: 1, UnitKind.OCTETS: 1024, UnitKind.EVENTS: 1}


def read_product(
    file: str,
    given: Mapping[str, object],
    reader: PriceReader,
    notices: tuple[int, ...] = PERCENT_USED,
) -> ProductRule | None:
    """The product of a file, or None when something is wrong with it."""
    return _Reader(reader, notices).product(file, given)


def read_counter(
    name: str, given: object, reader: PriceReader, notices: tuple[int, ...] = PERCENT_USED
) -> CounterRule | None:
    """One [counters.<name>] of catalogue.toml, or None when something is wrong with it."""
    return _Reader(reader, notices).counter(name, given)


def percents(given: object) -> tuple[int, ...] | None:
    """The numbers of a list like ["80 %", "100 %"], or None where it is none."""
    if not isinstance(given, list):
        return None
    found = []
    for each in given:
        text = each if isinstance(each, str) and each.endswith("%") else ""
        number = count(text.removesuffix("%").rstrip(), 100)
        if not number:
            return None
        found.append(number)
    return tuple(found)


class _Reader:
    """Reads products with the reader of prices of the same file."""

    def __init__(self, reader: PriceReader, notices: tuple[int, ...]) -> None:
        self._reader = reader
        self._notices = notices

    def product(self, file: str, given: Mapping[str, object]) -> ProductRule | None:
        """The product, or None."""
        before = len(self._reader.problems)
        table = Table(self._reader, "", given, PRODUCT_KEYS)
        name = table.name("id")
        kind = table.word("kind", KINDS, TARIFF)
        prices = table.get("prices") or []
        if (kind == TARIFF or "prices" in table) and not (isinstance(prices, list) and prices):
            table.wrong("prices", "at least one [[prices]]")
            prices = []
        after = After(table.word("after", tuple(After), After.PAY.value))
        filter_id = table.text("filter_id", "")
        if (after is After.SLOW) != bool(filter_id):
            table.wrong("filter_id", 'the name of a filter, with after = "slow" and only there')
        rule = ProductRule(
            id=name,
            name=table.text("name", name),
            kind=kind,
            rules=tuple(self._reader.rules("prices", prices, name)),
            is_cheapest=table.flag("cheapest"),
            fee=self._fee(table),
            buckets=self._buckets(table, name),
            after=after,
            filter_id=filter_id,
            requires=table.names("requires"),
            excludes=table.names("excludes"),
            at_most=table.whole("at_most", 1),
            needs_paid=table.flag("needs_paid"),
            lasts=table.span("lasts", Every(Span.ONCE), frozenset(Span) - {Span.PERIOD}),
            ends_with_tariff=table.flag("ends_with_tariff"),
            forfeits=table.names("forfeits"),
            bonus=self._bonus(table, kind),
            advance=self._advance(table, kind),
            given_on=table.word("given_on", ("", *OCCASIONS), ""),
            fallback=table.name("fallback") if "fallback" in table else "",
            credit=table.amount("credit", "0"),
        )
        self._agree(table, rule)
        return rule if len(self._reader.problems) == before else None

    def _agree(self, table: Table, rule: ProductRule) -> None:
        """What keys say of each other."""
        for name in ("cheapest", "credit"):
            if name in table and not (rule.kind == ADDON and "prices" in table):
                table.wrong(name, 'only with kind = "addon" and prices of its own')
        if rule.fee and rule.fee.every.span in COMES_AGAIN and "lasts" in table:
            table.wrong("lasts", "only without a fee that comes again")
        if rule.fallback and not rule.fee:
            table.wrong("fallback", "only with a fee")
        lent = [each.amount for each in rule.buckets if each.unit == MONEY]
        if rule.advance and lent not in ([], [rule.advance.amount - rule.advance.fee]):
            table.wrong("buckets", "one bucket of money at most, of the amount less the fee")

    def _table(self, table: Table, name: str, keys: tuple[str, ...]) -> Table | None:
        given = table.get(name)
        if is_table(given):
            return Table(self._reader, f"{table.key(name)}.", given, keys)
        if name in table:
            table.wrong(name, f"a table: [{name}]")
        return None

    def _tables(self, table: Table, name: str, keys: tuple[str, ...]) -> list[Table]:
        """The tables of a list; keys of its entries are told by their number."""
        given = table.get(name)
        listed = given if isinstance(given, list) else [given]
        if name in table and not (listed and all(map(is_table, listed))):
            table.wrong(name, f"a list of tables: [[{name}]]")
            return []
        return [
            Table(self._reader, f"{table.key(name)}[{number}].", each, keys)
            for number, each in enumerate(listed, 1)
            if is_table(each)
        ]

    def _fee(self, outer: Table) -> Fee | None:
        table = self._table(outer, "fee", FEE_KEYS)
        if table is None:
            return None
        every = table.span("every", None, COMES_AGAIN | {Span.ONCE})
        is_prorated = table.flag("prorated")
        if is_prorated and every != Every(Span.MONTH):
            table.wrong("prorated", 'only with every = "month"')
        of_calendar = every.span in CALENDAR and every.count == 1
        restarts = table.flag("restarts", not of_calendar)
        if restarts and of_calendar:
            table.wrong("restarts", "false: the next period begins with the calendar's")
        window = self._quantity(table, "window", UnitKind.SECONDS, 0)
        late = Late(table.word("late", tuple(Late), Late.TOPUP.value))
        return Fee(table.amount("amount"), every, is_prorated, window, late, restarts)

    def _buckets(self, outer: Table, product: str) -> tuple[BucketRule, ...]:
        found: list[BucketRule] = []
        for table in self._tables(outer, "buckets", BUCKET_KEYS):
            bucket = self._bucket(table, product)
            if any(each.name == bucket.name for each in found):
                table.wrong("name", f"a name no other bucket has; {bucket.name!r} is used")
            found.append(bucket)
        return tuple(found)

    def _bucket(self, table: Table, product: str) -> BucketRule:
        name, unit = table.name("name"), table.name("unit")
        amount = self._counted(table, "amount", unit)
        keeps = (
            AMOUNT_LIMIT if table.get("keeps") == ALL else self._counted(table, "keeps", unit, 0)
        )
        is_daily, adds = table.flag("daily"), table.flag("adds")
        if is_daily and (adds or keeps or "prorated" in table):
            table.wrong("daily", "without adds, keeps and prorated: nothing is kept")
        if adds and keeps:
            table.wrong("keeps", "not with adds: nothing lapses then but with its own end")
        extends = table.flag("extends")
        if extends and adds:
            table.wrong("extends", "not with adds: each batch has its own end")
        kind = _kind(unit)
        grain = STEPS[kind] if kind else self._reader.minor_unit if unit == MONEY else 1
        return BucketRule(
            name=name,
            unit=unit,
            amount=amount,
            payments=self._payments(table, unit, f"{product} {name}"),
            lasts=table.span("lasts", Every(Span.PERIOD)),
            priority=table.whole("priority", 0, -1000, 1000),
            is_daily=is_daily,
            adds=adds,
            keeps=keeps,
            is_prorated=table.flag("prorated"),
            grain=self._counted(table, "grain", unit, grain),
            extends=extends,
            is_shared=table.flag("shared"),
            notices=self._percents(table, amount),
        )

    def _payments(self, bucket: Table, unit: str, name: str) -> tuple[Payment, ...]:
        if "pays" not in bucket and unit == MONEY:
            return (Payment(self._reader.conditions(bucket.key("pays"), {}, ""), 0, 0),)
        if "pays" not in bucket:
            bucket.wrong("pays", "at least one [[buckets.pays]]: what it may pay for")
        found = []
        for table in self._tables(bucket, "pays", (*PAYMENT_KEYS, *CONDITION_KEYS, *PRICED)):
            payment = self._payment(table, unit, name)
            if payment is not None:
                found.append(payment)
        return tuple(found)

    def _payment(self, table: Table, unit: str, name: str) -> Payment | None:
        services = table.names("services")
        kinds = {SERVICE_UNITS.get(each) for each in services}
        if None in kinds or len(kinds - {None}) > 1 or (not services and unit != MONEY):
            known = ", ".join(SERVICE_UNITS)
            table.wrong("services", f"services counted in one unit ({known})")
            return None
        kind = kinds.pop() if kinds else None
        conditions = self._reader.conditions(table.key(""), table.given, min(services, default=""))
        needs = table.amount("min_balance", "0")
        if unit != MONEY:
            if kind is None:
                return None
            for each in PRICED:
                if each in table:
                    table.wrong(each, "only of a bucket of money")
            step = self._quantity(table, "step", kind, STEPS[kind])
            is_same = unit == kind.value
            takes = table.whole("takes", step if is_same else 1, 1, AMOUNT_LIMIT)
            return Payment(conditions, step, takes, None, services, needs)
        price: Price | None = None
        if "price" in table or "stretches" in table:
            if kind is None:
                table.wrong("services", "the services that the price is for")
                return None
            price = self._reader.price(table.key(""), table.given, kind, name)
            if price is None:
                return None
        if "takes" in table:
            table.wrong("takes", "only of a bucket of units")
        return Payment(conditions, 0, 0, price, services, needs)

    def _quantity(self, table: Table, name: str, kind: UnitKind, default: int) -> int:
        if name not in table:
            return default
        return self._reader.quantity(table.key(name), table.get(name), kind) or default

    def _counted(self, table: Table, name: str, unit: str, default: int | None = None) -> int:
        """An amount of a bucket in its unit: a quantity, money, or a whole number."""
        if name not in table and default is not None:
            return default
        if unit == MONEY:
            return table.amount(name)
        kind = _kind(unit)
        if kind is None:
            return table.whole(name, default or 1, 1, AMOUNT_LIMIT)
        return self._reader.quantity(table.key(name), table.get(name), kind) or 1

    def _percents(self, table: Table, amount: int) -> tuple[int, ...]:
        """Amounts left when so much is used, the largest first."""
        found = percents(table.get("notices")) if "notices" in table else self._notices
        if found is None:
            table.wrong("notices", 'a list of amounts used: ["80 %", "100 %"]')
            return ()
        return tuple(sorted({amount * (100 - each) // 100 for each in found}, reverse=True))

    def _bonus(self, outer: Table, kind: str) -> Bonus | None:
        table = self._table(outer, "bonus", BONUS_KEYS)
        if table is None:
            return None
        if kind != PROMOTION:
            outer.wrong("bonus", 'only with kind = "promotion"')
        least = table.amount("from")
        most = table.amount("to") if "to" in table else AMOUNT_LIMIT
        if most < least:
            table.wrong("to", "an amount not below from")
        mark = table.name("mark") if "mark" in table else ""
        days = table.whole("days", 1 if mark else 0, 1 if mark else 0)
        return Bonus(least, most, table.names("channels"), mark, days)

    def _advance(self, outer: Table, kind: str) -> Advance | None:
        table = self._table(outer, "advance", ADVANCE_KEYS)
        if (kind == ADVANCE) != (table is not None):
            outer.wrong("advance", '[advance] with kind = "advance", and only there')
        if table is None:
            return None
        amount, fee = table.amount("amount"), table.amount("fee", "0")
        if fee >= amount:
            table.wrong("fee", "less than the amount")
        return Advance(
            amount=amount,
            fee=fee,
            lasts=table.span("lasts", Every(Span.ONCE)),
            below=table.amount("below"),
            age_days=table.whole("age_days", 0),
            mark=table.name("mark") if "mark" in table else "",
        )

    def counter(self, name: str, given: object) -> CounterRule | None:
        """A counter, or None."""
        before = len(self._reader.problems)
        key = f"counters.{name}"
        if not is_table(given) or not is_name(name):
            self._reader.problem(key, "a table, by a name without spaces: [counters.day-minutes]")
            return None
        table = Table(self._reader, f"{key}.", given, COUNTER_KEYS)
        unit = table.name("unit")
        capacity = self._counted(table, "capacity", unit)
        every = table.span("every", Every(Span.DAY), CALENDAR)
        if every.count != 1:
            table.wrong("every", '"day", "week" or "month"')
        rule = CounterRule(
            name,
            unit,
            capacity,
            every.span,
            table.flag("shared"),
            self._percents(table, capacity),
        )
        return rule if len(self._reader.problems) == before else None


def _kind(unit: str) -> UnitKind | None:
    """The kind of units of a service that a bucket is counted in, None of money and own units."""
    return UnitKind(unit) if unit in (each.value for each in STEPS) else None
