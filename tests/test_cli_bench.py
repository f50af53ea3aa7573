"""`ocs bench` as it is asked for."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from ocs.cli import cli

runner = CliRunner()


def test_without_its_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server need not have them."""
    monkeypatch.setattr("ocs.cli_bench.find_spec", lambda name: None)
    done = runner.invoke(cli, ["bench"])
    assert done.exit_code == 1
    assert "pip install 'online-charging-server[bench]'" in done.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nothing"], "there is no workload 'nothing': canonical, data-update"),
        (["sms", "--rate", "5", "--window", "2"], "give one of --rate, --window and --ramp"),
        (["sms", "--ramp", "fast"], "--ramp is two rates, from and to: 100:5000"),
    ],
)
def test_what_cannot_be_measured_is_a_sentence(words: list[str], sentence: str) -> None:
    """And the exit code says that nothing was."""
    done = runner.invoke(cli, ["bench", *words])
    assert done.exit_code == 1
    assert sentence in done.output.replace("\n", " ")


def test_no_other_command_waits_for_its_packages() -> None:
    """A worker starts through the same module."""
    looked = "import sys, ocs.cli; print({'hdrh', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", looked], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
