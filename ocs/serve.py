"""`ocs serve`: the store, the workers, the panel; everything it started it also stops."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from rich.console import Console
from rich.panel import Panel

from ocs.abmf.library import Library
from ocs.app import end, open_desk, stop_signal
from ocs.catalogue_store import CatalogueStore, files_of
from ocs.config import Config
from ocs.demo.play import play
from ocs.desk import DeskError
from ocs.model import MICROS, Micros
from ocs.node.supervisor import Supervisor
from ocs.node_settings import tls_of
from ocs.ops import healthcheck
from ocs.rating.catalogue import load as load_catalogue
from ocs.store.check import verify
from ocs.store.connect import connect
from ocs.store.embedded import EmbeddedStore

#: Subscribers that `make run` puts into a new store: number, tariff, opening balance.
EXAMPLES = (
    ("77010000001", "conversations", 30),
    ("77010000002", "conversations", 500),
    ("77010000003", "social", 100),
    ("77750000004", "time-to-talk", 1000),
    ("77750000005", "time-to-talk", 0),
)

READY_POLL_SECONDS = 0.1

log = structlog.get_logger()


@asynccontextmanager
async def store_of(config: Config, initialise: bool) -> AsyncIterator[bool]:
    """The store, running and checked; yields whether it was taken into use just now.

    The embedded one is started, or attached when it outlived its owner; it is stopped at the end.
    """
    embedded = None if config.store.url else EmbeddedStore(Path(config.store.data))
    keeper: asyncio.Task[None] | None = None
    try:
        if embedded is not None:
            await embedded.start()
            url = embedded.live_url()
            keeper = asyncio.create_task(embedded.keep())
        else:
            url = config.store.url
        client = connect(url, config.store.timeout_seconds)
        try:
            is_new = not await client.exists("ocs:epoch")
            await verify(client, config.store.partitions, initialise or embedded is not None)
            library = Library.from_package()
            await library.load(client)
            await CatalogueStore(client).remember(files_of(Path(config.catalogue.folder)))
        finally:
            await client.aclose()
        yield is_new
    finally:
        if keeper is not None:
            await end([keeper])
        if embedded is not None:
            await embedded.stop()


async def add_examples(config: Config) -> None:
    """The example subscribers, as far as they are not there yet."""
    async with open_desk(config, actor="examples") as desk:
        for msisdn, tariff, amount in EXAMPLES:
            try:
                await desk.add(msisdn, tariff=tariff, balance=Micros(amount * MICROS))
            except DeskError as taken:
                log.info("example not added", reason=str(taken))


def panel(config: Config, is_new: bool, with_examples: bool) -> Panel:
    """What listens where, and what to try next."""
    diameter, ops = config.diameter, config.ops
    lines = [
        f"Diameter   {', '.join(map(str, diameter.listen))} port {diameter.port} "
        f"({diameter.identity})"
    ]
    lines.append(f"Operations http://{ops.listen}:{ops.port}/metrics  /livez  /readyz")
    # Without what stands before the host: a password is not for the screen.
    store = config.store.url.rpartition("@")[2] or f"embedded, data under {config.store.data}"
    lines.append(f"Store      {store}{' (new)' if is_new else ''}")
    if config.workers.count > 1:
        lines.append(f"Workers    {config.workers.count}, each on the next port")
    lines.append("")
    lines.append("Try next, in a second terminal:")
    lines.append("  .venv/bin/ocs demo               a call cut when the money ends")
    if with_examples:
        lines.append("  .venv/bin/ocs subscriber list    the example subscribers")
        lines.append(f"  .venv/bin/ocs topup {EXAMPLES[0][0]} 100")
        lines.append(f"  .venv/bin/ocs statement {EXAMPLES[0][0]}")
    lines.append("")
    lines.append("Ctrl-C drains and stops everything")
    return Panel("\n".join(lines), title="Online Charging Server", expand=False, highlight=False)


async def serve(config: Config, path: Path | None, examples: bool, initialise: bool) -> int:
    """Run until a signal; 0 after an orderly stop."""
    # What no worker could read must not become workers that end and are started again.
    tls_of(config, 0)
    load_catalogue(Path(config.catalogue.folder))
    stop = stop_signal()
    async with store_of(config, initialise) as is_new:
        if examples and is_new:
            await add_examples(config)
        supervisor = Supervisor([worker_command(path, i) for i in range(config.workers.count)])
        await supervisor.start()
        try:
            if await ready(config, stop):
                Console().print(panel(config, is_new, examples))
            await stop.wait()
        finally:
            await supervisor.stop()
    return 0


def worker_command(path: Path | None, index: int) -> list[str]:
    """The command line of one worker."""
    command = [sys.executable, "-m", "ocs.cli", "worker", str(index)]
    return [*command, "--config", str(path)] if path else command


async def ready(config: Config, stop: asyncio.Event) -> bool:
    """Wait until the first worker is ready, or until told to stop."""
    where = (str(config.ops.listen), config.ops.port)
    while not stop.is_set():
        if await asyncio.to_thread(healthcheck, *where) == 0:
            return True
        await asyncio.sleep(READY_POLL_SECONDS)
    return False


async def demonstrate(
    config: Config,
    path: Path | None,
    names: Sequence[str],
    fast: bool,
    svg: Path | None,
    seed: int,
    as_json: bool,
) -> int:
    """Play the demo against the running server, or against one started for it."""
    if await is_listening(config):
        return await play_on(config, names, fast, svg, seed, as_json)
    os.environ.setdefault("OCS_LOG__LEVEL", "warning")  # the stage is not for the worker's news
    async with store_of(config, initialise=False):
        supervisor = Supervisor([worker_command(path, 0)])
        await supervisor.start()
        try:
            await asyncio.wait_for(ready(config, asyncio.Event()), 30)
            return await play_on(config, names, fast, svg, seed, as_json)
        finally:
            await supervisor.stop()


async def is_listening(config: Config) -> bool:
    """Whether something answers on the Diameter port."""
    try:
        _, writer = await asyncio.open_connection(
            str(config.diameter.listen[0]), config.diameter.port
        )
    except OSError:
        return False
    writer.close()
    return True


async def play_on(
    config: Config,
    names: Sequence[str],
    fast: bool,
    svg: Path | None,
    seed: int,
    as_json: bool,
) -> int:
    """Play; 1 when an expectation failed."""
    async with open_desk(config, actor="demo") as desk:
        return await play(
            desk,
            str(config.diameter.listen[0]),
            config.diameter.port,
            config.diameter.realm,
            names=names,
            is_fast=fast,
            svg=svg,
            seed=seed,
            as_json=as_json,
        )
