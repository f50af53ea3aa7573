"""The statements that the server is held to, the tests that carry their numbers, and the report of both.

`statements.toml` has them in the order of the checklist; a test carries its numbers as a mark.
"""

import ast
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
REPORT = ROOT / "docs" / "conformance.md"

Outcome = Literal["passed", "failed", "skipped"]

HEAD = """# Conformance

What this server is held to as a Diameter credit-control server on Gy and Ro, and the test that holds it
to each statement. Written by `python -m pytest tests/conformance --write-conformance`; a test keeps it in
step with `tests/conformance/statements.toml`. A deviation is held by its test as well: the test shows what
the server does instead, and the reason stands beside it.

| # | Statement | Source | Test | Result |
|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: what must hold, and which document says so."""

    number: int
    text: str
    source: str
    deviation: str = ""  # what the server does instead, and why
    not_held: str = ""  # why it cannot hold; such a statement has no test


def read_statements() -> list[Statement]:
    """All of them, in order."""
    content = tomllib.loads((FOLDER / "statements.toml").read_text())
    return [Statement(**each) for each in content["statements"]]


def numbered_tests() -> dict[int, list[str]]:
    """The tests of this folder that carry each number, as node ids without their parameters."""
    found: dict[int, list[str]] = {}
    for path in sorted(FOLDER.glob("test_*.py")):
        for name, number in marked(ast.parse(path.read_text())):
            found.setdefault(number, []).append(f"{path.relative_to(ROOT)}::{name}")
    return found


def marked(module: ast.Module) -> Iterator[tuple[str, int]]:
    """Each test function with each number of its mark."""
    for each in module.body:
        if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for mark in each.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.statement":
                for argument in mark.args:
                    yield each.name, int(ast.literal_eval(argument))


def report(
    statements: Iterable[Statement],
    tests: Mapping[int, list[str]],
    outcomes: Mapping[str, set[Outcome]],
) -> str:
    """The report as Markdown."""
    return HEAD + "".join(
        row(each, tests.get(each.number, []), result(each, tests.get(each.number, []), outcomes))
        for each in statements
    )


def row(statement: Statement, tests: Iterable[str], said: str) -> str:
    """One line of the table."""
    names = "<br>".join(f"`{each.removeprefix('tests/conformance/')}`" for each in tests)
    return f"| {statement.number} | {statement.text} | {statement.source} | {names} | {said} |\n"


def result(statement: Statement, tests: Iterable[str], outcomes: Mapping[str, set[Outcome]]) -> str:
    """What became of a statement in a run."""
    if statement.not_held:
        return f"not held: {statement.not_held}"
    found = {one for each in tests for one in outcomes.get(each, {"not run"})}
    said = "passed" if found == {"passed"} else ", ".join(sorted(found))
    return f"{said}; deviation: {statement.deviation}" if statement.deviation else said
