"""`ocs bench`: how a load on one's own server is asked for.

The generator needs packages that not every server has (the extra "bench"), and the drawing of pictures
takes long to import, which no worker may wait for: it is imported when the command is used.
"""

import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ocs import present
from ocs.cli_common import FINDINGS, ConfigOption, JsonOption, config_of, run

NEEDED = ("hdrh", "matplotlib")


def bench_command(
    workload: Annotated[
        str, typer.Argument(help="A workload's name, or a TOML file [canonical]")
    ] = "canonical",
    rate: Annotated[
        float | None, typer.Option("--rate", help="Open loop: requests a second")
    ] = None,
    window: Annotated[
        int | None, typer.Option("--window", help="Closed loop: requests outstanding [64]")
    ] = None,
    ramp: Annotated[
        str | None, typer.Option("--ramp", help="Open loop with a growing rate: 100:5000")
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", min=1.0, help="To measure for")] = 30.0,
    subscribers: Annotated[
        int | None, typer.Option("--subscribers", min=1, help="Instead of the workload's")
    ] = None,
    connections: Annotated[int, typer.Option("--connections", min=1, max=64)] = 4,
    seed: Annotated[int, typer.Option("--seed", help="Of all that is chosen by chance")] = 1,
    svg: Annotated[
        Path | None, typer.Option("--svg", help="Folder for a picture of the latencies")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a load on the running server, with subscribers of its own, and audit every account."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        present.refusal(
            "the generator is not installed: pip install 'online-charging-server[bench]'"
        )
        raise typer.Exit(FINDINGS)
    command: Any = importlib.import_module("ocs.load.command")
    show: Any = importlib.import_module("ocs.load.show")
    try:
        chosen = command.chosen(workload, subscribers)
        shape = command.shape_of(rate, window, ramp, seconds)
        work = command.bench(
            config_of(config), chosen, shape, seconds=seconds, seed=seed, connections=connections
        )
        result = run(work)
    except command.BadLoad as bad:
        present.refusal(str(bad))
        raise typer.Exit(FINDINGS) from bad
    command.save(result, None, svg)
    if as_json:
        typer.echo(result.as_json())
    else:
        show.show(result, Console())
    if not result.audit.is_good:
        raise typer.Exit(FINDINGS)
