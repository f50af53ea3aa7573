"""Whole sessions as known clients play them, from `data/`: what each sends, and what it reads of an answer.

A step lists the AVPs of a request as [code, form, value] or [code, members]; "10415:872" is of that vendor,
and a "-" behind the code leaves the M bit off. `reads` are the paths that the client looks at, in the
last MSCC where there are several: a number, "present", "absent" or ">number".
"""

import asyncio
import struct
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from ocs.charging.policy import ChargingPolicy
from ocs.diameter.avp import octets
from ocs.diameter.framing import pack_header
from ocs.node.peers import PeerConfig
from ocs.node.server import NodeSettings
from ocs.rating.catalogue import Catalogue, load
from tests.charging.worked import DATA, IMSI, MSISDN, POLICY, REDIRECT
from tests.support import rig as rigs, strict
from tests.support.rig import HOST, REALM, Client, Rig

FOLDER = Path(__file__).parent / "data"
PROFILES = sorted(each.stem for each in FOLDER.glob("*.toml"))
CATALOGUE = Path(__file__).parents[2] / "config" / "catalogue"
NTP_EPOCH = 2_208_988_800
#: Quota of 10 MB, and a rating group that is redirected when the money ends.
GATEWAY = replace(DATA, grant_default=10 << 20)
SERVICES = ChargingPolicy(
    (
        replace(GATEWAY, groups=((frozenset((30,)), replace(GATEWAY, final_unit=REDIRECT)),)),
        *POLICY.services[1:],
    )
)


@cache
def tariffs() -> Catalogue:
    """The tariffs that the repository holds."""
    return load(CATALOGUE)


class Player:
    """One client, with what it knows while it plays."""

    def __init__(self, profile: dict[str, Any], rig: Rig, client: Client) -> None:
        self._profile = profile
        self._rig = rig
        self._client = client
        self._kept = b""

    def write(self, avp: Sequence[Any], session: int = 1) -> bytes:
        """One AVP of a profile."""
        name = avp[0].rstrip("-")
        vendor, _, code = name.rpartition(":")
        owner = int(vendor or 0)
        flags = 0 if avp[0].endswith("-") else strict.M
        if len(avp) == 2:
            data = b"".join(self.write(each, session) for each in avp[1])
        else:
            data = self._value(avp[1], avp[2], session)
        return octets(int(code), data, flags, owner)

    def _value(self, form: str, value: Any, session: int) -> bytes:
        match form:
            case "u32":
                return struct.pack("!I", value)
            case "u64":
                return struct.pack("!Q", value)
            case "hex":
                return bytes.fromhex(value)
            case "time":
                now = self._rig.clock.now // 1000 + value
                return struct.pack("!I", now + NTP_EPOCH & 0xFFFFFFFF)
            case "kept":
                return self._kept
        host = self._profile["host"]
        names = {"host": host, "realm": self._profile["realm"], "msisdn": MSISDN, "imsi": IMSI}
        known = {**names, "session": f"{host};{session};1", "server": HOST, "server_realm": REALM}
        return str(value).format(**known).encode()

    async def top_up(self, tenge: int) -> None:
        """Money comes while the session waits for it: the server asks the client to come back."""
        await self._rig.top_up(tenge)
        assert (await self._client.told()).command == strict.RAR

    async def step(self, step: dict[str, Any]) -> None:
        """One request, and what the client reads of its answer."""
        session = step.get("session", 1)
        self._rig.clock.goes_on(step.get("passed", 0))
        avps = [*self._profile["common"], *step["avps"]]
        body = b"".join(self.write(each, session) for each in avps)
        number = self._client.next_id()
        message = pack_header(20 + len(body), 0xC0, strict.CCR, 4, number, number) + body
        answer = await self._client.raw(message)
        found = strict.check(message, answer)
        for path, expected in step["reads"].items():
            assert_reads(found, path, expected, step["why"])
        if "keep" in step:
            self._kept = look_up(found, step["keep"])[-1].data


def look_up(found: Sequence[strict.AVP], path: str) -> Sequence[strict.AVP]:
    """The AVPs at a path of codes."""
    first, _, rest = path.partition("/")
    vendor, _, code = first.rpartition(":")
    here = [each for each in found if each.code == int(code) and each.vendor == int(vendor or 0)]
    return look_up(here[-1].members, rest) if here and rest else here


def assert_reads(found: Sequence[strict.AVP], path: str, expected: Any, why: str) -> None:
    """The value at a path is what the client needs there."""
    here = look_up(found, path)
    if expected in ("present", "absent"):
        assert bool(here) == (expected == "present"), f"{why}: {path}"
        return
    assert here, f"{why}: {path} is not there"
    if isinstance(expected, str):
        assert here[-1].number > int(expected.removeprefix(">")), f"{why}: {path}"
    else:
        assert here[-1].number == expected, f"{why}: {path}"


def profile_of(name: str) -> dict[str, Any]:
    """One client's profile."""
    return tomllib.loads((FOLDER / f"{name}.toml").read_text())


def served(redis: Redis, profile: dict[str, Any]) -> Rig:
    """A server that knows this client. The client's realm is served too: open5gs sends to its own."""
    realms = frozenset({REALM, profile["realm"]})
    settings = NodeSettings(HOST, REALM, port=0, served_realms=realms)
    return Rig(redis, SERVICES, [PeerConfig(profile["host"], (), profile["realm"])], settings)


@pytest.fixture(autouse=True)
def published_tariffs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients name rating groups and identifiers that the worked tariffs do not have."""
    monkeypatch.setattr(rigs, "catalogue", tariffs)


@pytest.mark.parametrize("name", PROFILES)
async def test_profile(name: str, redis: Redis) -> None:
    """The client finds in each answer what it needs, and the account holds what its steps cost."""
    profile = profile_of(name)
    async with served(redis, profile) as rig:
        await rig.subscriber(profile["tenge"], tariff="conversations")
        client = await rig.client(profile["host"], profile["realm"])
        client.answers_server_requests = not profile.get("is_silent", False)
        player = Player(profile, rig, client)
        together: list[dict[str, Any]] = []
        for step in profile["steps"]:
            if "top_up" in step:
                await player.top_up(step["top_up"])
                continue
            together.append(step)
            if not step.get("with_next"):
                await asyncio.gather(*map(player.step, together))
                together.clear()
            if "money" in step:
                assert await rig.money() == tuple(step["money"]), step["why"]


@pytest.mark.parametrize("name", [each for each in PROFILES if "cer" in profile_of(each)])
async def test_capabilities(name: str, redis: Redis) -> None:
    """A client with a capabilities exchange of its own is let in, and finds what it looks for."""
    profile = profile_of(name)
    async with served(redis, profile) as rig, rig.line() as line:
        player = Player(profile, rig, Client())
        body = b"".join(player.write(each) for each in profile["cer"])
        cer = pack_header(20 + len(body), 0x80, strict.CER, 0, 1, 1) + body
        found = strict.check(cer, await line.ask(cer))
        for path, expected in profile["cea_reads"].items():
            assert_reads(found, path, expected, "capabilities")


async def test_client_that_ignores_the_server_profits_from_a_top_up(redis: Redis) -> None:
    """Kamailio answers no Re-Auth-Request. Its next update is granted what the money pays for now: of
    32.00 its 65 s cost 11.92 (65 x 11/60), and 60 s more are reserved for 11.00."""
    profile = profile_of("kamailio")
    async with served(redis, profile) as rig:
        await rig.subscriber(profile["tenge"], tariff="conversations")
        client = await rig.client(profile["host"], profile["realm"])
        client.answers_server_requests = False
        player = Player(profile, rig, client)
        first, final, update = profile["steps"][:3]
        await player.step(first)
        await player.step(final)
        await player.top_up(20)
        granted = {"268": 2001, "456/268": 2001, "456/431/420": 60, "456/430": "absent"}
        await player.step({**update, "reads": granted})
        assert await rig.money() == (2008, 1100)


async def test_last_report_without_identifier_is_paid(redis: Redis) -> None:
    """A last report under another name than the quota's (Magma leaves the Service-Identifier out) is paid
    with what the session held: 5.00 of the 30.00 that were all reserved."""
    profile = profile_of("magma")
    async with served(redis, profile) as rig:
        await rig.subscriber(profile["tenge"], tariff="conversations")
        client = await rig.client(profile["host"], profile["realm"])
        player = Player(profile, rig, client)
        first, last = profile["steps"][0], profile["steps"][4]
        await player.step(first)
        await player.step(last)
        assert (await rig.money(), await rig.written_off()) == ((2500, 0), 0)
