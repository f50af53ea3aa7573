"""`ocs catalogue`: look at prices before they charge, compare them, and load them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from ocs import present
from ocs.amounts import format_amount
from ocs.app import open_store
from ocs.catalogue_diff import Change, changes, findings
from ocs.catalogue_store import (
    CatalogueStore,
    Files,
    VersionRefused,
    catalogue_of,
    files_of,
)
from ocs.cli_common import (
    FINDINGS,
    AtOption,
    ConfigOption,
    JsonOption,
    config_of,
    moment,
    run,
)
from ocs.desk import utc_millis
from ocs.model import UnitKind
from ocs.rating.catalogue import Catalogue, CatalogueErrors, load as load_folder

catalogue = typer.Typer(no_args_is_help=True, help="Check, compare, load and list catalogues.")

OVERLAP = "overlap"

FolderArgument = Annotated[
    Path | None, typer.Argument(help="Folder of the catalogue [the configured one]")
]
SideArgument = Annotated[str, typer.Argument(help="A folder, or a version that was loaded")]


@asynccontextmanager
async def open_versions(config: Path | None) -> AsyncIterator[CatalogueStore]:
    """The versions in the configured store."""
    client, _ = await open_store(config_of(config))
    try:
        yield CatalogueStore(client)
    finally:
        await client.aclose()


def side(name: str, config: Path | None) -> Catalogue:
    """A catalogue: of a folder, or of a version in the store."""
    if Path(name).is_dir():
        return load_folder(Path(name))

    async def stored() -> Files:
        async with open_versions(config) as versions:
            return await versions.files(name)

    try:
        return catalogue_of(run(stored()))
    except VersionRefused as refused:
        present.refusal(str(refused))
        raise typer.Exit(FINDINGS) from None


@catalogue.command("check")
def check_command(
    folder: FolderArgument = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Every error of the files in one run; of files in order, what deserves a second look.

    Overlaps are shown for the eye: the order of the file decides, and that is often what was meant.
    """
    where = folder or Path(config_of(config).catalogue.folder)
    try:
        found = load_folder(where)
    except CatalogueErrors as errors:
        present.check([errors], [], as_json)
        raise typer.Exit(FINDINGS) from None
    listed = findings(found.products, found.tariffs, found.classes)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in listed], ensure_ascii=False))
    elif listed:
        table = Table("Product", "Price", "What", "Why")
        for each in listed:
            table.add_row(*map(escape, (each.product, each.price, each.kind, each.sentence)))
        present.show(table)
    else:
        many = f"{len(found.products)} products, {found.currency.name}"
        present.done(f"catalogue {found.version} is in order: {many}", False)
    raise typer.Exit(FINDINGS if any(each.kind != OVERLAP for each in listed) else 0)


@catalogue.command("diff")
def diff_command(
    old: SideArgument, new: SideArgument, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Which prices change, of which products, old and new on sample quantities."""
    before, after = side(old, config), side(new, config)
    found = changes(before.products, after.products)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found], ensure_ascii=False))
    elif not found:
        present.done("no price differs", False)
    else:
        present.show(_changes(found, before, after))
    raise typer.Exit(FINDINGS if found else 0)


def _changes(found: list[Change], old: Catalogue, new: Catalogue) -> Table:
    """A line for each sample that differs, or for each price where none does."""
    table = Table("Product", "Service", "Price", "For", "What", "Units")
    for side_name, each in (("Old", old), ("New", new)):
        table.add_column(f"{side_name} ({each.currency.name})", justify="right")
    for change in found:
        head = [change.product, change.service, change.price, change.asked, change.kind]
        rows = [each for each in change.samples if each[1] != each[2]]
        for units, before, after in rows:
            amounts = (
                "-" if micros is None else format_amount(micros, of.currency.decimals)
                for micros, of in ((before, old), (after, new))
            )
            table.add_row(*map(escape, head), _units(units, change.unit), *amounts)
            head = [""] * len(head)
        if not rows:
            table.add_row(*map(escape, head), "-", "-", "-")
    return table


def _units(units: int, unit: UnitKind) -> str:
    if unit is UnitKind.SECONDS:
        return f"{units} s"
    return present.quantity(units, unit.value) if unit is UnitKind.OCTETS else str(units)


@catalogue.command("load")
def load_command(
    folder: FolderArgument = None,
    at: AtOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store the files as a version that takes effect at a moment; running servers take it over."""

    async def work() -> str:
        where = folder or Path(config_of(config).catalogue.folder)
        now = utc_millis()
        starts = moment(at) if at else None
        async with open_versions(config) as versions:
            made = await versions.load(files_of(where), starts, now, "cli")
        return f"catalogue {made.version} takes effect at {present.when(made.starts)}"

    try:
        present.done(run(work()), as_json)
    except VersionRefused as refused:
        present.refusal(str(refused))
        raise typer.Exit(FINDINGS) from None


@catalogue.command("list")
def list_command(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Every load, oldest first, and which version serves now."""

    async def work() -> None:
        async with open_versions(config) as versions:
            loads, base = await versions.loads(), await versions.base()
        now = utc_millis()
        # Of those that have begun the last to begin, and of one moment the last to be loaded.
        begun = sorted((each for each in loads if each.starts <= now), key=lambda each: each.starts)
        serving = begun[-1].version if begun else base
        if as_json:
            rows = [asdict(each) for each in loads]
            shown = {"base": base, "serving": serving, "loads": rows}
            typer.echo(json.dumps(shown, ensure_ascii=False))
            return
        table = Table("Version", "From", "Loaded", "By", "")
        if base:
            table.add_row(base, "the start", "", "serve", "" if begun else "serves")
        for each in loads:
            state = "serves" if begun and each is begun[-1] else ""
            times = present.when(each.starts), present.when(each.at)
            table.add_row(each.version, *times, escape(each.actor), state)
        present.show(table)

    run(work())
