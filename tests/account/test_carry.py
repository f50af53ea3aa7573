"""A rule is asked again when what it saw has changed meanwhile, and only then."""

from dataclasses import replace

import pytest

from ocs.account.carry import ATTEMPTS, carry_out
from ocs.account.standing import Refused, Standing, Terms
from ocs.books import Act, Balance, Movement, Posting, PostOutcome, PostStatus
from ocs.model import AccountId, Partition, Subscriber
from tests.account.book import ZONE, at, subscriber

NOON = at("2019-03-04 12:00")


class Answers:
    """A ledger that says what a race would make the real one say."""

    def __init__(self, *statuses: PostStatus, balance: Balance | None = None) -> None:
        self.statuses = list(statuses)
        self.held: Balance | None = balance or Balance(available=10)
        self.seen: list[Posting] = []
        self.refreshed = 0

    async def post(self, posting: Posting) -> PostOutcome:
        """The next answer; who is stale is told what is stored."""
        self.seen.append(posting)
        status = self.statuses[min(len(self.seen), len(self.statuses)) - 1]
        stored = subscriber(version=len(self.seen) + 1) if status is PostStatus.STALE else None
        return PostOutcome(status, subscriber=stored)

    async def balance(self, account_id: AccountId, partition: Partition) -> Balance | None:
        """What is there."""
        return self.held

    async def refresh(self, stale: Subscriber) -> Subscriber:
        """Read again."""
        self.refreshed += 1
        return replace(stale, version=stale.version + 1)

    async def carried(self) -> PostOutcome | None:
        """A rule that takes 1, carried out."""

        def take(standing: Standing) -> Posting | None:
            movements = [Movement(Act.DEBIT, amount=1)]
            return standing.posting("k", "fee", "why", movements, subscriber=standing.subscriber)

        return await carry_out(
            self,
            subscriber(),
            take,
            Terms({}, ZONE),
            NOON,
            actor="tester",
            refresh=self.refresh,
        )


async def test_an_account_that_is_not_there_is_refused() -> None:
    """Nothing is posted."""
    ledger = Answers(PostStatus.POSTED)
    ledger.held = None
    with pytest.raises(Refused, match="account"):
        await ledger.carried()
    assert ledger.seen == []


@pytest.mark.parametrize(
    "status", [PostStatus.POSTED, PostStatus.REPLAYED, PostStatus.MISMATCH, PostStatus.LIMIT]
)
async def test_a_final_word_is_final(status: PostStatus) -> None:
    """It is not asked twice."""
    ledger = Answers(status)
    outcome = await ledger.carried()
    assert outcome is not None and outcome.status is status and len(ledger.seen) == 1


async def test_who_was_stale_plans_from_what_is_stored() -> None:
    """The second posting carries the version that the first one was answered with."""
    ledger = Answers(PostStatus.STALE, PostStatus.POSTED)
    outcome = await ledger.carried()
    assert outcome is not None and outcome.status is PostStatus.POSTED
    versions = [each.subscriber.version for each in ledger.seen if each.subscriber is not None]
    assert versions == [1, 2] and ledger.refreshed == 0


async def test_money_that_somebody_took_meanwhile_is_looked_at_again() -> None:
    """Balance and subscriber are read afresh."""
    ledger = Answers(PostStatus.INSUFFICIENT, PostStatus.POSTED)
    outcome = await ledger.carried()
    assert outcome is not None and outcome.status is PostStatus.POSTED and ledger.refreshed == 1


async def test_it_does_not_try_for_ever() -> None:
    """The last word is given back."""
    ledger = Answers(PostStatus.INSUFFICIENT)
    outcome = await ledger.carried()
    assert outcome is not None and outcome.status is PostStatus.INSUFFICIENT
    assert len(ledger.seen) == ATTEMPTS


async def test_a_rule_with_nothing_to_do_posts_nothing() -> None:
    """None comes back."""
    ledger = Answers(PostStatus.POSTED)
    outcome = await carry_out(
        ledger,
        subscriber(),
        lambda _: None,
        Terms({}, ZONE),
        NOON,
        actor="tester",
        refresh=ledger.refresh,
    )
    assert outcome is None and ledger.seen == []
