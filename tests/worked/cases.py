"""The worked cases as data: S01.toml and so on, each with a catalogue folder of its name.

An amount of money is a whole number of the tariff's smallest coins (`coin`, in micros). A name stands for a
balance of the account: `of` which one ("*" at its end: all that begin so), in units of `unit`. A balance
that is owed is written positive and stored below zero; of one counted anew each day it is what is left.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import TypedDict, cast

from ocs.rating.catalogue import Catalogue, load

FOLDER = Path(__file__).parent
FILES = sorted(each.stem for each in FOLDER.glob("S*.toml"))
#: Micros of the smallest coin, where the file does not say.
COIN = 10_000


class Name(TypedDict, total=False):
    """A balance as the cases call it."""

    of: str
    unit: int  # how many of the account's units are one of the case's; left out: of money the coin
    owed: bool
    given: bool  # money that nobody paid in: a bonus
    above: int  # the case counts from here: a credit limit
    daily: int  # so many a day


class Has(TypedDict, total=False):
    """A product that the subscriber has when the case begins."""

    product: str
    since: str
    batches: list[str]  # when its buckets were given once more
    state: str


class Mark(TypedDict, total=False):
    """A fact about the subscriber; without `until` it has no end."""

    mark: str
    until: str


class Event(TypedDict, total=False):
    """What happens. With a `service` it is usage: `units` of it, or as many as there are (`cut`)."""

    at: str
    by: str  # member of the account
    do: str
    service: str
    called: str
    incoming: bool
    visited: str
    apn: str
    facts: list[str]
    units: int
    cut: int  # nobody hangs up: the units after which it is cut
    slow: int  # of the units: those that go on without charge, restricted
    reports: list[int]
    charges: list[int]  # what each report adds to what is booked
    refused: bool
    amount: int
    channel: str
    product: str
    charge: int
    moves: dict[str, int]
    paid: str  # the product whose fee is paid afterwards
    unpaid: str
    next: dict[str, str]  # the day of the next fee, by product
    until: dict[str, str]  # when a balance ends


class Case(TypedDict, total=False):
    """From the start line to the end line."""

    case: str
    serves: str
    at: str
    has: list[Has]
    marks: list[Mark]
    state: str
    credit_limit: int
    names: dict[str, Name]
    start: dict[str, int]
    events: list[Event]
    end: dict[str, int]


class File(TypedDict, total=False):
    """One published tariff."""

    tariff: str
    source: str
    assumed: list[str]
    serves: str
    coin: int
    at: str
    members: list[str]
    names: dict[str, Name]
    cases: list[Case]


@cache
def read(stem: str) -> File:
    """The cases of a tariff."""
    text = (FOLDER / f"{stem}.toml").read_text(encoding="utf-8")
    return cast(File, tomllib.loads(text))  # its keys are compared by a test


@cache
def catalogue(stem: str) -> Catalogue:
    """What a tariff costs."""
    return load(FOLDER / "catalogue" / stem)


def names_of(file: File, case: Case) -> dict[str, Name]:
    """Every balance that a case tells of: its own names, or those of its file."""
    named = {**(case.get("names") or file.get("names", {}))}
    if not any(each["of"] == "main" for each in named.values()):
        named["main"] = {"of": "main"}
    return named


def everything() -> list[tuple[str, int]]:
    """Each case by its file and place."""
    return [(stem, number) for stem in FILES for number in range(len(read(stem)["cases"]))]


def title(which: tuple[str, int]) -> str:
    """How a case is called in the report of a run."""
    return read(which[0])["cases"][which[1]]["case"]
