"""The configuration: one TOML file, each key overridable by the environment, nothing else.

`OCS_DIAMETER__PORT=13868` overrides `port` of `[diameter]`. Unknown keys are errors, and all errors of a
run are reported together. config/ocs.toml lists every key with its default.

Exceptions:
    ConfigErrors   each with file, key and what was expected
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, IPvAnyAddress, IPvAnyNetwork, ValidationError

PREFIX = "OCS_"
Port = Annotated[int, Field(ge=0, le=65535)]
Identity = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]


class Section(BaseModel):
    """Unknown keys are errors; a loaded configuration does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Diameter(Section):
    """[diameter]"""

    identity: Identity = "ocs1.ocs.example"
    realm: Identity = "ocs.example"
    served_realms: tuple[Identity, ...] = ()
    listen: tuple[IPvAnyAddress, ...] = Field(default=("127.0.0.1",), validate_default=True)
    port: Port = 3868
    watchdog_seconds: Annotated[int, Field(ge=6, le=600)] = 30
    product: str = "Online Charging Server"
    allow_unknown_peers: Literal["loopback"] | Literal[False] = False


class Peer(Section):
    """[[peers]]"""

    identity: Identity
    realm: Identity
    addresses: tuple[IPvAnyNetwork, ...] = ()
    kind: Literal["client", "relay"] = "client"


class Ops(Section):
    """[ops]"""

    listen: IPvAnyAddress = Field(default="127.0.0.1", validate_default=True)
    port: Port = 9868


class Store(Section):
    """[store]"""

    url: Annotated[str, Field(pattern=r"^$|^(redis|rediss|unix)://.+")] = ""
    data: str = "var/store"
    partitions: Annotated[int, Field(ge=1, le=16384)] = 256
    timeout_seconds: Annotated[float, Field(ge=0.1, le=10)] = 3.0


class CatalogueSection(Section):
    """[catalogue]"""

    folder: str = "config/catalogue"


class Workers(Section):
    """[workers]"""

    count: Annotated[int, Field(ge=1, le=64)] = 1


class Service(Section):
    """[[services]]"""

    name: Literal["data", "voice"]
    contexts: tuple[str, ...]
    unit: Literal["octets", "seconds"]
    grant_default: Annotated[int, Field(ge=1, lt=2**31)]
    grant_minimum: Annotated[int, Field(ge=1, lt=2**31)] = 1
    grant_maximum: Annotated[int, Field(ge=1, lt=2**31)]
    validity_seconds: Annotated[int, Field(ge=30, le=86400)]
    threshold_percent: Annotated[int, Field(ge=0, le=90)] = 20
    refuse: Literal["mscc", "command"]
    failure_handling: Literal["terminate", "continue", "retry_and_terminate"] = (
        "retry_and_terminate"
    )


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
    services: tuple[Service, ...] = (
        Service(
            name="data",
            contexts=("32251",),
            unit="octets",
            grant_default=10 << 20,
            grant_minimum=64 << 10,
            grant_maximum=1 << 30,
            validity_seconds=3600,
            refuse="mscc",
        ),
        Service(
            name="voice",
            contexts=("32260", "32276"),
            unit="seconds",
            grant_default=60,
            grant_maximum=3600,
            validity_seconds=600,
            refuse="command",
        ),
    )
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
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise ConfigErrors([ConfigError(str(path), "-", "the file to be there")]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigErrors([ConfigError(str(path), "-", f"TOML: {error}")]) from None
    sources = override(values, environ)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigErrors(
            [describe(str(path), sources, dict(each)) for each in error.errors()]
        ) from None


def override(values: dict[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Put the environment's values in; returns which variable set which key."""
    sources: dict[str, str] = {}
    for name, text in environ.items():
        section, mark, key = name.removeprefix(PREFIX).lower().partition("__")
        if not name.startswith(PREFIX) or not mark:
            continue
        table = values.setdefault(section, {})
        if isinstance(table, dict):
            table[key] = literal(text)
            sources[f"{section}.{key}"] = name
    return sources


def literal(text: str) -> Any:
    """A value of the environment, written as in TOML; anything else is a plain string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def describe(path: str, sources: Mapping[str, str], error: dict[str, Any]) -> ConfigError:
    """One validation error as a person reads it."""
    key = ".".join(str(each) for each in error["loc"])
    expected = str(error["msg"])
    if error["type"] == "extra_forbidden":
        expected = "no such key"
    elif error["type"] == "missing":
        expected = "a value; there is no default"
    return ConfigError(sources.get(key, path), key, expected)
