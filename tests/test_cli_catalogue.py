"""`ocs catalogue`: what is wrong, what differs, and what was loaded."""

import shutil
from pathlib import Path

import pytest

from tests.test_cli import CATALOGUE, Ocs, ocs, store

__all__ = ["ocs", "store"]  # the fixtures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example catalogue."""
    return Path(shutil.copytree(CATALOGUE, tmp_path / "catalogue"))


def changed(folder: Path, old: str, new: str, name: str = "conversations.toml") -> None:
    """Change a text that is in a file."""
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))


def test_every_error_is_reported_in_one_run(ocs: Ocs, folder: Path) -> None:
    """Of two files with one error each, both."""
    (folder / "social.toml").write_text("=")
    (folder / "premier.toml").write_text("=")
    done = ocs("catalogue", "check", str(folder))
    assert done.code == 1
    assert "social.toml" in done.err
    assert "premier.toml" in done.err


def test_a_price_that_never_applies_is_found(ocs: Ocs, folder: Path) -> None:
    """The same price once more, at the end."""
    text = (folder / "social.toml").read_text()
    last = text[text.rindex("[[prices]]") :]
    (folder / "social.toml").write_text(text + "\n" + last)
    done = ocs("catalogue", "check", str(folder), "--json")
    assert done.code == 1
    assert [each["product"] for each in done.json if each["kind"] == "unreachable"] == ["social"]


def test_the_example_catalogue_is_in_order(ocs: Ocs) -> None:
    """Nothing is unreachable or without a price."""
    done = ocs("catalogue", "check", "--json")
    assert done.code == 0
    assert {each["kind"] for each in done.json} <= {"overlap"}


def test_equal_catalogues_differ_in_nothing(ocs: Ocs, folder: Path) -> None:
    """Whatever their folders are called."""
    done = ocs("catalogue", "diff", str(CATALOGUE), str(folder))
    assert (done.code, done.out) == (0, "no price differs\n")


def test_a_price_that_changed_is_shown_on_samples(ocs: Ocs, folder: Path) -> None:
    """11.00 a minute becomes 12.00."""
    changed(folder, 'price = "11.00"', 'price = "12.00"')
    done = ocs("catalogue", "diff", str(CATALOGUE), str(folder), "--json")
    assert done.code == 1
    assert {each["product"] for each in done.json} == {"conversations"}
    voice = next(each for each in done.json if each["service"] == "voice")
    assert [60, 11_000_000, 12_000_000] in voice["samples"]
    shown = ocs("catalogue", "diff", str(CATALOGUE), str(folder))
    assert "11.00" in shown.out
    assert "Old (KZT)" in shown.out


def test_what_was_loaded_is_listed_and_compared(ocs: Ocs, folder: Path, store: str) -> None:
    """A version is named by the beginning of its name; none of the past is taken."""
    del store
    refused = ocs("catalogue", "load", str(folder), "--at", "2019-03-04T12:00:00+06:00")
    assert refused.code == 1
    assert "now or later" in refused.err
    assert ocs("catalogue", "list", "--json").json["loads"] == []
    changed(folder, 'price = "11.00"', 'price = "12.00"')
    assert ocs("catalogue", "load", str(folder)).code == 0
    listed = ocs("catalogue", "list", "--json").json
    (made,) = listed["loads"]
    assert listed["serving"] == made["version"]
    done = ocs("catalogue", "diff", str(CATALOGUE), made["version"][:8])
    assert done.code == 1
    assert ocs("catalogue", "diff", str(CATALOGUE), "nothing").code == 1


def test_one_load_serves_where_a_version_was_loaded_twice(
    ocs: Ocs, folder: Path, store: str
) -> None:
    """The one for later does not serve yet, though its version does."""
    del store
    for at in ((), ("--at", "2999-01-01T00:00:00+05:00")):
        assert ocs("catalogue", "load", str(folder), *at).code == 0
    rows = [line for line in ocs("catalogue", "list").out.splitlines() if "cli" in line]
    assert ["serves" in row for row in rows] == [True, False]


@pytest.mark.parametrize("at", ["noon", "2019-03-04T12:00:00", "1969-01-01T00:00:00Z"])
def test_a_moment_without_its_zone_is_usage(ocs: Ocs, store: str, at: str) -> None:
    """Nobody would know which one is meant."""
    del store
    assert ocs("catalogue", "load", "--at", at).code == 2
