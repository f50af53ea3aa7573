"""Plays the scenes against a running server, and reports what was verified."""

import itertools
import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from ocs.demo.cast import Cast, Desk
from ocs.demo.client import DiameterClient
from ocs.demo.scenes import chosen
from ocs.demo.stage import Stage

REALM = "demo.example"
#: Seconds between two lines: slow enough to be read, far faster than the usage it shows.
PAUSE_SECONDS = 0.35


async def play(
    desk: Desk,
    host: str,
    port: int,
    server_realm: str,
    *,
    names: Sequence[str] = (),
    is_fast: bool = False,
    svg: Path | None = None,
    seed: int = 1,
    as_json: bool = False,
) -> int:
    """The scenes of these names, or the default ones; 0 when every expectation was met, else 1."""
    console = Console(
        width=100,
        record=svg is not None,
        quiet=as_json,
        force_terminal=True if svg is not None else None,
    )
    is_watched = not (is_fast or as_json or svg)
    stage = Stage(console, PAUSE_SECONDS if is_watched else 0.0)
    switch = DiameterClient(f"switch-{seed}.{REALM}", REALM, server_realm)
    ggsn = DiameterClient(f"ggsn-{seed}.{REALM}", REALM, server_realm)
    scenes = chosen(names)
    await switch.connect(host, port)
    await ggsn.connect(host, port)
    # Numbers of a range that is not in use; the process id tells two runs apart.
    run = f"{seed};{os.getpid()}"
    start = 77019000000 + (seed * 7919 + os.getpid() * 31) % 900000
    cast = Cast(stage, desk, switch, ggsn, itertools.count(start), run)
    try:
        for scene in scenes:
            await scene(cast)
        await cast.leave()
    finally:
        await switch.close()
        await ggsn.close()
    failed = stage.summary()
    if svg is not None:
        save_picture(console, svg)
    if as_json:
        rows = [asdict(each) | {"met": each.is_met} for each in stage.expectations]
        print(json.dumps({"failed": failed, "expectations": rows}, ensure_ascii=False))
    return 1 if failed else 0


def save_picture(console: Console, path: Path) -> None:
    """What was shown, as an SVG that names no host: whoever looks at it has a fixed-width font."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = console.export_svg(title="ocs demo")
    path.write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL))
