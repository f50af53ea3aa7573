"""The audit finds one micro, and says what it cannot know."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ocs.books import Balance
from ocs.load.audit import TOLD_AT_MOST, answers_only, audit, compare
from ocs.load.traffic import Books

OPENING = 100_000_000
RIGHT = Balance(credited=OPENING, available=OPENING - 7, reserved=0, spent=7)


async def each(*balances: Balance) -> AsyncIterator[tuple[int, Balance]]:
    """Accounts by person."""
    for person, balance in enumerate(balances):
        yield person, balance


def test_an_account_that_agrees() -> None:
    """Nothing is found."""
    assert compare(RIGHT, OPENING, 7, None) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (replace(RIGHT, spent=8, available=OPENING - 8), "spent 8 micros, expected 7"),
        (replace(RIGHT, spent=6, available=OPENING - 6), "spent 6 micros, expected 7"),
        (replace(RIGHT, reserved=1, available=OPENING - 8), "1 micros are reserved by no session"),
        (replace(RIGHT, written_off=1, available=OPENING - 8), "1 micros were written off"),
        (
            replace(RIGHT, credited=OPENING + 1),
            f"credited {OPENING + 1} micros, expected {OPENING}",
        ),
        (replace(RIGHT, available=-1), "below zero: -1 micros"),
        (replace(RIGHT, available=OPENING - 8), "does not add up"),
    ],
)
def test_one_micro_is_found(wrong: Balance, said: str) -> None:
    """Whatever it is wrong in."""
    assert any(said in found for found in compare(wrong, OPENING, 7, None))


def test_uncertain_is_from_without_it_to_with_it() -> None:
    """And not a micro beyond; a session without an answer may hold something."""
    for spent, is_right in ((6, False), (7, True), (9, True), (10, True), (11, False)):
        balance = Balance(OPENING, OPENING - spent - 5, 5, spent)
        assert (compare(balance, OPENING, 7, 3) == []) is is_right


async def test_a_planted_micro_spoils_the_audit() -> None:
    """Its account is named."""
    books = Books([7, 7])
    assert (await audit(each(RIGHT, RIGHT), [OPENING] * 2, books)).is_good
    wrong = replace(RIGHT, spent=8, available=OPENING - 8)
    found = await audit(each(RIGHT, wrong), [OPENING] * 2, books)
    assert not found.is_good and found.differences == 1
    assert str(found) == "1 differences: person 1: spent 8 micros, expected 7"


async def test_repeats_that_were_answered_otherwise_spoil_it() -> None:
    """Though all the money is right."""
    found = await audit(each(RIGHT), [OPENING], Books([7], repeats=5, different=2))
    assert found.differences == 2 and "2 repeats were answered otherwise" in str(found)


async def test_what_is_told_is_bounded_and_all_is_counted() -> None:
    """A thousand wrong accounts are one line."""
    wrong = replace(RIGHT, spent=8, available=OPENING - 8)
    found = await audit(each(*[wrong] * 1_000), [OPENING] * 1_000, Books([7] * 1_000))
    assert found.differences == 1_000 and len(found.told) == TOLD_AT_MOST


async def test_a_good_audit_is_a_sentence() -> None:
    """With what is uncertain in it."""
    found = await audit(each(RIGHT), [OPENING], Books([7], {0: 3}, repeats=4))
    assert str(found) == (
        "1 accounts agree to the micro, 0.000007 spent, nothing left reserved, none below zero; "
        "4 repeats answered as before and charged once; 1 accounts uncertain: requests without an answer"
    )


def test_a_server_without_accounts_has_nothing_to_audit() -> None:
    """And it is said so."""
    assert str(answers_only(Books([0]))) == (
        "no charging, nothing to audit: answers were counted only"
    )
