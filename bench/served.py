"""A fresh server with a workload's subscribers, and a line on the terminal that tells how far it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ocs.load.people import People
from ocs.load.place import Place, StoreKind
from ocs.load.run import Progress, Watcher
from ocs.load.show import watching
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
