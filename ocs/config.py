"""The configuration: one TOML file, each key overridable by the environment, nothing else.

`OCS_DIAMETER__PORT=13868` overrides `port` of `[diameter]`, `OCS_PEERS__0__REALM` that of the first peer.
Unknown keys are errors, and all errors of a run are reported together. config/ocs.toml lists every key
with its default. Values are taken as TOML has them: `true` is no number, 1 is no address.

Exceptions:
    ConfigErrors   each with file, key and what was expected
"""

import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    IPvAnyAddress,
    IPvAnyNetwork,
    StrictFloat,
    StrictInt,
    ValidationError,
)

from ocs import config_services
from ocs.config_services import DEFAULTS, Section, Service, once, tables

PREFIX = "OCS_"
PORT_MAX = 65535
TLS_PORT = 5868  # RFC 6733, 11.4
#: Kinds of error that say it better in our words.
EXPECTED = {
    "extra_forbidden": "no such key",
    "missing": "a value; there is no default",
    "tuple_type": "a list",
    "model_type": "a table",
}


def _quoted(value: object) -> object:
    # The library would take 1 for 0.0.0.1.
    if isinstance(value, int):
        raise ValueError("an address in quotes")
    return value


def _store_url(value: str) -> str:
    try:
        _ = urlsplit(value).port
    except ValueError:
        raise ValueError("a URL with a port from 1 to 65535") from None
    return value


Port = Annotated[StrictInt, Field(ge=0, le=PORT_MAX)]
Identity = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", max_length=255)
]
Address = Annotated[IPvAnyAddress, BeforeValidator(_quoted)]
Network = Annotated[IPvAnyNetwork, BeforeValidator(_quoted)]
StoreUrl = Annotated[
    str, Field(pattern=r"^$|^(redis|rediss|unix)://.+"), AfterValidator(_store_url)
]


class Tls(Section):
    """[diameter.tls]"""

    certificate: str
    key: str
    ca: str
    listen: tuple[Address, ...] = Field(default=("127.0.0.1",), validate_default=True)
    port: Port = TLS_PORT


class Diameter(Section):
    """[diameter]"""

    identity: Identity = "ocs1.ocs.example"
    realm: Identity = "ocs.example"
    served_realms: tuple[Identity, ...] = ()
    listen: tuple[Address, ...] = Field(default=("127.0.0.1",), validate_default=True)
    port: Port = 3868
    watchdog_seconds: Annotated[StrictInt, Field(ge=6, le=600)] = 30
    product: str = "Online Charging Server"
    allow_unknown_peers: Literal["loopback", False] = False
    tls: Tls | None = None


class Peer(Section):
    """[[peers]]"""

    identity: Identity
    realm: Identity
    addresses: tuple[Network, ...] = ()
    kind: Literal["client", "relay"] = "client"
    realms: tuple[Literal["*"] | Identity, ...] = ()


class Ops(Section):
    """[ops]"""

    listen: Address = Field(default="127.0.0.1", validate_default=True)
    port: Port = 9868


class Store(Section):
    """[store]"""

    url: StoreUrl = ""
    data: str = "var/store"
    partitions: Annotated[StrictInt, Field(ge=1, le=16384)] = 256
    # A worker waits a second at a time for its inbox: a shorter time-out would cut each wait.
    timeout_seconds: Annotated[StrictFloat, Field(ge=2, le=10)] = 3.0


class CatalogueSection(Section):
    """[catalogue]"""

    folder: str = "config/catalogue"


class Workers(Section):
    """[workers]"""

    count: Annotated[StrictInt, Field(ge=1, le=64)] = 1


class Log(Section):
    """[log]"""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(Section):
    """The whole file."""

    diameter: Diameter = Diameter()
    peers: tuple[Peer, ...] = ()
    ops: Ops = Ops()
    store: Store = Store()
    catalogue: CatalogueSection = CatalogueSection()
    workers: Workers = Workers()
    services: tuple[Service, ...] = DEFAULTS
    log: Log = Log()

    def warnings(self) -> list[str]:
        """What is allowed and yet deserves a second look."""
        found = [
            f"services {each.name}: failure_handling continue lets people talk into debt "
            "while this server is silent"
            for each in self.services
            if each.failure_handling == "continue"
        ]
        if any(not each.is_loopback for each in self.diameter.listen):
            found.append("diameter.listen: Diameter without TLS leaves this machine")
        return found


@dataclass(frozen=True, slots=True)
class ConfigError:
    """One error: where, and what was expected."""

    file: str
    key: str
    expected: str


class ConfigErrors(Exception):
    """Every error of one load."""

    def __init__(self, errors: list[ConfigError]) -> None:
        super().__init__("; ".join(f"{each.file}: {each.key}: {each.expected}" for each in errors))
        self.errors = errors


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """The configuration in `path`, overridden by OCS_SECTION__KEY of the environment."""
    values, errors = read(path)
    sources = override(values, environ, errors)

    def add(key: str, expected: str) -> None:
        errors.append(ConfigError(source_of(key, sources) or str(path), key, expected))

    config = None
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        for each in error.errors():
            key = ".".join(map(str, each["loc"]))
            add(key, EXPECTED.get(each["type"]) or sentence(each["msg"]))
    for key, expected in contradictions(values):
        add(key, expected)
    if config is None or errors:
        raise ConfigErrors(errors)
    return config


def read(path: Path) -> tuple[dict[str, Any], list[ConfigError]]:
    """What the file says, or nothing and why it cannot be read."""
    try:
        return tomllib.loads(path.read_bytes().decode()), []
    except FileNotFoundError:
        expected = "the file to be there"
    except OSError as error:
        expected = f"a file that can be read: {error.strerror}"
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        expected = f"TOML: {error}"
    return {}, [ConfigError(str(path), "-", expected)]


def catalogue_folder(path: Path, environ: Mapping[str, str]) -> Path:
    """Where the catalogue is, also when the file that says so has mistakes elsewhere."""
    values, errors = read(path)
    if errors and path.is_file():
        text = path.read_bytes().decode(errors="replace")
        section = re.search(r"^\[catalogue\].*\n(?:(?!\[).*\n?)*", text, re.MULTILINE)
        try:
            values = tomllib.loads(section[0]) if section else {}
        except tomllib.TOMLDecodeError:
            values = {}
    override(values, environ, [])
    try:
        return Path(CatalogueSection.model_validate(values.get("catalogue", {})).folder)
    except ValidationError:
        return Path(CatalogueSection().folder)


def override(
    values: dict[str, Any], environ: Mapping[str, str], errors: list[ConfigError]
) -> dict[str, str]:
    """Put the environment's values in; returns which variable set which key."""
    sources: dict[str, str] = {}
    for name, text in sorted(environ.items()):
        path = name.removeprefix(PREFIX).lower().split("__")
        if not name.startswith(PREFIX) or len(path) < 2:
            continue
        if path[0] == "services":
            values.setdefault("services", [each.model_dump() for each in Config().services])
        key = ".".join(path)
        if path[0] in Config.model_fields and place(values, path, literal(text)):
            sources[key] = name
        else:
            errors.append(ConfigError(name, key, "no such key"))
    return sources


def place(inside: Any, path: list[str], value: Any) -> bool:
    """Set what `path` leads to, a number being a place in a list; False when it leads nowhere."""
    name, *rest = path
    key: Any = name
    if isinstance(inside, list) and name.isdecimal() and int(name) <= len(inside):
        key = int(name)
        inside += [{}] if key == len(inside) else []
    elif not isinstance(inside, dict):
        return False
    if not rest:
        inside[key] = value
        return True
    if isinstance(inside, dict):
        inside.setdefault(key, [] if rest[0].isdecimal() else {})
    return place(inside[key], rest, value)


def literal(text: str) -> Any:
    """A value of the environment, written as in TOML; anything else is a plain string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def source_of(key: str, sources: Mapping[str, str]) -> str | None:
    """The variable that set `key`, a part of it, or the list that it stands in."""
    for each, name in sources.items():
        if each.startswith(key + "."):
            return name
    while key:
        if key in sources:
            return sources[key]
        key = key.rpartition(".")[0]
    return None


def sentence(message: str) -> str:
    """The library's message as what was expected."""
    return message.removeprefix("Value error, ").removeprefix("Input should be ")


# --- what no single key can tell ------------------------------------------------------------------


def contradictions(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Keys that do not fit each other, as (key, expected), whatever else is wrong."""
    yield from config_services.contradictions(values)
    identities: set[object] = set()
    for where, each in tables(values, "peers"):
        yield from once(f"{where}.identity", str(each.get("identity", where)).lower(), identities)
        if each.get("realms") and each.get("kind", "client") == "client":
            yield f"{where}.realms", 'kind = "relay": a client speaks for itself only'
    yield from _tls(values)
    yield from _ports(values)


def table(values: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """A table inside tables, empty where there is none."""
    found: Any = values
    for name in names:
        found = found.get(name)
        if not isinstance(found, dict):
            return {}
    return found  # type: ignore[no-any-return]  # TOML: its keys are text


def _tls(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    diameter, tls = table(values, "diameter"), table(values, "diameter", "tls")
    if diameter.get("listen") == [] and not tls:
        yield "diameter.listen", "an address, or [diameter.tls]"
    if tls.get("listen") == []:
        yield "diameter.tls.listen", "an address"
    for key in ("certificate", "key", "ca"):
        path = tls.get(key)
        if not isinstance(path, str):
            continue
        try:
            mode = Path(path).stat().st_mode
        except PermissionError:
            continue  # the server may be another user; its start will tell
        except (OSError, ValueError):
            mode = 0
        if not stat.S_ISREG(mode):
            yield f"diameter.tls.{key}", "a file that is there"
        elif key == "key" and mode & (stat.S_IROTH | stat.S_IWOTH):
            yield "diameter.tls.key", f"a file that not everybody can read: chmod 600 {path}"


def _ports(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Worker i uses each port plus i; 0 takes a free one."""

    def number(key: str, default: int, *names: str) -> int:
        found = table(values, *names).get(key, default)
        return found if type(found) is int else default

    count = number("count", Workers().count, "workers")
    ports = {"diameter": number("port", Diameter().port, "diameter")}
    if table(values, "diameter", "tls"):
        ports["diameter.tls"] = number("port", TLS_PORT, "diameter", "tls")
    ports["ops"] = number("port", Ops().port, "ops")
    for section, port in ports.items():
        if 0 < port <= PORT_MAX < port + count - 1:
            yield f"{section}.port", f"room for {count} workers below {PORT_MAX + 1}"
    for (one, first), (other, second) in combinations(ports.items(), 2):
        if first and second and abs(first - second) < count:
            yield f"{other}.port", f"none of the {count} from {first} on, which {one}.port uses"
