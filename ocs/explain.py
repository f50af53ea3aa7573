"""Why a charge is what it is, in sentences: the version and the price, who paid, and each rounding.

Pure: values in, sentences out. What happened is told from the ledger's entry and the catalogue that the
entry names; what would happen, from a charge and how it would be laid.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from ocs.amounts import format_amount
from ocs.books import LedgerEntry
from ocs.model import MAIN_MONEY, MICROS, Charge, Leg, RoundingMode, UnitKind, Way
from ocs.rating.lay import Laid, Laying, Short, Stretch
from ocs.rating.price import legs_cost, rounded
from ocs.rating.price_ways import PriceWay

UNITS = {
    UnitKind.SECONDS: ("second", "seconds"),
    UnitKind.OCTETS: ("octet", "octets"),
    UnitKind.EVENTS: ("event", "events"),
    UnitKind.MONEY: ("millionth", "millionths"),
}
SHORT = {
    Short.TIME: "it does not serve at that moment",
    Short.END: "it has been used to its end",
    Short.DRAW: "a balance of units, or a limit, does not suffice",
    Short.NEEDS: "the account holds less than it takes to begin with it",
    Short.MONEY: "the money does not suffice",
    Short.APART: "it begins with a grant of its own",
    Short.LIMIT: "the event may have no more units",
    Short.WAYS: "no way to pay is left",
}
ROUNDED = {RoundingMode.HALF_UP: "half up", RoundingMode.UP: "up"}


@dataclass(frozen=True, slots=True)
class Currency:
    """What amounts are shown in."""

    name: str
    decimals: int = 2

    def text(self, micros: int) -> str:
        """An amount as people write it."""
        return f"{format_amount(micros, self.decimals)} {self.name}"

    def exact(self, micros: Fraction) -> str:
        """An amount that may be finer than a millionth: then as a fraction of whole numbers."""
        if micros.denominator == 1:
            return self.text(int(micros))
        return f"{micros / MICROS} {self.name}"


@dataclass(frozen=True, slots=True)
class Note:
    """What a charge was priced by: "<catalogue version>|<price>|<tax>/<base>"."""

    version: str
    price: str = ""
    tax: Fraction = Fraction(0)


def read_note(text: str) -> Note:
    """A note of a charge or an entry; of another form, all of it is the version."""
    version, _, rest = text.partition("|")
    price, _, share = rest.rpartition("|")
    tax, _, base = share.partition("/")
    if tax.isdecimal() and base.isdecimal() and int(base):
        return Note(version, price, Fraction(int(tax), int(base)))
    return Note(text)


def describe(note: str, cost: int, currency: Currency) -> Iterator[str]:
    """By which version and price, and how much of the cost is tax."""
    read = read_note(note)
    if read.version:
        named = f", price {read.price}" if read.price else ""
        yield f"Priced by catalogue version {read.version}{named}."
    if read.tax:
        part = currency.text(_half_up(cost * read.tax, 10 ** (6 - currency.decimals)))
        yield f"The price includes tax: {read.tax} of it, {part}."


def _half_up(exact: Fraction, quantum: int) -> int:
    return int((2 * exact + quantum) // (2 * quantum)) * quantum


def explain(charge: Charge, before: Laid, laying: Laying, currency: Currency) -> tuple[str, ...]:
    """How units were laid from a state on, and how their cost came about."""
    cost = laying.state.booked - before.booked
    found = [*describe(charge.note, cost, currency)]
    ways = {way.name: way for way in charge.ways}
    position = dict(before.parts)
    for stretch in laying.stretches:
        found.extend(_passed(stretch.passed))
        way, start = ways[stretch.way], position.get(stretch.way, 0)
        position[stretch.way] = start + stretch.units
        found.append(_stretch(charge, way, start, stretch, currency))
    found.extend(_rounding(charge, before, laying, currency))
    if laying.rest:
        found.extend(_passed(laying.passed))
        why = SHORT.get(laying.reason, laying.reason.value)
        found.append(f"{counted(laying.rest, charge.unit)} cannot be paid: {why}.")
    return tuple(found)


def counted(units: int, unit: UnitKind) -> str:
    """ "1 second", "90 seconds"."""
    one, many = UNITS[unit]
    return f"{units} {one if units == 1 else many}"


def _passed(passed: Sequence[tuple[str, Short]]) -> Iterator[str]:
    for name, why in passed:
        yield f"Way {name} is passed over: {SHORT.get(why, why.value)}."


def _stretch(charge: Charge, way: Way, start: int, stretch: Stretch, currency: Currency) -> str:
    """What one way took, step by step, and which balances gave it."""
    used = counted(stretch.units, charge.unit)
    steps = [*steps_of(way.legs, start, start + stretch.units, charge.denominator, currency)]
    priced = "; ".join(steps) or "no charge in money"
    if not steps and any(leg.price for leg in way.legs):
        priced = "within a step that is paid"
    text = f"{used} on way {way.name}: {priced}"
    given = [_given(way, name, amount, currency) for name, amount in stretch.taken.items()]
    return f"{text}. Taken: {', '.join(given)}." if given else f"{text}."


def _given(way: Way, name: str, amount: int, currency: Currency) -> str:
    is_money = name in way.sources or any(d.source == name and not d.step for d in way.draws)
    return f"{currency.text(amount) if is_money else amount} from {name}"


def steps_of(
    legs: Iterable[Leg], start: int, end: int, denominator: int, currency: Currency
) -> Iterator[str]:
    """The entries and steps that begin on [start, end) of an axis, each with its price."""
    listed = [*legs]
    for leg in listed:
        stop = end if leg is listed[-1] else min(end, leg.end)
        begin = max(start, leg.start)
        if stop <= begin:
            continue
        if leg.entry and start <= leg.start:
            yield f"{currency.exact(Fraction(leg.entry, denominator))} once"
        steps = ceil(Fraction(stop - leg.start, leg.step)) - ceil(
            Fraction(begin - leg.start, leg.step)
        )
        if steps and leg.price:
            each = Fraction(leg.price, denominator)
            total = currency.exact(each * steps)
            yield f"{steps} x {currency.exact(each)} for each {leg.step} begun = {total}"


def _rounding(charge: Charge, before: Laid, laying: Laying, currency: Currency) -> Iterator[str]:
    """From the exact sum of the event to what is booked, each change that it undergoes."""
    numerator = laying.state.gone
    parts = dict(laying.state.parts)
    for way in {way.name: way for way in charge.ways}.values():
        numerator += legs_cost(way.legs, parts.get(way.name, 0))
    exact = Fraction(numerator, charge.denominator)
    final = rounded(charge, *divmod(numerator, charge.denominator))
    mode, quantum = ROUNDED[charge.rounding.mode], currency.text(charge.rounding.quantum)
    plain = _plain(charge, exact)
    if plain == exact:
        yield f"The event costs {currency.exact(exact)}; rounding {mode} to {quantum} adds nothing."
    else:
        yield (
            f"The event costs {currency.exact(exact)} exactly, "
            f"rounded once, {mode} to {quantum}: {currency.text(plain)}."
        )
    if final > plain:
        yield f"An event costs at the least {currency.text(charge.least)}."
    elif final < plain:
        yield f"An event costs at the most {currency.text(charge.most)}."
    if before.booked:
        more = laying.state.booked - before.booked
        booked = currency.text(before.booked)
        yield f"Of it {booked} was booked before, {currency.text(more)} is new."


def _plain(charge: Charge, exact: Fraction) -> int:
    quantum = charge.rounding.quantum
    if charge.rounding.mode is RoundingMode.UP:
        return ceil(exact / quantum) * quantum
    return _half_up(exact, quantum)


# --- what happened ----------------------------------------------------------------------------------


def explain_entry(
    entry: LedgerEntry, ways: Mapping[str, PriceWay], currency: Currency
) -> tuple[str, ...]:
    """A ledger entry: by what it was priced, what paid, what moved. `ways` are those of its version."""
    found = [f"Entry {entry.sequence} of account {entry.account_id}: {_kind(entry)}."]
    found.extend(describe(entry.note, entry.spent, currency))
    for name, units in entry.laid:
        # Way "a.<way>" is the same, paid by the account within an allowance.
        built = ways.get(name) or ways.get(name.removeprefix("a."))
        text = f"{units} units on way {name}"
        if built is not None:
            text += f": {', then '.join(_leg(leg, built, currency) for leg in built.way.legs)}"
        elif name.startswith("b."):
            text += ": units or money of a bucket"
        found.append(f"{text}.")
    amounts = (
        ("credited", entry.credited),
        ("spent", entry.spent),
        ("written off", entry.written_off),
    )
    told = [f"{currency.text(amount)} {what}" for what, amount in amounts if amount]
    if entry.reserved:
        what = "more" if entry.reserved > 0 else "less"
        told.append(f"{currency.text(abs(entry.reserved))} {what} reserved")
    found.append(f"Of {MAIN_MONEY} money: {', '.join(told) or 'nothing moved'}.")
    found.extend(
        f"Balance {move.balance}: {move.amount:+}, held {move.reserved:+}, now {move.after} "
        f"of which {move.after_reserved} held."
        for move in entry.moves
    )
    return tuple(found)


def _kind(entry: LedgerEntry) -> str:
    words = (entry.kind, entry.request, entry.key and f"service {entry.key}")
    why = f" ({entry.reason})" if entry.reason else ""
    return " ".join(word for word in words if word) + why


def _leg(leg: Leg, built: PriceWay, currency: Currency) -> str:
    entry = Fraction(leg.entry, built.denominator)
    begin = f"{currency.exact(entry)} once and " if entry else ""
    price = currency.exact(Fraction(leg.price, built.denominator))
    return f"from {leg.start} on {begin}{price} for each {leg.step} begun"
