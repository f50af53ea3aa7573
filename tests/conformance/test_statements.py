"""The checklist itself: nothing is left out silently, and the report says what the tests say."""

import ast

import pytest

from tests.conformance.statements import (
    HEAD,
    REPORT,
    Outcome,
    Statement,
    marked,
    numbered_tests,
    read_statements,
    report,
    result,
    row,
)

STATEMENTS = {each.number: each for each in read_statements()}
LAST = 100


def test_numbers() -> None:
    """Each statement stands once, in order."""
    assert [each.number for each in read_statements()] == [*range(1, LAST + 1)]


def test_every_statement_is_held_or_explained() -> None:
    """A statement has a test or says why not, never both and never neither."""
    tests = numbered_tests()
    assert set(tests) <= set(STATEMENTS)
    for each in STATEMENTS.values():
        assert (each.number in tests) != bool(each.not_held), each
        assert not (each.deviation and each.not_held), each


def test_marks_are_read() -> None:
    """What the report says of a test is what its mark says."""
    module = ast.parse(
        "@pytest.mark.statement(3, 4)\n@other\nasync def test_a(): ...\n"
        "@pytest.mark.statement(5)\ndef test_b(): ...\ndef test_c(): ...\n"
    )
    assert [*marked(module)] == [("test_a", 3), ("test_a", 4), ("test_b", 5)]


def test_results() -> None:
    """A statement has passed when all of its tests have; what is not run is not passed."""
    plain = Statement(1, "It holds", "RFC 8506, 5")
    tests = ["a", "b"]
    assert result(plain, tests, {"a": {"passed"}, "b": {"passed"}}) == "passed"
    assert result(plain, tests, {"a": {"passed"}, "b": {"passed", "failed"}}) == "failed, passed"
    assert result(plain, tests, {"a": {"passed"}}) == "not run, passed"
    other = Statement(2, "It does not", "RFC 8506, 5", deviation="this, since")
    assert result(other, ["a"], {"a": {"passed"}}) == "passed; deviation: this, since"
    never = Statement(3, "Never", "RFC 8506, 5", not_held="nobody can")
    assert result(never, [], {}) == "not held: nobody can"
    assert row(plain, ["tests/conformance/test_x.py::a"], "passed") == (
        "| 1 | It holds | RFC 8506, 5 | `test_x.py::a` | passed |\n"
    )


def test_report_is_in_step(request: pytest.FixtureRequest) -> None:
    """docs/conformance.md is what a run in which everything passed writes."""
    if request.config.getoption("--write-conformance", default=False):
        pytest.skip("it is being written")
    tests = numbered_tests()
    passed: dict[str, set[Outcome]] = {one: {"passed"} for each in tests.values() for one in each}
    expected = report(STATEMENTS.values(), tests, passed)
    assert expected.startswith(HEAD) and expected.count("\n| ") == LAST + 1
    assert REPORT.read_text() == expected, (
        "write it again: python -m pytest tests/conformance --write-conformance"
    )
