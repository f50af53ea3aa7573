"""A fresh server with a workload's subscribers, a line on the terminal that tells how far it is, and how a
script ends that has no result."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

import uvloop
from rich.console import Console

from ocs.load.command import BadLoad
from ocs.load.drive import LoadFailed
from ocs.load.people import People, PeopleRefused
from ocs.load.place import Place, PlaceFailed, StoreKind
from ocs.load.run import Progress, Watcher
from ocs.load.show import watching
from ocs.load.wire import PeerRefused
from ocs.load.workload import Workload


@asynccontextmanager
async def served(
    workload: Workload, *, workers: int = 1, store: StoreKind | None = None
) -> AsyncIterator[tuple[Place, People, Watcher]]:
    """Until the block ends; runs in it may tell their progress, too."""
    with watching(workload.name) as told:

        def made(done: int, total: int) -> None:
            told(Progress("subscribers", done / total))

        told(Progress("starting"))
        async with (
            Place.start(workers=workers, store=store) as place,
            People.live(place.config, workload, made) as people,
        ):
            yield place, people, told


def exit_code(work: Coroutine[object, object, int]) -> int:
    """Run a script to its end; failures are a sentence."""
    try:
        return uvloop.run(work)
    except (BadLoad, LoadFailed, PeopleRefused, PeerRefused, PlaceFailed) as failed:
        Console(stderr=True).print(f"[bold red]no result[/] {failed}", highlight=False)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
