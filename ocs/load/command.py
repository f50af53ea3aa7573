"""`ocs bench`: a workload against a running server, with subscribers of its own that go afterwards.

Exceptions:
    BadLoad   a sentence for whoever asked: what cannot be measured, and why
"""

import ipaddress
import math
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from redis.asyncio import Redis

from ocs.config import Config
from ocs.load import draw
from ocs.load.drive import Closed, LoadFailed, Open, Ramp, Shape
from ocs.load.people import People, PeopleRefused
from ocs.load.result import Result
from ocs.load.run import Progress, run_load
from ocs.load.show import watching
from ocs.load.target import Target
from ocs.load.watch import listener
from ocs.load.wire import PeerRefused
from ocs.load.workload import BadWorkload, Workload, read_workload


class BadLoad(Exception):
    """A sentence."""


def chosen(name: str, subscribers: int | None = None, sessions: int | None = None) -> Workload:
    """The workload, smaller or larger where asked."""
    try:
        workload = read_workload(name)
    except BadWorkload as bad:
        raise BadLoad(str(bad)) from bad
    return replace(
        workload,
        subscribers=subscribers or workload.subscribers,
        sessions=sessions or workload.sessions,
    )


def shape_of(rate: float | None, window: int | None, ramp: str | None, seconds: float) -> Shape:
    """The one that was asked for; a closed loop of 64 where none was."""
    if sum(each is not None for each in (rate, window, ramp)) > 1:
        raise BadLoad("give one of --rate, --window and --ramp")
    if ramp is not None:
        first, _, last = ramp.partition(":")
        try:
            start, end = float(first), float(last)
        except ValueError:
            start = end = math.nan
        if not (0 <= start < math.inf and 0 < end < math.inf):
            raise BadLoad(f"--ramp is two rates, from and to: 100:5000, not {ramp!r}")
        return Ramp(start, end, seconds)
    if rate is not None:
        if not 0 < rate < math.inf:
            raise BadLoad("--rate is more than 0")
        return Open(rate)
    if window is not None and window < 1:
        raise BadLoad("--window is 1 or more")
    return Closed(window or 64)


def save(result: Result, json_file: Path | None, svg_folder: Path | None) -> None:
    """The files that were asked for."""
    if json_file is not None:
        json_file.write_text(result.as_json() + "\n")
    if svg_folder is not None:
        svg_folder.mkdir(parents=True, exist_ok=True)
        lines = {name: each.percentiles for name, each in result.latency.items()}
        title = f"{result.workload}, {result.load}"
        path = svg_folder / f"{result.workload}-latency.svg"
        draw.latency_distribution(lines, path, title=title)


async def bench(
    config: Config, workload: Workload, shape: Shape, *, seconds: float, seed: int, connections: int
) -> Result:
    """Measure the configured server, which runs; its new subscribers are removed, whatever happens."""
    try:
        with watching(workload.name) as told:

            def made(done: int, total: int) -> None:
                told(Progress("subscribers", done / total))

            def removed(done: int, total: int) -> None:
                told(Progress("removing", done / total))

            async with People.live(config, workload, made) as people:
                try:
                    target = await running(config, people.client)
                    return await run_load(
                        workload, shape, target,
                        seconds=seconds, seed=seed, connections=connections,
                        people=people, progress=told,
                    )  # fmt: skip
                finally:
                    await people.remove(removed)
    except (LoadFailed, PeerRefused, PeopleRefused) as failed:
        raise BadLoad(str(failed)) from failed
    except (ConnectionError, TimeoutError) as away:
        raise BadLoad(
            f"no server answers on {config.diameter.listen[0]} port {config.diameter.port}: {away}"
        ) from away


async def running(config: Config, client: Redis) -> Target:
    """The configured server, with the processes of it that are on this machine."""
    diameter = config.diameter
    if not diameter.listen:
        raise BadLoad("the server listens with TLS only, which the generator does not speak")
    ports = range(diameter.port, diameter.port + config.workers.count)
    found = [listener(port) for port in ports]
    info = await client.info("server")
    return Target(
        str(diameter.listen[0]),
        diameter.port,
        diameter.realm,
        server_pids=tuple(each for each in found if each is not None),
        store_pids=(int(info["process_id"]),) if is_here(config.store.url) else (),
        workers=config.workers.count,
        config=config,
    )


def is_here(url: str) -> bool:
    """Whether a store is on this machine: embedded, by a socket, or on the loopback."""
    host = urlsplit(url).hostname or "localhost"
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
