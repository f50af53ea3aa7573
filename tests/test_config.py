"""The configuration: every mistake is named, all of a run together; every default is written down."""

import tomllib
from collections.abc import Iterator
from ipaddress import ip_address
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from ocs.config import Config, ConfigError, ConfigErrors, Peer, Tls, catalogue_folder, load
from ocs.config_services import Group, Service

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "config" / "ocs.toml"
EXAMPLES = sorted((ROOT / "config" / "examples").glob("*.toml"))

SERVICE = """
[[services]]
name = "data"
contexts = ["32251"]
unit = "octets"
grant_default = 10
grant_maximum = 20
validity_seconds = 60
refuse = "mscc"
"""


def written(folder: Path, text: str) -> Path:
    """A configuration file."""
    path = folder / "ocs.toml"
    path.write_text(text)
    return path


def errors(path: Path, **environ: str) -> list[ConfigError]:
    """The errors of a load that must fail."""
    with pytest.raises(ConfigErrors) as found:
        load(path, environ)
    assert str(found.value).count(": ") >= 2 * len(found.value.errors)
    return found.value.errors


def keys_of(path: Path, **environ: str) -> list[str]:
    """The keys of those errors."""
    return sorted(each.key for each in errors(path, **environ))


# --- files that cannot be read --------------------------------------------------------------------


def test_no_such_file(tmp_path: Path) -> None:
    """A path that leads nowhere is one error that names it."""
    path = tmp_path / "none.toml"
    assert errors(path) == [ConfigError(str(path), "-", "the file to be there")]


def test_a_folder(tmp_path: Path) -> None:
    """A folder is no configuration."""
    (found,) = errors(tmp_path)
    assert found.file == str(tmp_path) and "can be read" in found.expected


@pytest.mark.parametrize("data", [b"[diameter", b"\xff\xfe", b"a = 1\na = 2"])
def test_not_toml(tmp_path: Path, data: bytes) -> None:
    """Text that is no TOML, and octets that are no text, are one error of the file."""
    path = tmp_path / "ocs.toml"
    path.write_bytes(data)
    (found,) = errors(path)
    assert (found.file, found.key) == (str(path), "-") and found.expected.startswith("TOML")


def test_mistakes_of_the_environment_beside_a_broken_file(tmp_path: Path) -> None:
    """A file that is no TOML does not hide what is wrong in the environment."""
    path = written(tmp_path, "[diameter")
    files = [each.file for each in errors(path, OCS_WORKERS__COUNT="0")]
    assert files == [str(path), "OCS_WORKERS__COUNT"]


# --- values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[diameter]\nprot = 1", "diameter.prot"),
        ("[diamter]\nport = 1", "diamter"),
        ("diameter = 1", "diameter"),
        ("peers = 1", "peers"),
        ('[diameter]\nport = "3868"', "diameter.port"),
        ("[diameter]\nport = true", "diameter.port"),
        ("[diameter]\nport = 3868.0", "diameter.port"),
        ("[diameter]\nport = 65536", "diameter.port"),
        ("[diameter]\nport = -1", "diameter.port"),
        ("[diameter]\nwatchdog_seconds = 5", "diameter.watchdog_seconds"),
        ('[diameter]\nidentity = "a b"', "diameter.identity"),
        ('[diameter]\nidentity = "a\\n"', "diameter.identity"),
        (f'[diameter]\nrealm = "{"a" * 256}"', "diameter.realm"),
        ('[diameter]\nlisten = "127.0.0.1"', "diameter.listen"),
        ('[diameter]\nlisten = ["localhost"]', "diameter.listen.0"),
        ("[diameter]\nlisten = [1]", "diameter.listen.0"),
        ('[diameter]\nallow_unknown_peers = "all"', "diameter.allow_unknown_peers"),
        ("[diameter]\nallow_unknown_peers = true", "diameter.allow_unknown_peers"),
        ("[ops]\nlisten = 1", "ops.listen"),
        ('[store]\nurl = "http://h"', "store.url"),
        ('[store]\nurl = "redis://h:99999/0"', "store.url"),
        ("[store]\npartitions = 0", "store.partitions"),
        ("[store]\ntimeout_seconds = 1", "store.timeout_seconds"),
        ("[store]\ntimeout_seconds = nan", "store.timeout_seconds"),
        ("[store]\ntimeout_seconds = true", "store.timeout_seconds"),
        ("[workers]\ncount = 65", "workers.count"),
        ('[log]\nlevel = "loud"', "log.level"),
        ("services = []", "services"),
        ('[[peers]]\nidentity = "a"', "peers.0.realm"),
        ('[[peers]]\nidentity = "a"\nrealm = "b"\naddresses = ["10.0.0.1/8"]', "peers.0.addresses.0"),
        ('[[peers]]\nidentity = "a"\nrealm = "b"\nkind = "proxy"', "peers.0.kind"),
        ('[[peers]]\nidentity = "a"\nrealm = "b"\nrealms = ["c"]', "peers.0.realms"),
        ('[[peers]]\nidentity = "a"\nrealm = "b"\nkind = "client"\nrealms = ["*"]',
         "peers.0.realms"),
        ("[diameter]\nlisten = []", "diameter.listen"),
        ("[diameter]\ntls = 1", "diameter.tls"),
        (SERVICE.replace('"data"', '"fax"'), "services.0.name"),
        (SERVICE.replace('["32251"]', "[]"), "services.0.contexts"),
        (SERVICE.replace('"32251"', '"8.32251@3gpp.org"'), "services.0.contexts.0"),
        (SERVICE.replace('"octets"', '"seconds"'), "services.0.unit"),
        (SERVICE.replace('"mscc"', '"never"'), "services.0.refuse"),
        (SERVICE.replace("grant_default = 10\n", ""), "services.0.grant_default"),
        (SERVICE + "threshold_percent = 91", "services.0.threshold_percent"),
        (SERVICE + "validity = 1", "services.0.validity"),
    ],
)  # fmt: skip
def test_refused(tmp_path: Path, text: str, key: str) -> None:
    """One mistake is one error, with the file and the key."""
    path = written(tmp_path, text)
    (found,) = errors(path)
    assert (found.file, found.key) == (str(path), key) and found.expected


@pytest.mark.parametrize(
    ("minimum", "default", "maximum", "key"),
    [
        (11, 10, 20, "services.0.grant_default"),
        (1, 21, 20, "services.0.grant_default"),
        (20, 10, 5, "services.0.grant_minimum"),
    ],
)
def test_grants_in_order(
    tmp_path: Path, minimum: int, default: int, maximum: int, key: str
) -> None:
    """grant_minimum <= grant_default <= grant_maximum."""
    text = SERVICE.replace("= 10\n", f"= {default}\ngrant_minimum = {minimum}\n")
    path = written(tmp_path, text.replace("maximum = 20\n", f"maximum = {maximum}\n"))
    assert key in keys_of(path)


def test_duplicates(tmp_path: Path) -> None:
    """A service name, a context label and a peer identity (whatever its case) stand for one thing."""
    peer = '\n[[peers]]\nidentity = "{}.example"\nrealm = "example"\n'
    path = written(tmp_path, SERVICE + SERVICE + peer.format("a") + peer.format("A"))
    assert keys_of(path) == ["peers.1.identity", "services.1.contexts", "services.1.name"]


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        ({"OCS_OPS__PORT": "3868"}, "ops.port"),
        ({"OCS_OPS__PORT": "3871", "OCS_WORKERS__COUNT": "4"}, "ops.port"),
        ({"OCS_OPS__PORT": "3865", "OCS_WORKERS__COUNT": "4"}, "ops.port"),
        ({"OCS_DIAMETER__PORT": "65535", "OCS_WORKERS__COUNT": "2"}, "diameter.port"),
        ({"OCS_OPS__PORT": "65533", "OCS_WORKERS__COUNT": "4"}, "ops.port"),
    ],
)
def test_ports_of_all_workers(environ: dict[str, str], key: str) -> None:
    """Worker i adds i to both ports: they must not meet, nor pass the last port there is."""
    assert keys_of(SHIPPED, **environ) == [key]


@pytest.mark.parametrize(
    "environ",
    [
        {"OCS_OPS__PORT": "3872", "OCS_WORKERS__COUNT": "4"},
        {"OCS_DIAMETER__PORT": "65535"},
        {"OCS_DIAMETER__PORT": "0", "OCS_OPS__PORT": "0", "OCS_WORKERS__COUNT": "4"},
        {"OCS_DIAMETER__PORT": "5868"},  # without [diameter.tls] nobody else wants it
    ],
)
def test_ports_that_are_enough(environ: dict[str, str]) -> None:
    """The neighbouring values are accepted."""
    assert load(SHIPPED, environ).ops.port == int(environ.get("OCS_OPS__PORT", "9868"))


# --- TLS ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o666])
def test_a_key_that_everybody_may_read(tmp_path: Path, mode: int) -> None:
    """Refused with a sentence that says what to do; a key that anybody may write is no better."""
    path = written(tmp_path, tls_of(tmp_path))
    (tmp_path / "key.pem").chmod(mode)
    (found,) = errors(path)
    assert found.key == "diameter.tls.key"
    assert f"chmod 600 {tmp_path}/key.pem" in found.expected


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o660])
def test_a_key_of_its_owner_and_group(tmp_path: Path, mode: int) -> None:
    """A group of its own is how some hand keys to a server."""
    path = written(tmp_path, tls_of(tmp_path))
    (tmp_path / "key.pem").chmod(mode)
    for other in ("certificate", "ca"):
        (tmp_path / f"{other}.pem").chmod(0o644)
    found = load(path, {}).diameter.tls
    assert found is not None
    assert (found.key, found.port) == (str(tmp_path / "key.pem"), 5868)
    assert found.listen == (ip_address("127.0.0.1"),)


@pytest.mark.parametrize("key", ["certificate", "key", "ca"])
@pytest.mark.parametrize("value", ["none.pem", "", "/", "a\\u0000b"])
def test_files_of_tls_that_are_none(tmp_path: Path, key: str, value: str) -> None:
    """A file that is not there, and a folder."""
    text = tls_of(tmp_path).replace(f'{key} = "{tmp_path}/{key}.pem"', f'{key} = "{value}"')
    path = written(tmp_path, text)
    assert errors(path) == [ConfigError(str(path), f"diameter.tls.{key}", "a file that is there")]


@pytest.mark.parametrize("key", ["certificate", "key", "ca"])
def test_files_of_tls_are_named_by_the_environment_too(tmp_path: Path, key: str) -> None:
    """Each of them, and all are needed."""
    text = tls_of(tmp_path).replace(f'{key} = "{tmp_path}/{key}.pem"\n', "")
    path = written(tmp_path, text)
    assert keys_of(path) == [f"diameter.tls.{key}"]
    found = load(path, {f"OCS_DIAMETER__TLS__{key.upper()}": str(tmp_path / f"{key}.pem")})
    assert value_at(found.diameter.tls, key) == str(tmp_path / f"{key}.pem")


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("listen = []", "diameter.tls.listen"),
        ('listen = ["localhost"]', "diameter.tls.listen.0"),
        ("port = 65536", "diameter.tls.port"),
        ("port = 3868", "diameter.tls.port"),
        ("port = 9868", "ops.port"),
        ("ciphers = 'ALL'", "diameter.tls.ciphers"),
    ],
)
def test_tls_refused(tmp_path: Path, line: str, key: str) -> None:
    """Addresses are needed, and a port that nobody else uses."""
    assert keys_of(written(tmp_path, tls_of(tmp_path) + line)) == [key]


def test_ports_of_tls_and_all_workers(tmp_path: Path) -> None:
    """Worker i adds i to this port, too."""
    path = written(tmp_path, tls_of(tmp_path) + "[workers]\ncount = 4")
    assert keys_of(path, OCS_DIAMETER__TLS__PORT="3871") == ["diameter.tls.port"]
    assert keys_of(path, OCS_DIAMETER__TLS__PORT="65533") == ["diameter.tls.port"]
    assert load(path, {"OCS_DIAMETER__TLS__PORT": "3872"}).workers.count == 4


def test_only_tls(tmp_path: Path) -> None:
    """No listener without it, and then nothing to warn of."""
    text = "[diameter]\nlisten = []\n" + tls_of(tmp_path) + 'listen = ["0.0.0.0"]'
    found = load(written(tmp_path, text), {})
    assert found.diameter.listen == ()
    assert found.warnings() == []


def test_all_errors_together(tmp_path: Path) -> None:
    """Mistakes of values, of unknown keys, of keys that contradict each other and of the environment
    are reported in one run, each with where it was written."""
    text = SERVICE.replace("20", "5") + SERVICE.replace('"mscc"', "1") + "[diameter]\nprot = 1\n"
    path = written(tmp_path, text)
    found = errors(
        path,
        OCS_DIAMETER__LISTEN="['127.0.0.1', 'nowhere']",
        OCS_STROE__URL="unix:///x",
        OCS_OPS__PROT="1",
        OCS_SERVICES__NAME="data",
        OCS_SERVICES__7__NAME="data",
        OCS_LOG__LEVEL__X="1",
    )
    assert sorted((each.file.replace(str(path), "file"), each.key) for each in found) == [
        ("OCS_DIAMETER__LISTEN", "diameter.listen.1"),
        ("OCS_LOG__LEVEL__X", "log.level"),
        ("OCS_OPS__PROT", "ops.prot"),
        ("OCS_SERVICES__7__NAME", "services.7.name"),
        ("OCS_SERVICES__NAME", "services.name"),
        ("OCS_STROE__URL", "stroe.url"),
        ("file", "diameter.prot"),
        ("file", "services.0.grant_default"),
        ("file", "services.1.contexts"),
        ("file", "services.1.name"),
        ("file", "services.1.refuse"),
    ]


def test_a_password_is_not_shown() -> None:
    """What is wrong with the store's URL is said without the URL."""
    (found,) = errors(SHIPPED, OCS_STORE__URL="redis://:secret@h:99999/0")
    assert "secret" not in found.expected + found.key + found.file


# --- the environment --------------------------------------------------------------------------------

#: Another value of each key, as the environment says it, and as it is loaded.
OTHERS: list[tuple[str, str, Any]] = [
    ("diameter.identity", "ocs7.x.example", "ocs7.x.example"),
    ("diameter.realm", '"x.example"', "x.example"),
    ("diameter.served_realms", '["a.example", "b.example"]', ("a.example", "b.example")),
    ("diameter.listen", '["::1", "10.0.0.1"]', (ip_address("::1"), ip_address("10.0.0.1"))),
    ("diameter.port", "13868", 13868),
    ("diameter.watchdog_seconds", "6", 6),
    ("diameter.product", "'007'", "007"),
    ("diameter.allow_unknown_peers", "false", False),
    ("ops.listen", "0.0.0.0", ip_address("0.0.0.0")),
    ("ops.port", "0", 0),
    ("store.url", "unix:///run/store", "unix:///run/store"),
    ("store.data", "/srv/store", "/srv/store"),
    ("store.partitions", "16", 16),
    ("store.timeout_seconds", "2.5", 2.5),
    ("catalogue.folder", "/etc/catalogue", "/etc/catalogue"),
    ("workers.count", "4", 4),
    ("log.level", "debug", "debug"),
    ("services.1.name", "voice", "voice"),
    ("services.1.contexts", '["32276"]', ("32276",)),
    ("services.1.unit", "seconds", "seconds"),
    ("services.1.grant_default", "30", 30),
    ("services.1.grant_minimum", "5", 5),
    ("services.1.grant_maximum", "600", 600),
    ("services.0.grant_seconds", "300", 300),
    ("services.1.validity_seconds", "300", 300),
    ("services.1.threshold_percent", "0", 0),
    ("services.1.holding_seconds", "0", 0),
    ("services.1.consumption_seconds", "5", 5),
    ("services.1.sends_trigger", "true", True),
    ("services.1.trigger", "[2, 4]", (2, 4)),
    ("services.1.refuse", "mscc", "mscc"),
    # Wants a redirect_address or filters; the other actions are tested with the services.
    ("services.1.final_action", "terminate", "terminate"),
    ("services.1.redirect_type", "sip", "sip"),
    ("services.1.redirect_address", "sip:topup@ims.example", "sip:topup@ims.example"),
    (
        "services.1.filter_rules",
        "['permit out ip from any to any']",
        ("permit out ip from any to any",),
    ),
    ("services.1.filter_ids", '["portal"]', ("portal",)),
    ("services.1.restricted_validity_seconds", "60", 60),
    ("services.1.when_still_empty", "restrict", "restrict"),
    ("services.1.final_grace_seconds", "0", 0),
    ("services.1.tariff_time_change", "true", True),
    ("services.1.failure_handling", "terminate", "terminate"),
    ("services.1.direct_debiting_failure_handling", "continue", "continue"),
    ("services.1.session_failover", "false", False),
    ("services.1.low_balance", "'10.50'", "10.50"),
    ("services.1.remaining_balance", "true", True),
    ("services.1.cost_information", "false", False),
    ("services.1.groups", "[{ rating_groups = [9] }]", (Group(rating_groups=(9,)),)),
    ("peers.0.identity", "pgw9.example", "pgw9.example"),
    ("peers.0.realm", "example", "example"),
    ("peers.0.addresses", "[]", ()),
    ("peers.0.kind", "relay", "relay"),
    ("peers.0.realms", '["*", "a.example"]', ("*", "a.example")),
    ("diameter.tls.listen", '["10.0.0.1"]', (ip_address("10.0.0.1"),)),
    ("diameter.tls.port", "0", 0),
]
#: Those whose value is a file that must be there; they have their own test.
FILES = {"diameter.tls.certificate", "diameter.tls.key", "diameter.tls.ca"}


def value_at(config: Any, key: str) -> Any:
    """The value of a dotted key."""
    for name in key.split("."):
        config = config[int(name)] if name.isdecimal() else getattr(config, name)
    return config


def with_peer(folder: Path) -> Path:
    """The shipped file with one peer and with TLS."""
    peer = '[[peers]]\nidentity = "pgw1.example"\nrealm = "example"\nkind = "relay"\n'
    return written(folder, SHIPPED.read_text() + peer + tls_of(folder))


def tls_of(folder: Path) -> str:
    """The lines of [diameter.tls], with files that are there."""
    lines = ["[diameter.tls]"]
    for key in ("certificate", "key", "ca"):
        path = folder / f"{key}.pem"
        path.touch(mode=0o600)
        lines.append(f'{key} = "{path}"')
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("key", "text", "value"), OTHERS, ids=[each[0] for each in OTHERS])
def test_environment_overrides(tmp_path: Path, key: str, text: str, value: Any) -> None:
    """Each key can be set by the environment; everything else stays as the file has it."""
    path = with_peer(tmp_path)
    name = "OCS_" + key.upper().replace(".", "__")
    changed = load(path, {name: text, "OCS_CONFIG": "x", "HOME": "/", "OCS_PORT": "tcp://1.2.3.4"})
    assert value_at(changed, key) == value
    first, rest = load(path, {}), changed
    for each, _, _ in OTHERS:
        assert each == key or value_at(rest, each) == value_at(first, each)


def test_environment_reaches_every_key(tmp_path: Path) -> None:
    """The list above has every key that there is."""
    known = {
        ".".join(part for part in key.split(".") if not part.isdecimal()) for key, _, _ in OTHERS
    }
    assert known | FILES == {key for key, _ in fields(load(with_peer(tmp_path), {}))}


def test_environment_adds_a_peer_and_changes_a_default_service(tmp_path: Path) -> None:
    """Lists grow at their end; services that the file leaves out are the defaults."""
    environ = {
        "OCS_PEERS__0__IDENTITY": "pgw1.example",
        "OCS_PEERS__0__REALM": "example",
        "OCS_SERVICES__0__GRANT_DEFAULT": "100000",
    }
    found = load(written(tmp_path, ""), environ)
    assert found.peers[0].identity == "pgw1.example"
    assert [each.grant_default for each in found.services] == [100000, 60, 1, 1, 1]


def test_empty_value(tmp_path: Path) -> None:
    """A variable set to nothing is an empty text: no store but our own."""
    path = written(tmp_path, '[store]\nurl = "redis://h"')
    assert load(path, {"OCS_STORE__URL": ""}).store.url == ""


# --- what is shipped --------------------------------------------------------------------------------

#: Keys of config/ocs.toml that differ from their default, and why.
ON_PURPOSE = {
    "diameter.allow_unknown_peers": "the file is the example that `make run` starts with: local test "
    "tools may connect; without a file nobody may who is not listed",
    "services.groups": "one rating group is redirected, so that it can be demonstrated",
}


def fields(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key with its value; entries of lists of tables under the name of the list."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from fields(value, f"{prefix}{name}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], Peer | Service):
            for each in value:
                yield from fields(each, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def test_shipped_file_has_every_default() -> None:
    """config/ocs.toml and the model say the same, but for what is listed with its reason."""
    shipped, defaults = [*fields(load(SHIPPED, {}))], [*fields(Config())]
    assert [key for key, _ in shipped] == [key for key, _ in defaults]
    differing = {a[0] for a, b in zip(shipped, defaults, strict=True) if a[1] != b[1]}
    assert differing == set(ON_PURPOSE)


def test_shipped_file_lists_every_key() -> None:
    """No key is left to be guessed: each stands in the file itself, those of peers in a comment."""
    text = SHIPPED.read_text()
    values = tomllib.loads(text)
    for section, field in Config.model_fields.items():
        if section == "peers":
            continue
        default = getattr(Config(), section)
        for model, table in (
            zip(default, values[section], strict=True)
            if isinstance(default, tuple)
            else [(default, values[section])]
        ):
            expected = set(type(model).model_fields) - {"tls"}
            assert set(table) == expected, (section, field)
    lines = text.splitlines()

    def commented(first: str) -> dict[str, Any]:
        start = next(at for at, line in enumerate(lines) if line.startswith(f"# {first}"))
        block = takewhile(lambda line: line.startswith("# "), lines[start:])
        return tomllib.loads("\n".join(line.removeprefix("# ") for line in block))

    (peer,) = commented("[[peers]]")["peers"]
    assert set(peer) == set(Peer.model_fields)
    tls = commented("[diameter.tls]")["diameter"]["tls"]
    assert set(tls) == set(Tls.model_fields)
    for key in ("listen", "port"):
        assert tls[key] == Tls.model_fields[key].default or tuple(tls[key]) == (
            Tls.model_fields[key].default
        )


def test_every_key_is_explained() -> None:
    """Where a key first stands, a comment stands before it or beside it."""
    lines = SHIPPED.read_text().splitlines()
    seen: set[str] = set()
    for before, line in pairwise(lines):
        key = line.partition(" = ")[0]
        if " = " in line and not line.startswith("#") and key not in seen:
            is_pair = key == "grant_maximum"  # explained together with grant_minimum
            assert before.startswith("#") or is_pair or key == "name", line
            seen.add(key)
    assert "failure_handling" in seen


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples(tmp_path: Path, example: Path) -> None:
    """Each example loads when it is put to use as its first line says: beside config/ocs.toml."""
    text = example.read_text()
    assert "config/ocs.toml" in text.splitlines()[0]
    added = tomllib.loads(text)
    merged = SHIPPED.read_text() + text[text.index("[[peers]]") :]
    for key, value in added.get("diameter", {}).items():
        merged = merged.replace(f"\n{key} = []", f"\n{key} = {value!r}")
    found = load(written(tmp_path, merged), {})
    assert [each.identity for each in found.peers] == [each["identity"] for each in added["peers"]]
    assert list(found.diameter.served_realms) == added.get("diameter", {}).get("served_realms", [])


def test_there_are_examples() -> None:
    """The clients of the README have one each."""
    assert {each.stem for each in EXAMPLES} == {"freediameter", "ggsn", "kamailio", "open5gs"}


# --- warnings, and where the catalogue is -----------------------------------------------------------


def test_warnings() -> None:
    """Debt by failure handling, and Diameter in the clear beyond this machine, are named."""
    assert load(SHIPPED, {}).warnings() == []
    environ = {
        "OCS_SERVICES__1__FAILURE_HANDLING": "continue",
        "OCS_DIAMETER__LISTEN": '["127.0.0.1", "10.0.0.1"]',
    }
    debt, clear = load(SHIPPED, environ).warnings()
    assert "voice" in debt and "debt" in debt
    assert "diameter.listen" in clear and "TLS" in clear


@pytest.mark.parametrize(
    ("text", "environ", "folder"),
    [
        ("", {}, "config/catalogue"),
        ('[catalogue]\nfolder = "here"', {}, "here"),
        ('[catalogue]\nfolder = "here"', {"OCS_CATALOGUE__FOLDER": "there"}, "there"),
        ('[catalogue]\nfolder = "here"\n[diameter]\nport = "x"', {}, "here"),
        ('[diameter\nport = 1\n[catalogue] # where\nfolder = "here"\n[log]\nlevel = ', {}, "here"),
        ("[catalogue]\nfolder = ", {}, "config/catalogue"),
        ("[catalogue]\nfolder = 1", {}, "config/catalogue"),
    ],
)
def test_catalogue_folder(tmp_path: Path, text: str, environ: dict[str, str], folder: str) -> None:
    """Mistakes elsewhere in the file do not hide where the catalogue is."""
    assert catalogue_folder(written(tmp_path, text), environ) == Path(folder)


def test_catalogue_folder_without_a_file(tmp_path: Path) -> None:
    """No file, and a folder instead of one: the default."""
    assert catalogue_folder(tmp_path / "none", {}) == Path("config/catalogue")
    assert catalogue_folder(tmp_path, {}) == Path("config/catalogue")
