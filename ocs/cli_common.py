"""What the commands share: their options, the configuration, a desk, and moments as people write them."""

import os
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Annotated, TypeVar

import typer
import uvloop

from ocs.amounts import parse_amount
from ocs.app import open_desk
from ocs.config import Config, load
from ocs.desk import Desk, utc_millis
from ocs.log import configure
from ocs.model import Micros, UtcMillis
from ocs.simulate import read_moment

FINDINGS, UNREACHABLE = 1, 3

T = TypeVar("T")

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Configuration file [config/ocs.toml]")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output")]
Msisdn = Annotated[str, typer.Argument(help="Number in international form: 77010000001")]
AtOption = Annotated[
    str | None, typer.Option("--at", help="2019-03-04T12:00:00+06:00 [now]", metavar="MOMENT")
]


def config_path(path: Path | None) -> Path:
    """The configuration file: named, or of the environment, or the usual one."""
    return path or Path(os.environ.get("OCS_CONFIG", "config/ocs.toml"))


def config_of(path: Path | None) -> Config:
    """The configuration, with the log set up."""
    loaded = load(config_path(path), os.environ)
    configure(loaded.log.level)
    return loaded


def run(work: Coroutine[object, object, T]) -> T:
    """Run to the end."""
    return uvloop.run(work)


def at_desk(path: Path | None, work: Callable[[Desk], Awaitable[T]]) -> T:
    """Run `work` with a desk on the configured store."""

    async def opened() -> T:
        async with open_desk(config_of(path), actor="cli") as desk:
            return await work(desk)

    return run(opened())


def amount_of(text: str) -> Micros:
    """An amount of money as people write it."""
    try:
        return parse_amount(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def moment(text: str | None) -> UtcMillis:
    """A moment with its zone; nothing is now."""
    if text is None:
        return utc_millis()
    found = read_moment(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no moment with its zone: 2019-03-04T12:00:00+06:00")
    return found
