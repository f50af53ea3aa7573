"""What a product is where its file says nothing: nothing is given, taken or forbidden."""

from dataclasses import FrozenInstanceError, fields

import pytest

from ocs.rating.product import After, BucketRule, CounterRule, Every, Fee, Late, ProductRule, Span


def test_plain_product() -> None:
    """Of a product with an id alone nothing is bought, and one may be had at a time."""
    rule = ProductRule("t", "t", "tariff")
    assert (rule.fee, rule.buckets, rule.rules, rule.credit) == (None, (), (), 0)
    assert (rule.at_most, rule.lasts, rule.after) == (1, Every(Span.ONCE), After.PAY)


def test_plain_fee_and_bucket() -> None:
    """A late fee is tried with each top-up; a bucket lasts as long as what was paid for."""
    fee = Fee(1, Every(Span.DAY))
    assert (fee.late, fee.is_prorated, fee.window_seconds) == (Late.TOPUP, False, 0)
    bucket = BucketRule("b", "octets", 1, ())
    assert (bucket.lasts, bucket.keeps, bucket.adds, bucket.is_daily) == (
        Every(Span.PERIOD), 0, False, False,
    )  # fmt: skip


@pytest.mark.parametrize("kind", [ProductRule, BucketRule, CounterRule, Fee])
def test_values(kind: type) -> None:
    """Rules are values: what a session was priced by cannot change under it."""
    given = {"id": "x", "name": "x", "kind": "addon"}
    rule = kind(*(given.get(each.name, 0) for each in fields(kind)))
    with pytest.raises(FrozenInstanceError):
        setattr(rule, fields(kind)[0].name, 1)


def test_one_word_each() -> None:
    """The words of a file are told apart by their values."""
    for words in (Span, Late, After):
        assert len({each.value for each in words}) == len(words)
