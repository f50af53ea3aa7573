"""The steps of the path: the list, the trees they are served from, the arithmetic, and one small run."""

import json
import subprocess
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from bench import steps as module
from bench.compare import NoResult
from bench.compare_report import Measured, Spread
from bench.steps import (
    HEAD,
    STEPS,
    TREE,
    BadSteps,
    Step,
    as_json,
    at_desk,
    cells_of,
    checked_out,
    environment_of,
    git,
    measure,
    picture,
    play,
    read_steps,
    remarks,
    spreads,
    stock,
    tell,
)
from ocs.load.drive import Limit
from ocs.load.place import ROOT
from ocs.load.result import Circumstances, circumstances
from ocs.load.workload import Workload, read_workload

SMALL = replace(read_workload("data-update"), subscribers=60, sessions=20)
FIRST, LAST = Step("abc1234", "before"), Step(TREE, "this tree")


def round_of(rate: float, server_us: float = 100.0, store_us: float = 40.0) -> Measured:
    """One step in one round."""
    return Measured(rate, 10.0, 30.0, server_us / 1000, store_us / 1000, 0.5, 0, "audited")


ROUNDS = {
    FIRST: [round_of(1000.0, 300), round_of(2000.0, 340), round_of(1500.0, 310)],
    LAST: [round_of(4000.0, 90, 50), round_of(5000.0, 80, 30), round_of(4500.0, 100, 40)],
}


# --- the list -------------------------------------------------------------------------------------


def written(folder: Path, text: str) -> Path:
    """A list of steps with this text."""
    path = folder / "some.toml"
    path.write_text(text)
    return path


def test_the_list_ends_with_this_tree() -> None:
    """What is listed is read in its order, without a step twice."""
    found = read_steps(STEPS)
    assert found[0] == Step("7af7fba", "before") and found[-1].commit == TREE
    assert len({each.commit for each in found}) == len(found) >= 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"some\.toml: expected \[\[steps\]\] and nothing else"),
        ("steps = []", "expected .* and nothing else"),
        ("steps = 1", "expected .* and nothing else"),
        ("more = 1\n[[steps]]\ncommit = 'a'\nwhat = 'b'", "and nothing else"),
        ("steps = ['a']", "step 1: expected two texts, commit and what"),
        (
            "[[steps]]\ncommit = 'a'\nwhat = 'b'\n[[steps]]\ncommit = 'a'",
            "step 2: expected two texts",
        ),
        ("[[steps]]\ncommit = 7\nwhat = 'b'", "step 1: expected two texts"),
        ("[[steps]]\ncommit = ''\nwhat = 'b'", "step 1: expected two texts"),
        ("[[steps]]\ncommit = 'a'\nwhat = 'b'\nwhy = 'c'", "step 1: expected two texts"),
        ("[[steps", r"some\.toml: Expected"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    """With a sentence that says where."""
    with pytest.raises(BadSteps, match=sentence):
        read_steps(written(tmp_path, text))


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(BadSteps, match=r"none\.toml: .*No such file"):
        read_steps(tmp_path / "none.toml")


# --- the trees ------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits; a worktree that somebody else made; a change that is not committed."""
    path = tmp_path / "repository"
    path.mkdir()
    done(path, "init", "--quiet")
    for text in ("one", "two"):
        (path / "file").write_text(text)
        done(path, "add", "file")
        who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
        done(path, *who, "-c", "commit.gpgsign=false", "commit", "--quiet", "--message", text)
    done(path, "worktree", "add", "--quiet", "--detach", str(tmp_path / "other"))
    (path / "file").write_text("three")
    return path


def done(repository: Path, *words: str) -> str:
    """What a command of git says; it must work."""
    found = git(repository, *words)
    assert found.returncode == 0, found.stderr
    return found.stdout


def trees_of(repository: Path) -> list[str]:
    """The worktrees that git knows, the repository's own first."""
    lines = done(repository, "worktree", "list", "--porcelain").splitlines()
    return [each.partition(" ")[2] for each in lines if each.startswith("worktree ")]


def test_each_step_has_its_tree(repository: Path, tmp_path: Path) -> None:
    """Old commits as they were, the last as it is now; all but those of others are gone afterwards."""
    steps = [Step("HEAD~1", "first"), Step("HEAD", "second"), Step(TREE, "now")]
    with checked_out(steps, repository) as trees:
        texts = {step.what: (tree / "file").read_text() for step, tree in trees.items()}
        assert texts == {"first": "one", "second": "two", "now": "three"}
        assert [*trees] == steps and trees[steps[2]] == repository
        assert len(trees_of(repository)) == 4
    assert trees_of(repository) == [str(repository), str(tmp_path / "other")]
    assert not trees[steps[0]].parent.exists()
    assert (repository / "file").read_text() == "three" and (tmp_path / "other" / "file").exists()


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt])
def test_trees_are_removed_after_a_failure(
    repository: Path, fault: type[BaseException], tmp_path: Path
) -> None:
    """Also what a server left in them."""
    with pytest.raises(fault), checked_out([Step("HEAD", "it")], repository) as trees:
        (tree,) = trees.values()
        (tree / "left").write_text("behind")
        raise fault
    assert trees_of(repository) == [str(repository), str(tmp_path / "other")]
    assert not tree.exists()


def test_a_commit_that_is_not_there_is_refused(repository: Path, tmp_path: Path) -> None:
    """With a sentence that names it, and nothing stays of those before it."""
    steps = [Step("HEAD", "it"), Step("7af7fba", "of another repository")]
    with (
        pytest.raises(BadSteps, match="7af7fba, of another repository: there is no such commit"),
        checked_out(steps, repository),
    ):
        pytest.fail("it was checked out")
    assert trees_of(repository) == [str(repository), str(tmp_path / "other")]


def test_a_server_runs_the_code_of_its_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not what is installed, nor what the caller's own environment says."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OCS_CONFIG", "elsewhere.toml")
    (tmp_path / "ocs").mkdir()
    (tmp_path / "ocs" / "__init__.py").write_text("")
    environ = environment_of(tmp_path, tmp_path / "store")
    command = [sys.executable, "-c", "import ocs; print(ocs.__file__)"]
    found = subprocess.run(
        command, env=environ, cwd=tmp_path.parent, capture_output=True, text=True, check=True
    )
    assert Path(found.stdout.strip()) == tmp_path / "ocs" / "__init__.py"
    assert environ["OCS_CONFIG"] == str(tmp_path / "config" / "ocs.toml")
    assert environ["OCS_CATALOGUE__FOLDER"] == str(tmp_path / "config" / "catalogue")


# --- the arithmetic -------------------------------------------------------------------------------


def test_spreads() -> None:
    """Least, median and most of each number; seconds per thousand are µs for each."""
    found = spreads(ROUNDS[LAST])
    assert found["rate"] == Spread(4000, 4500, 5000)
    assert found["server_us"] == Spread(80, 90, 100)
    assert found["store_us"] == Spread(30, 40, 50)
    assert found["p50_ms"] == Spread(10, 10, 10) and found["p99_ms"] == Spread(30, 30, 30)


def test_the_table() -> None:
    """Ratios are taken within a round: 4, 2.5 and 3, not of medians; the first has none."""
    before, now = cells_of(ROUNDS)
    assert before[:4] == ("before", "abc1234", "1,500 (1,000 to 2,000)", "")
    assert before[4] == "310 (300 to 340)"
    assert now == (
        "this tree", "tree", "4,500 (4,000 to 5,000)", "3 x (2.5 to 4)", "90 (80 to 100)",
        "40 (30 to 50)", "10 (10 to 10)", "30 (30 to 30)",
    )  # fmt: skip
    assert len(before) == len(now) == len(HEAD)


def test_what_failed_is_said() -> None:
    """Only where something did."""
    where = circumstances("Redis 7")
    assert not any("without success" in each for each in remarks(ROUNDS, where, 5))
    failed = {**ROUNDS, LAST: [replace(each, failed=4) for each in ROUNDS[LAST]]}
    said = remarks(failed, where, 5)
    assert "3 rounds of 5 s" in said[0] and "audited" in said[2]
    assert said[3] == "tree, this tree: 12 requests without success; they count in no rate."


def test_every_round_is_kept() -> None:
    """With what they come to, and where they were measured."""
    value = json.loads(as_json(ROUNDS, circumstances("Redis 7"), 5))
    assert [each["commit"] for each in value["steps"]] == ["abc1234", TREE]
    assert value["steps"][1]["server_us"] == {"low": 80, "middle": 90, "high": 100}
    assert [each["rate"] for each in value["steps"][0]["rounds"]] == [1000, 2000, 1500]
    assert value["seconds"] == 5 and value["circumstances"]["versions"]["store"] == "Redis 7"


def test_the_picture(tmp_path: Path) -> None:
    """Every step with its parts; the same numbers give the same file."""
    for name in ("a.svg", "b.svg"):
        picture(ROUNDS, tmp_path / name)
    text = (tmp_path / "a.svg").read_text()
    assert ElementTree.fromstring(text).tag.endswith("svg")
    for each in ("before", "310 + 40 µs · 1,500/s", "this tree", "90 + 40 µs · 4,500/s", "server"):
        assert f">{each}<" in text
    assert text == (tmp_path / "b.svg").read_text()


def test_a_result_is_told_and_kept(tmp_path: Path) -> None:
    """Table, file, picture and document say the same."""
    output, where = StringIO(), circumstances("Redis 7")
    kept, drawn, document = tmp_path / "a.json", tmp_path / "a.svg", tmp_path / "a.md"
    asked = Namespace(seconds=1.0, json=kept, svg=drawn, markdown=document)
    tell(ROUNDS, where, asked, Console(file=output, width=200))
    assert kept.read_text() == as_json(ROUNDS, where, 1.0)
    assert "90 + 40 µs" in drawn.read_text()
    assert "| this tree | tree | 4,500 (4,000 to 5,000) | 3 x (2.5 to 4) |" in document.read_text()
    assert "90 (80 to 100)" in output.getvalue() and "Redis 7" in output.getvalue()


# --- a run ----------------------------------------------------------------------------------------


@pytest.mark.process
async def test_rounds_begin_with_the_same_store_and_are_audited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second round would not agree if the first had left something; one micro too many is no result."""
    monkeypatch.setattr(module, "WARM_UP_SECONDS", 0.0)  # nothing is measured here
    store, few = tmp_path / "store", Limit(requests=100)
    await stock(ROOT, store, SMALL)
    found, where = await measure(LAST, ROOT, store, SMALL, few, seed=1)
    assert "60 accounts agree to the micro" in found.audit and found.failed == 0
    assert found.rate > 0 and found.server_cpu is not None and found.store_cpu is not None
    assert where.versions["store"]

    async def one_more(tree: Path, data: Path, work: str) -> list[list[int]]:
        amounts: list[list[int]] = await at_desk(tree, data, work)
        amounts[7][2] += 1
        return amounts

    monkeypatch.setattr(module, "at_desk", one_more)
    with pytest.raises(NoResult, match=r"^tree, this tree: 2 differences: person 7: 1 micros are"):
        await measure(LAST, ROOT, store, SMALL, few, seed=2)


async def test_rounds_alternate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every store is made once, ahead of all; then all steps, then all again."""
    calls: list[str] = []

    async def made(tree: Path, data: Path, workload: Workload) -> None:
        calls.append(f"{tree} made in {data.name}")

    async def measured(
        step: Step, tree: Path, stocked: Path, workload: Workload, limit: Limit, seed: int
    ) -> tuple[Measured, Circumstances]:
        calls.append(f"{tree} from {stocked.name}, {seed}")
        return ROUNDS[step][seed - 1], replace(circumstances("Redis 7"), date=str(len(calls)))

    monkeypatch.setattr(module, "stock", made)
    monkeypatch.setattr(module, "measure", measured)
    output = StringIO()
    console, trees = Console(file=output, width=160), {FIRST: Path("a"), LAST: Path("b")}
    rounds, where = await play(trees, SMALL, 2, Limit(), console)
    each_round = ["a from 0, {}", "b from 1, {}"]
    expected = [each.format(number) for number in (1, 2) for each in each_round]
    assert calls == ["a made in 0", "b made in 1", *expected]
    assert rounds == {step: those[:2] for step, those in ROUNDS.items()}
    assert where.date == "6"
    assert "round 2 of 2: tree, this tree: 5,000/s, 80 + 30 µs" in output.getvalue()


async def test_a_desk_that_fails_has_last_words(tmp_path: Path) -> None:
    """What the tree's code said, here of a store that does not run."""
    with pytest.raises(NoResult, match=r"(?s)its desk failed: .*no store runs in"):
        await at_desk(ROOT, tmp_path, "look")


async def test_what_does_not_start_names_its_step(tmp_path: Path) -> None:
    """A tree whose server cannot be started ends the run with what it said."""
    (tmp_path / "ocs").mkdir()
    (tmp_path / "ocs" / "__init__.py").write_text("")
    (tmp_path / "ocs" / "cli.py").write_text("raise SystemExit('too old')")
    with pytest.raises(NoResult, match=r"^abc1234, before: serve ended at its start: too old"):
        await play({FIRST: tmp_path}, SMALL, 1, Limit(requests=1), Console(file=StringIO()))
    with pytest.raises(NoResult, match="no round was asked for"):
        await play({FIRST: tmp_path}, SMALL, 0, Limit(), Console(file=StringIO()))


def test_the_command_refuses_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, and nothing is written."""
    words: Sequence[str] = ("steps.py", "--json", str(tmp_path / "a"), "--svg", str(tmp_path / "b"))
    monkeypatch.setattr(sys, "argv", [*words])
    monkeypatch.setattr(module, "STEPS", written(tmp_path, "steps = 1"))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert module.main() == 1
    assert "no result: some.toml: expected [[steps]]" in capsys.readouterr().out
    assert [each.name for each in tmp_path.iterdir()] == ["some.toml"]
