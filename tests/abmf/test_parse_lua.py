"""What the store's functions remember of plans: parsed once, bounded, and never changed by a charge."""

import json

from redis import Redis as SyncRedis

from ocs.abmf.calls import packed_price, packed_sources
from ocs.abmf.encoding import raw
from ocs.abmf.library import FOLDER
from ocs.model import Draw, Leg, Source, UnitKind, UtcMillis, Way
from tests.support.plans import call

NAMES = (
    "common",
    "balances",
    "money",
    "state",
    "view",
    "reach",
    "take",
    "lay",
    "parse",
    "service",
    "plan",
)
LIBRARIES = "\n".join((FOLDER / "lib" / f"{name}.lua").read_text() for name in NAMES)
_, SOURCES = packed_sources((Source("main", -5), Source("7.min", 0, (10, 3))))
BUCKET = Way(
    "b.7", (Leg(0, 600, 60, 0),), draws=(Draw("7.min", 60, 1, 2),), begins=UtcMillis(4), floor=8,
    stops=False,
)  # fmt: skip
PRICE = packed_price(
    call(1, 1, legs=(Leg(0, 60, 1, 5, 7), Leg(60, 1200, 6, 8)), unit=UnitKind.SECONDS), 30
).packed

PARSE_MANY = """
local parse, count = 0, tonumber(ARGV[2])
local function counted(lines) parse = parse + 1; return parse_price(lines) end
for round = 1, 2 do
  for i = 1, count do
    local packed = ARGV[1]:gsub('half_up', 'mode' .. i)
    if once('price', packed, counted).mode ~= 'mode' .. i then return {'another price'} end
  end
end
return {parse, parsed_count}
"""

CHARGE = """
local charges, sources = parse_charges(ARGV, 1)
local before = {cjson.encode(charges[1].price), cjson.encode(sources)}
local kept = {['7.min'] = {amount = 3, reserved = 0, label = ''}}
local account = {balance = 5000000, reserved = 0, credited = 0, kept = kept, notices = {}}
local free = free_of(account, sources)
recollect(charges, {services = {}})
mark_late(charges, 'U', 1)
settle(charges, account, free, 1000000, sources.floor)
local _, is_granted = grant(charges, free, 1000000, sources.floor, true, false)
local again, same = parse_charges(ARGV, 1)
return {before[1], cjson.encode(again[1].price), before[2], cjson.encode(same), charges[1].done,
  charges[1].granted, is_granted and 1 or 0, again[1].price == charges[1].price and 1 or 0,
  again[1].granted}
"""


def run(url: str, script: str, *arguments: str | bytes | int) -> list[object]:
    """What a script over the libraries returns."""
    with SyncRedis.from_url(url) as client:
        found = client.eval(LIBRARIES + script, 0, *arguments)
    assert isinstance(found, list)
    return found


def test_a_price_is_parsed_once(store_url: str) -> None:
    """Asked for twice, each of 2,000 is parsed once: as many are remembered."""
    assert run(store_url, PARSE_MANY, PRICE, 2000) == [2000, 2000]


def test_what_is_remembered_is_bounded(store_url: str) -> None:
    """One more than are remembered: all are forgotten, and every price is still its own."""
    parsed, kept = run(store_url, PARSE_MANY, PRICE, 2001)
    assert isinstance(parsed, int) and isinstance(kept, int)
    assert parsed > 2001 and kept <= 2000


def test_a_charge_changes_nothing_of_its_price(store_url: str) -> None:
    """It lays usage and a grant on a bucket and on money; what was parsed is as it was, and the next
    charge of the price begins anew."""
    ways = (BUCKET, Way("p.1", (Leg(0, 60, 1, 5, 7), Leg(60, 1200, 6, 8))))
    charge = call(1, 1, unit=UnitKind.SECONDS)
    price = packed_price(type(charge)("10", 200, 90, ways=ways, unit=charge.unit), 30).packed
    found = run(store_url, CHARGE, SOURCES, "10", 200, 90, "", 0, price)
    before, after, sources, same, done, granted, is_granted, is_known, begun = found
    assert (done, granted, is_granted, is_known, begun) == (200, 90, 1, 1, 0)
    assert json.loads(raw(before)) == json.loads(raw(after))
    assert json.loads(raw(sources)) == json.loads(raw(same))
