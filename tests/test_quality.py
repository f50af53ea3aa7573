"""The linters are tests: style, types, the container's recipe, and what a lock file must not hold."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("hadolint", "Dockerfile"),
    ],
    ids=" ".join,
)
def test_linter(command: tuple[str, ...]) -> None:
    """Nothing to complain about."""
    done = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_versions_are_pinned_and_name_no_index() -> None:
    """One exact version for each package, and no address of where it came from."""
    lines = [
        line for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1] != "#"
    ]
    assert lines
    for line in lines:
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.]*", line), line


def test_every_dependency_is_pinned() -> None:
    """What pyproject.toml asks for stands in the constraints."""
    pinned = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    text = (ROOT / "pyproject.toml").read_text()
    lists = re.findall(r"^(?:dependencies|test) = \[(.*?)\]$", text, re.MULTILINE | re.DOTALL)
    asked = {name.lower() for each in lists for name in re.findall(r'"([A-Za-z0-9_-]+)', each)}
    assert {"redis", "uvloop", "pytest"} <= asked
    assert asked <= pinned


def test_the_top_level_is_the_agreed_one() -> None:
    """Nothing grows beside the agreed files and folders."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    if not listed:
        pytest.skip("not a git checkout")
    found = {line.split("/")[0] for line in listed.splitlines()}
    agreed = {
        "pyproject.toml", "README.md", "ocs", "config", "tests", "bench", "Dockerfile", "Makefile",
        "LICENSE", "CHANGELOG.md", "SECURITY.md", "docs", "constraints.txt",
    }  # fmt: skip
    assert {each for each in found if not each.startswith(".")} == agreed
