"""`ocs price`, `ocs explain`, `ocs catalogue simulate`: what usage costs, and why. Nothing is touched."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ocs import present
from ocs.amounts import format_amount
from ocs.app import open_desk, open_store
from ocs.books import Balance, LedgerEntry
from ocs.catalogue_diff import failing
from ocs.catalogue_store import VersionRefused, catalogue_of, open_catalogues
from ocs.charging.charges import charge_of
from ocs.charging.context import FEE, facts
from ocs.charging.questions import free_of
from ocs.cli_catalogue import SideArgument, open_versions, side
from ocs.cli_common import (
    FINDINGS,
    AtOption,
    ConfigOption,
    JsonOption,
    config_of,
    moment,
    run,
)
from ocs.desk import DeskError
from ocs.explain import Currency, explain, explain_entry, read_note
from ocs.model import (
    AMOUNT_LIMIT,
    NEVER,
    AccountId,
    Charge,
    Partition,
    RatingAttributes,
    SessionContext,
    Subscriber,
    SubscriberState,
    UnitKind,
    UtcMillis,
)
from ocs.rating.catalogue import Catalogue, load as load_folder
from ocs.rating.lay import Laid, Laying, lay
from ocs.rating.numbers import normalise
from ocs.rating.price_ways import PriceWay, ways_of
from ocs.rating.product import CALLS_OWED
from ocs.rating.versions import Catalogues
from ocs.rating.ways import offers
from ocs.simulate import Result, Sum, Usage, UsageErrors, read_usage, simulate

#: Entries of an account among which one is looked for.
SEARCHED = 10_000
NOT_NAMED = "-"


@dataclass(frozen=True, slots=True)
class Priced:
    """One event, laid."""

    charge: Charge
    laying: Laying
    context: SessionContext


@dataclass(slots=True)
class Payer:
    """Who pays, and what is left of each balance: what one event takes, the next does not find.

    `has_money`: whatever the account holds, money suffices, so that usage is priced and not refused.
    """

    subscriber: Subscriber
    balance: Balance = field(default_factory=Balance)
    has_money: bool = True
    taken: dict[str, int] = field(default_factory=dict)

    def price(self, catalogues: Catalogues, usage: Usage) -> Priced | None:
        """The event, laid as a report of it would be; None where there is no price."""
        context = context_of(catalogues.at(usage.at), self.subscriber, usage)
        end = UtcMillis(usage.at + usage.units * 1000)
        found = offers(
            catalogues,
            self.subscriber,
            context,
            usage.rating_group,
            (),
            at=usage.at,
            first=usage.at,
            last=end,
        )
        if not found:
            return None
        offer = found[0]  # what is not told apart by direction is of the first
        charge = charge_of(NOT_NAMED, offer, usage.units, None)
        free = free_of(self.balance, offer.sources)
        if self.has_money:
            money = {name for way in offer.ways for name in way.sources if name != CALLS_OWED}
            kept = {each.balance for of in self.subscriber.products for each in of.buckets}
            free |= {name: AMOUNT_LIMIT for name in money - kept if name in free}
        free = {name: amount - self.taken.get(name, 0) for name, amount in free.items()}
        at = end if charge.unit is UnitKind.SECONDS else usage.at
        laying = lay(charge, Laid(), usage.units, free, at=at, is_grant=False)
        for name, amount in laying.taken.items():
            self.taken[name] = self.taken.get(name, 0) + amount
        return Priced(charge, laying, context)


def context_of(catalogue: Catalogue, subscriber: Subscriber, usage: Usage) -> SessionContext:
    """What a session that begins with this usage would remember."""
    said = RatingAttributes(
        usage.service,
        calling=normalise(usage.calling, catalogue.numbering),
        called=normalise(usage.called, catalogue.numbering),
        is_originating=usage.is_originating,
        apn=usage.apn,
        visited_network=usage.network,
    )
    held = facts(subscriber, said, {}, usage.at)
    return SessionContext(
        subscriber.account_id,
        subscriber.partition,
        usage.service,
        usage.tariff or subscriber.tariff,
        usage.at,
        FEE in held,
        replace(said, facts=held),
        catalogue.version,
        member=subscriber.member,
    )


def somebody(tariff: str, paid_until: int = 0) -> Subscriber:
    """A subscriber of a tariff, and of nothing else."""
    return Subscriber(
        AccountId("0"),
        Partition(0),
        1,
        tariff,
        SubscriberState.ACTIVE,
        (),
        paid_until=UtcMillis(paid_until),
    )


def currency_of(catalogue: Catalogue) -> Currency:
    """How amounts of a catalogue are shown."""
    return Currency(catalogue.currency.name, catalogue.currency.decimals)


async def loaded(config: Path | None) -> Catalogues:
    """The versions that serve: those of the store, or the folder while nothing was loaded."""
    settings = config_of(config)
    folder = load_folder(Path(settings.catalogue.folder))
    client, _ = await open_store(settings)
    try:
        # At this clock none is over: all are kept, for whichever moment is asked for.
        catalogues, _ = await open_catalogues(client, folder, lambda: NEVER)
    finally:
        await client.aclose()
    return catalogues


def skipped(catalogue: Catalogue, priced: Priced, usage: Usage, who: Subscriber) -> list[str]:
    """Why the prices before the one that matched did not."""
    rule = catalogue.products.get(priced.context.tariff)
    named = read_note(priced.charge.note).price
    if rule is None:
        return []
    occasion = catalogue.occasion(who, priced.context, usage.rating_group, (), usage.at)
    found: list[str] = []
    for each in rule.rules:
        if each.price.name == named:
            return [*found, f"Price {named} is the first whose conditions hold."]
        if each.service == usage.service:
            names = failing(each.conditions, lambda one: one.holds(occasion))  # type: ignore[attr-defined]  # its own type
            found.append(f"Price {each.price.name} does not hold: {', '.join(names)}.")
    return []  # of an add-on, or a bucket's own


def price_command(
    service: Annotated[str, typer.Argument(help="voice, data, sms")],
    units: Annotated[int, typer.Argument(min=0, help="Seconds, octets or messages")],
    msisdn: Annotated[str | None, typer.Option("--subscriber", help="With what it has")] = None,
    tariff: Annotated[str | None, typer.Option("--tariff", help="Of nobody in particular")] = None,
    called: Annotated[str, typer.Option("--called")] = "",
    calling: Annotated[str, typer.Option("--calling")] = "",
    terminating: Annotated[bool, typer.Option("--terminating", help="Incoming")] = False,
    network: Annotated[str, typer.Option("--network", help="Visited MCC-MNC: 25001")] = "",
    apn: Annotated[str, typer.Option("--apn")] = "",
    rating_group: Annotated[int | None, typer.Option("--rating-group")] = None,
    fee_paid: Annotated[bool, typer.Option("--fee-paid", help="With --tariff")] = False,
    at: AtOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """What usage would cost a subscriber, or on a tariff, and why. Touches nothing.

    A tariff without --at is that of the configured folder, for which no store is asked.
    """
    if (msisdn is None) == (tariff is None):
        raise typer.BadParameter("give --subscriber or --tariff")
    usage = Usage(
        0,
        msisdn or "",
        moment(at),
        service,
        units,
        called,
        calling,
        not terminating,
        network,
        apn,
        rating_group,
    )

    async def work() -> tuple[Catalogues, Payer]:
        if msisdn is None:
            paid_until = usage.at + 1 if fee_paid else 0
            folder = load_folder(Path(config_of(config).catalogue.folder))
            catalogues = Catalogues((folder,)) if at is None else await loaded(config)
            return catalogues, Payer(somebody(tariff or "", paid_until))
        async with open_desk(config_of(config), actor="cli") as desk:
            who, balance = await desk.find(msisdn), await desk.balance(msisdn)
        return await loaded(config), Payer(who, balance, has_money=False)

    catalogues, payer = run(work())
    catalogue = catalogues.at(usage.at)
    if tariff is not None and tariff not in catalogue.tariffs:
        known = ", ".join(sorted(catalogue.tariffs))
        raise typer.BadParameter(f"there is no tariff {tariff!r}; the catalogue has {known}")
    priced = payer.price(catalogues, usage)
    if priced is None:
        present.refusal(f"there is no price for {service} here")
        raise typer.Exit(FINDINGS)
    currency = currency_of(catalogue)
    cost = priced.laying.state.booked
    why = [
        *skipped(catalogue, priced, usage, payer.subscriber),
        *explain(priced.charge, Laid(), priced.laying, currency),
    ]
    if as_json:
        taken = dict(priced.laying.taken)
        said = {"cost": format_amount(cost), "currency": currency.name, "taken": taken}
        typer.echo(json.dumps(said | {"unpaid": priced.laying.rest, "why": why}))
    else:
        typer.echo(f"{currency.text(cost)} at {present.when(usage.at)}\n")
        typer.echo("\n".join(why))
    raise typer.Exit(FINDINGS if priced.laying.rest else 0)


def explain_command(
    msisdn: Annotated[str, typer.Argument(help="Whose record")],
    record: Annotated[str, typer.Argument(help="Its number or id, as `ocs statement` shows it")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Why a charge that happened was what it was: version, price, who paid, what moved."""

    async def work() -> tuple[LedgerEntry, Catalogue | None, Catalogue]:
        settings = config_of(config)
        folder = load_folder(Path(settings.catalogue.folder))
        async with open_desk(settings, actor="cli") as desk:
            entries = await desk.statement(msisdn, SEARCHED)
        found = [each for each in entries if record in (each.entry_id, str(each.sequence))]
        if not found:
            raise DeskError(f"the account of {msisdn} has no record {record}")
        version = read_note(found[0].note).version
        if version in ("", folder.version):
            return found[0], folder if version else None, folder
        async with open_versions(config) as versions:
            try:
                return found[0], catalogue_of(await versions.files(version)), folder
            except VersionRefused:
                return found[0], None, folder

    entry, catalogue, folder = run(work())
    ways = {} if catalogue is None else ways_in(catalogue)
    why = explain_entry(entry, ways, currency_of(catalogue or folder))
    typer.echo(json.dumps({"id": entry.entry_id, "why": why}) if as_json else "\n".join(why))


def ways_in(catalogue: Catalogue) -> Mapping[str, PriceWay]:
    """Every way of a catalogue's prices, by its name."""
    return {
        built.way.name: built
        for product in catalogue.products.values()
        for rule in product.rules
        for built in ways_of(product.id, rule.price)
    }


def simulate_command(
    usage: Annotated[Path, typer.Argument(help="CSV of usage records: docs/catalogue.md")],
    old: SideArgument,
    new: SideArgument,
    tariff: Annotated[str, typer.Option("--tariff", help="Of records that name none")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rate usage records under two catalogues: the difference for each subscriber and in all.

    Columns: subscriber,time,service,units and, where there are any,
    called,calling,direction,network,apn,rating_group,tariff. Each subscriber is priced by a tariff
    alone, its fee paid; limits of a day or month are counted over its records.
    """
    try:
        records = read_usage(usage.read_text(encoding="utf-8").splitlines(keepends=True))
    except UsageErrors as errors:
        for each in errors.errors:
            present.refusal(f"{usage}: {each}")
        raise typer.Exit(FINDINGS) from None
    if not tariff and not all(each.tariff for each in records):
        raise typer.BadParameter("give --tariff: there are records that name none")

    before, after = side(old, config), side(new, config)
    if before.currency != after.currency:
        names = f"{before.currency.name} and {after.currency.name}"
        present.refusal(f"amounts in {names} cannot be compared")
        raise typer.Exit(FINDINGS)
    result = simulate(records, Side(before, tariff), Side(after, tariff))
    if as_json:
        rows = {name: asdict(each) for name, each in result.by_subscriber.items()}
        typer.echo(json.dumps({"subscribers": rows, "total": asdict(result.total)}))
    else:
        present.show(_result(result, before, after))


class Side:
    """Prices records by one catalogue; what a subscriber used before counts."""

    def __init__(self, catalogue: Catalogue, tariff: str) -> None:
        self._catalogues = Catalogues((catalogue,))
        self._tariff = tariff
        self._payers: dict[str, Payer] = {}

    def __call__(self, usage: Usage) -> int | None:
        """What a record costs."""
        who = somebody(usage.tariff or self._tariff, paid_until=AMOUNT_LIMIT)
        payer = self._payers.setdefault(usage.subscriber, Payer(who))
        payer.subscriber = who
        priced = payer.price(self._catalogues, usage)
        return None if priced is None else priced.laying.state.booked


def _result(result: Result, old: Catalogue, new: Catalogue) -> Table:
    """A line for each subscriber, and the sum."""
    table = Table("Subscriber", title_justify="left")
    unit = old.currency.name
    for name in ("Events", "Changed", f"Old {unit}", f"New {new.currency.name}", "Difference"):
        table.add_column(name, justify="right")
    table.add_column("No price (old, new)", justify="right")

    def line(name: str, of: Sum) -> tuple[str, ...]:
        decimals = old.currency.decimals
        amounts = (format_amount(each, decimals) for each in (of.old, of.new, of.difference))
        unpriced = f"{of.unpriced_old}, {of.unpriced_new}"
        return name, str(of.events), str(of.changed), *amounts, unpriced

    for name, each in result.by_subscriber.items():
        table.add_row(*line(name, each))
    table.add_section()
    table.add_row(*line("in all", result.total))
    return table
