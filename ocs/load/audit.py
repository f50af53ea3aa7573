"""After a run: does each account say what its requests must have cost, to the micro?

What was expected was computed from what the clients reported and what the price list says (Books), in
whole numbers, and never by the server's rating. A request without an answer leaves its account uncertain:
anything from without it to with it is right, and the audit says how many such accounts there are.
"""

from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass

from ocs.amounts import format_amount
from ocs.books import Balance
from ocs.load.traffic import Books

#: Differences that are told in words; all are counted.
TOLD_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Audit:
    """What was compared, and what differed."""

    #: 0: a server without accounts of ours, whose answers alone were counted.
    accounts: int
    repeats: int
    #: Micros that the accounts have spent.
    spent: int = 0
    uncertain: int = 0
    differences: int = 0
    told: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether nothing differed."""
        return not self.differences

    def __str__(self) -> str:
        if not self.accounts:
            return "no charging, nothing to audit: answers were counted only"
        if self.differences:
            return f"{self.differences:,} differences: " + "; ".join(self.told)
        said = (
            f"{self.accounts:,} accounts agree to the micro, {format_amount(self.spent)} spent, "
            f"nothing left reserved, none below zero"
        )
        if self.repeats:
            said += f"; {self.repeats:,} repeats answered as before and charged once"
        if self.uncertain:
            said += f"; {self.uncertain:,} accounts uncertain: requests without an answer"
        return said


def answers_only(books: Books) -> Audit:
    """Of a server without accounts of ours."""
    return Audit(accounts=0, repeats=books.repeats)


async def audit(
    balances: AsyncIterable[tuple[int, Balance]], openings: Sequence[int], books: Books
) -> Audit:
    """Compare every account, by person."""
    told: list[str] = []
    accounts = spent = differences = 0
    if books.different:
        differences = books.different
        told.append(f"{books.different} repeats were answered otherwise than the first time")
    async for person, balance in balances:
        accounts += 1
        spent += balance.spent
        for each in compare(
            balance, openings[person], books.cost[person], books.unsure.get(person)
        ):
            differences += 1
            if len(told) < TOLD_AT_MOST:
                told.append(f"person {person}: {each}")
    return Audit(accounts, books.repeats, spent, len(books.unsure), differences, tuple(told))


def compare(balance: Balance, opening: int, cost: int, unsure: int | None) -> list[str]:
    """What is wrong with one account; `unsure` is what may have been spent besides."""
    found = []
    most = cost + (unsure or 0)
    if not cost <= balance.spent <= most:
        expected = str(cost) if unsure is None else f"{cost} to {most}"
        found.append(f"spent {balance.spent} micros, expected {expected}")
    if balance.credited != opening:
        found.append(f"credited {balance.credited} micros, expected {opening}")
    # Every session has ended; of one without an answer nobody knows.
    if balance.reserved < 0 or (balance.reserved and unsure is None):
        found.append(f"{balance.reserved} micros are reserved by no session")
    if balance.written_off:
        found.append(f"{balance.written_off} micros were written off")
    if balance.available < 0:
        found.append(f"below zero: {balance.available} micros")
    total = balance.available + balance.reserved + balance.spent + balance.written_off
    if balance.credited != total:
        found.append(f"does not add up: {balance.credited} credited, {total} accounted for")
    return found
