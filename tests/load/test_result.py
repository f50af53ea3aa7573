"""What a result says of where it was measured."""

import pytest

from ocs.load.result import circumstances, command, cpu_model


def test_circumstances_name_machine_versions_and_commit() -> None:
    """Whoever reads a figure knows what it is of."""
    found = circumstances("Valkey 9.1")
    assert found.cores >= 1 and found.cpu == cpu_model() and found.kernel.startswith("Linux")
    assert found.versions["store"] == "Valkey 9.1"
    assert {"python", "ocs", "uvloop", "redis", "hiredis"} <= set(found.versions)
    assert found.date.endswith("+00:00")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["bench/run.py", "canonical", "--rate", "5"], "bench/run.py canonical --rate 5"),
        (["/home/somebody/bench/run.py", "sms"], "run.py sms"),
        (["run.py", "--json", "/home/somebody/found.json"], "run.py --json found.json"),
    ],
)
def test_a_command_names_no_folder_of_the_machine(words: list[str], shown: str) -> None:
    """Results are published."""
    assert command(words) == shown
