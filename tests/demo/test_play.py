"""A run as a whole: its exit code, its report for machines, its picture."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from ocs.demo import play as playing
from ocs.demo.cast import Cast
from ocs.demo.play import play, save_picture
from ocs.demo.scenes import DEFAULT
from tests.demo.conftest import SEED
from tests.support.rig import REALM, Rig


async def played(rig: Rig, *names: str, as_json: bool = True, svg: Path | None = None) -> int:
    """A run against the rig."""
    return await play(
        rig.desk,
        "127.0.0.1",
        rig.port,
        REALM,
        names=names,
        is_fast=True,
        svg=svg,
        seed=SEED,
        as_json=as_json,
    )


async def test_unknown_scene(rig: Rig) -> None:
    """Refused before anybody connects."""
    with pytest.raises(KeyError, match="opera"):
        await played(rig, "opera")
    assert rig.count("ocs_diameter_messages_total") == 0


async def test_no_server(rig: Rig) -> None:
    """Without a server there is no demonstration, and no subscriber is left behind."""
    with pytest.raises(OSError, match="Connect call failed"):
        await play(rig.desk, "127.0.0.1", 1, REALM, is_fast=True, seed=SEED)
    assert await rig.desk.everybody() == []


async def test_failed_expectation_is_exit_code_1(
    rig: Rig, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One unmet expectation fails the run, and the report names it."""

    async def scene(cast: Cast) -> None:
        cast.stage.scene("Wrong", "a story")
        cast.stage.expect("the sum", 4, 5)

    monkeypatch.setattr(playing, "chosen", lambda names: [scene])
    assert await played(rig) == 1
    report = json.loads(last_line(capsys))
    assert report["failed"] == 1
    assert report["expectations"] == [
        {"scene": "Wrong", "what": "the sum", "expected": "4", "got": "5", "met": False}
    ]


async def test_scene_that_breaks_leaves_no_connection(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of a scene is not swallowed, and both clients say goodbye."""

    async def scene(cast: Cast) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(playing, "chosen", lambda names: [scene])
    with pytest.raises(RuntimeError, match="broken"):
        await played(rig)
    await rig.reaches("ocs_diameter_disconnects_total", 2, cause="the peer left")


async def test_default_run(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    """No name plays the default scenes in their order; all is met, and nobody is left behind."""
    assert await played(rig) == 0
    report = json.loads(last_line(capsys))
    assert report["failed"] == 0
    assert len({row["scene"] for row in report["expectations"]}) == len(DEFAULT)
    assert await rig.desk.everybody() == [] and await rig.sessions() == []


async def test_named_run_is_shown(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    """Only what was named is played, for people to read."""
    assert await played(rig, "cut", as_json=False) == 0
    shown = capsys.readouterr().out
    assert "The operator cuts a session" in shown and "What was verified" in shown
    assert "A call is cut" not in shown


async def test_picture(rig: Rig, tmp_path: Path) -> None:
    """It is drawn where it was asked for, folders included, and names no host for its font."""
    picture = tmp_path / "new" / "demo.svg"
    assert await played(rig, "repeat", as_json=False, svg=picture) == 0
    drawn = picture.read_text()
    assert drawn.startswith("<svg") and "charged" in drawn
    assert "@font-face" not in drawn and "cdn" not in drawn


def test_picture_of_nothing(tmp_path: Path) -> None:
    """An empty stage has a picture as well."""
    save_picture(Console(record=True, quiet=True), tmp_path / "empty.svg")
    assert (tmp_path / "empty.svg").read_text().startswith("<svg")


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The report: the server in this process writes its log before it."""
    lines = capsys.readouterr().out.splitlines()
    return next(each for each in reversed(lines) if each.startswith("{"))
