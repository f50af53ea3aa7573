"""The `ocs` command: run the server, look after subscribers and money, read messages, check files.

Every command that shows something takes --json. Exit codes: 0 done, 1 refused or differences found,
2 usage, 3 the store or the server cannot be reached. What a command does lives elsewhere; here is only
how it is asked.
"""

import asyncio
import os
import secrets
import sys
from pathlib import Path
from typing import Annotated

import structlog
import typer
from redis.exceptions import RedisError

from ocs import present
from ocs.abmf.ledger import LedgerError
from ocs.app import run_worker
from ocs.catalogue_store import VersionRefused
from ocs.cli_account import register
from ocs.cli_bench import bench_command
from ocs.cli_catalogue import catalogue
from ocs.cli_common import (
    UNREACHABLE,
    ConfigOption,
    JsonOption,
    Msisdn,
    amount_of,
    at_desk,
    config_of,
    config_path,
    run,
)
from ocs.cli_rating import explain_command, price_command, simulate_command
from ocs.config import ConfigError, ConfigErrors, catalogue_folder
from ocs.demo.scenes import SCENES
from ocs.desk import Desk, DeskError
from ocs.diameter.decode import extract, render, tree
from ocs.diameter.framing import ProtocolError
from ocs.model import SubscriberState
from ocs.node_settings import tls_of
from ocs.notices import NoticeErrors, load as load_notices
from ocs.ops import healthcheck
from ocs.rating.catalogue import CatalogueErrors, load as load_catalogue
from ocs.serve import demonstrate, serve
from ocs.store.check import StoreRefused
from ocs.store.embedded import StoreFailed, StoreNotRunning

REFUSED = 1

log = structlog.get_logger()

#: The folder of the texts of notices, beside the configuration, and the language that must be there.
NOTICES, LANGUAGE = "notices", "en"
#: Octets of one component of a path.
FILE_NAME_MAX = 256

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="An online charging server.")
subscriber = typer.Typer(no_args_is_help=True, help="Add, show, change, list, remove subscribers.")
cli.add_typer(subscriber, name="subscriber")
cli.add_typer(catalogue, name="catalogue")
register(cli)
cli.command("bench")(bench_command)
cli.command("price")(price_command)
cli.command("explain")(explain_command)
catalogue.command("simulate")(simulate_command)

State = Annotated[SubscriberState | None, typer.Option("--state", help="active, barred")]


# --- running ------------------------------------------------------------------------------------


@cli.command("serve")
def serve_command(
    config: ConfigOption = None,
    examples: Annotated[
        bool, typer.Option("--examples", help="Add example subscribers to a new store")
    ] = False,
    initialise: Annotated[
        bool, typer.Option("--initialise", help="Take an empty external store into use")
    ] = False,
) -> None:
    """Run the store (unless another is configured) and the workers, until Ctrl-C."""
    raise typer.Exit(run(serve(config_of(config), config, examples, initialise)))


@cli.command("worker", hidden=True)
def worker_command(index: int, config: ConfigOption = None) -> None:
    """One worker process: started by `ocs serve`."""
    raise typer.Exit(run(run_worker(config_of(config), index)))


@cli.command("healthcheck")
def healthcheck_command(config: ConfigOption = None) -> None:
    """Exit 0 when the server's first worker is ready, else 1."""
    ops = config_of(config).ops
    raise typer.Exit(healthcheck(str(ops.listen), ops.port))


@cli.command("demo")
def demo_command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Scenes; none: the default ones")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Name the scenes and end")] = False,
    config: ConfigOption = None,
    fast: Annotated[bool, typer.Option("--fast", help="Do not wait for the eye")] = False,
    svg: Annotated[Path | None, typer.Option("--svg", help="Save the picture")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Choose the demo's numbers")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Play a voice switch and a GGSN against the server, and verify every amount."""
    if listed:
        for name, (_, story) in SCENES.items():
            typer.echo(f"{name:14}{story}")
        return
    unknown = [name for name in names or () if name not in SCENES]
    if unknown:
        raise typer.BadParameter(f"no scene {unknown[0]!r}; there are {', '.join(SCENES)}")
    chosen = seed or secrets.randbelow(9000) + 1000
    work = demonstrate(config_of(config), config, names or (), fast, svg, chosen, as_json)
    raise typer.Exit(run(work))


# --- subscribers and money ------------------------------------------------------------------------


@subscriber.command("add")
def subscriber_add(
    msisdn: Msisdn,
    imsi: Annotated[str | None, typer.Option("--imsi")] = None,
    tariff: Annotated[str | None, typer.Option("--tariff")] = None,
    balance: Annotated[str, typer.Option("--balance", help="Opening balance: 30.00")] = "0",
    state: State = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a subscriber with an account."""
    opening = amount_of(balance)

    async def work(desk: Desk) -> None:
        made = await desk.add(
            msisdn,
            imsi=imsi,
            tariff=tariff,
            balance=opening,
            state=state or SubscriberState.ACTIVE,
        )
        present.subscriber(made, await desk.balance(msisdn), as_json)

    at_desk(config, work)


@subscriber.command("show")
def subscriber_show(
    msisdn: Msisdn, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Identities, tariff, state and balance."""

    async def work(desk: Desk) -> None:
        present.subscriber(await desk.find(msisdn), await desk.balance(msisdn), as_json)

    at_desk(config, work)


@subscriber.command("set")
def subscriber_set(
    msisdn: Msisdn,
    tariff: Annotated[str | None, typer.Option("--tariff")] = None,
    state: State = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change tariff or state; barring ends the open sessions."""
    if tariff is None and state is None:
        raise typer.BadParameter("give --tariff, --state or both")

    async def work(desk: Desk) -> None:
        changed = await desk.change(msisdn, tariff=tariff, state=state)
        present.subscriber(changed, await desk.balance(msisdn), as_json)

    at_desk(config, work)


@subscriber.command("list")
def subscriber_list(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Every subscriber."""

    async def work(desk: Desk) -> None:
        present.subscribers(await desk.everybody(), as_json)

    at_desk(config, work)


@subscriber.command("remove")
def subscriber_remove(
    msisdn: Msisdn, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Forget a subscriber without money or open sessions; the ledger stays."""

    async def work(desk: Desk) -> None:
        await desk.remove(msisdn)
        present.done(f"{msisdn} removed", as_json)

    at_desk(config, work)


@cli.command("balance")
def balance_command(
    msisdn: Msisdn, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """What an account may spend, holds reserved, and has spent."""

    async def work(desk: Desk) -> None:
        present.balance(msisdn, await desk.balance(msisdn), as_json, await desk.units(msisdn))

    at_desk(config, work)


@cli.command("statement")
def statement_command(
    msisdn: Msisdn,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 50,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """The ledger entries of an account, newest first."""

    async def work(desk: Desk) -> None:
        present.statement(await desk.statement(msisdn, limit), as_json)

    at_desk(config, work)


@cli.command("sessions")
def sessions_command(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Every open session, oldest first."""

    async def work(desk: Desk) -> None:
        present.sessions(await desk.sessions(), as_json)

    at_desk(config, work)


@cli.command("cut")
def cut_command(
    session: Annotated[str, typer.Argument(help="Session-Id, as `ocs sessions` shows it")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a session from our side (ASR); one that ignores it is refused at its next request."""

    try:
        session_id = present.session_id(session)
    except ValueError:
        raise typer.BadParameter(f"{session!r} is no hexadecimal Session-Id") from None

    async def work(desk: Desk) -> str:
        return await desk.cut(session_id)

    said = at_desk(config, work)
    present.done(f"client: {said}", as_json)
    if said not in ("ended", "unknown"):
        raise typer.Exit(REFUSED)


# --- files and messages -----------------------------------------------------------------------------


def _octets(text: str | None) -> bytes:
    """What was given: by standard input, in a file, or as it stands."""
    if text is None:
        return sys.stdin.buffer.read()
    given = os.fsencode(text)
    # A message in hex is longer than any name of a file may be.
    return Path(text).read_bytes() if len(given) < FILE_NAME_MAX and Path(text).is_file() else given


@cli.command("decode")
def decode_command(
    text: Annotated[
        str | None, typer.Argument(help="Hex, or a file; standard input when absent")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Diameter messages (hex, or a capture's payload) as a readable tree of AVPs."""
    messages = extract(_octets(text))
    if not messages:
        raise DeskError("nothing to decode")
    for message in messages:
        if as_json:
            present.nodes(tree(message))
        else:
            typer.echo(render(message))


def _notice_errors(folder: Path) -> list[ConfigErrors]:
    """What is wrong with the texts beside the configuration, where there are any."""
    if not folder.is_dir():
        return []
    try:
        load_notices(folder, LANGUAGE)
    except NoticeErrors as found:
        parts = [each.split(": ", 2) for each in found.problems]
        rows = [
            (str(folder / file), *(["-", *rest] if len(rest) == 1 else rest))
            for file, *rest in parts
        ]
        return [ConfigErrors([ConfigError(file, key, expected) for file, key, expected in rows])]
    return []


@cli.command("check")
def check_command(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check configuration, catalogue and notices: every error, with file, key and what was expected."""
    errors: list[ConfigErrors | CatalogueErrors] = []
    warnings: list[str] = []
    try:
        loaded = config_of(config)
        warnings = loaded.warnings()
        tls_of(loaded, 0)
    except ConfigErrors as found:
        errors.append(found)
    try:
        load_catalogue(catalogue_folder(config_path(config), os.environ))
    except CatalogueErrors as found:
        errors.append(found)
    errors += _notice_errors(config_path(config).parent / NOTICES)
    present.check(errors, warnings, as_json)
    if errors:
        raise typer.Exit(REFUSED)


def main() -> None:
    """Entry point: failures become one sentence and an exit code, never a traceback."""
    try:
        cli(standalone_mode=True)
    except (DeskError, StoreRefused, StoreFailed, ProtocolError, VersionRefused) as refusal:
        present.refusal(str(refusal))
        sys.exit(REFUSED)
    except (ConfigErrors, CatalogueErrors) as found:
        present.check([found], [], False)
        sys.exit(REFUSED)
    except (StoreNotRunning, LedgerError, RedisError, ConnectionError) as away:
        present.refusal(f"the store cannot be reached: {away}")
        sys.exit(UNREACHABLE)
    except TimeoutError:
        present.refusal("no answer in time")
        sys.exit(UNREACHABLE)
    except OSError as error:
        present.refusal(str(error))
        sys.exit(REFUSED)
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
    except Exception:
        # The process ends here. A defect of ours: one line for its report, with numbers masked.
        log.exception("the command failed")
        sys.exit(REFUSED)


if __name__ == "__main__":
    main()
