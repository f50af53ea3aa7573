"""The commands: exit codes, one sentence for each failure, JSON where asked, and never a traceback."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from redis import Redis as SyncRedis

from ocs import cli, cli_common
from ocs.abmf.ledger import LedgerError
from ocs.demo.scenes import SCENES
from ocs.desk import Desk
from ocs.diameter.client_messages import encode_ccr
from tests.support.messages import PLAIN

ROOT = Path(__file__).parents[1]
CATALOGUE = ROOT / "config" / "catalogue"
MSISDN = "77010000001"
MESSAGE = encode_ccr(PLAIN)


@dataclass(frozen=True)
class Done:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output, which must be one line of JSON."""
        assert self.out.count("\n") == 1
        return json.loads(self.out)


Ocs = Callable[..., Done]


@pytest.fixture
def ocs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ocs:
    """Runs a command as `main` does, in this process, away from this machine's settings."""
    for name in os.environ:
        if name.startswith("OCS_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(cli_common, "configure", lambda level: None)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["ocs", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended, structlog.testing.capture_logs():
            cli.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Done(int(ended.value.code or 0), out, err)

    return run


@pytest.fixture
def store(empty_store: str, monkeypatch: pytest.MonkeyPatch, ocs: Ocs) -> str:
    """A store that was taken into use, and that the commands use."""
    with SyncRedis.from_url(empty_store) as client:
        fields = {"partitions": 256, "origin_state_id": 1, "created": 1, "schema": 1}
        client.hset("ocs:epoch", mapping=fields)
    monkeypatch.setenv("OCS_STORE__URL", empty_store)
    return empty_store


#: One command of each group that needs the store.
AT_THE_STORE = [
    ("subscriber", "add", MSISDN),
    ("subscriber", "show", MSISDN),
    ("subscriber", "set", MSISDN, "--state", "barred"),
    ("subscriber", "list"),
    ("subscriber", "remove", MSISDN),
    ("balance", MSISDN),
    ("topup", MSISDN, "30"),
    ("statement", MSISDN),
    ("sessions",),
    ("cut", "a;1"),
    ("products", MSISDN),
    ("buy", MSISDN, "pack"),
    ("drop", MSISDN, "pack"),
    ("renew", MSISDN, "pack"),
    ("advance", MSISDN, "lent"),
    ("late-usage", MSISDN, "record", "1"),
    ("redeem", MSISDN, "0000000000000000"),
    ("vouchers", "make", "1", "1", "batch"),
]
EVERY = [*AT_THE_STORE, ("serve",), ("demo",), ("worker", "0"), ("healthcheck",), ("check",)]


def named(commands: list[tuple[str, ...]]) -> pytest.MarkDecorator:
    """Parametrised by command."""
    return pytest.mark.parametrize("command", commands, ids=lambda each: " ".join(each))


# --- usage, files that are none, a store that is away -------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("none",),
        ("balance",),
        ("balance", MSISDN, "--none"),
        ("topup", MSISDN),
        ("topup", MSISDN, "abc"),
        ("topup", MSISDN, "1.005"),
        ("topup", MSISDN, "1e9"),
        ("subscriber", "add", MSISDN, "--balance", "x"),
        ("subscriber", "add", MSISDN, "--state", "asleep"),
        ("subscriber", "set", MSISDN),
        ("statement", MSISDN, "--limit", "0"),
        ("cut", "0xzz"),
        ("worker", "first"),
        ("demo", "opera"),
    ],
    ids=lambda each: " ".join(each),
)
def test_usage(ocs: Ocs, arguments: tuple[str, ...]) -> None:
    """What cannot be understood is exit code 2, before anything is touched."""
    done = ocs(*arguments)
    assert done.code == 2 and done.out == "" and done.err


@named(EVERY)
@pytest.mark.parametrize("kind", ["missing", "folder", "binary", "unreadable", "mistaken"])
def test_bad_configuration(ocs: Ocs, tmp_path: Path, command: tuple[str, ...], kind: str) -> None:
    """A configuration that cannot be used: exit code 1 and a sentence that names the file."""
    path = tmp_path / "ocs.toml"
    if kind == "folder":
        path.mkdir()
    elif kind == "binary":
        path.write_bytes(b"\xff\xfe\0")
    elif kind == "unreadable":
        path.symlink_to(path)
    elif kind == "mistaken":
        path.write_text("[diameter]\nport = 'x'\n")
    done = ocs(*command, "--config", str(path))
    assert done.code == 1 and done.out == ""
    assert str(path) in done.err and "error" in done.err


def test_configuration_named_by_the_environment(
    ocs: Ocs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OCS_CONFIG names the file where --config does not."""
    monkeypatch.setenv("OCS_CONFIG", str(tmp_path / "none.toml"))
    done = ocs("check")
    assert done.code == 1 and str(tmp_path / "none.toml") in done.err
    assert ocs("check", "--config", "config/ocs.toml").code == 0


@named([*AT_THE_STORE, ("worker", "0")])
@pytest.mark.parametrize("where", ["embedded", "unix", "tcp"])
def test_store_away(
    ocs: Ocs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    where: str,
) -> None:
    """Nobody answers: exit code 3 and a sentence."""
    monkeypatch.setenv("OCS_STORE__DATA", str(tmp_path / "store"))
    if where != "embedded":
        url = {"unix": f"unix://{tmp_path}/none", "tcp": "redis://127.0.0.1:1/0"}[where]
        monkeypatch.setenv("OCS_STORE__URL", url)
    done = ocs(*command)
    assert done.code == 3 and done.out == ""
    assert done.err.startswith("refused the store cannot be reached: ")


@named(AT_THE_STORE)
def test_store_unfit(
    ocs: Ocs, empty_store: str, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """An empty store is refused: exit code 1, and what to do."""
    monkeypatch.setenv("OCS_STORE__URL", empty_store)
    done = ocs(*command)
    assert done.code == 1 and "--initialise" in done.err


def test_store_folder_that_cannot_be(
    ocs: Ocs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file where the embedded store's folder should be: exit code 1, and the path."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OCS_STORE__DATA", str(tmp_path / "file"))
    done = ocs("serve")
    assert done.code == 1 and str(tmp_path / "file") in done.err


def test_a_defect_of_ours(ocs: Ocs, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw is one log line and exit code 1, too."""

    def defect(*arguments: object) -> int:
        raise KeyError(MSISDN)

    monkeypatch.setattr(cli, "healthcheck", defect)
    assert ocs("healthcheck") == Done(1, "", "")


# --- subscribers and money ----------------------------------------------------------------------------


@named([each for each in AT_THE_STORE if each[1:2] not in (("add",), ("make",))])
def test_refused_at_the_desk(ocs: Ocs, store: str, command: tuple[str, ...]) -> None:
    """A number or session that is not there: exit code 1 and one line; lists are just empty."""
    done = ocs(*command)
    if command in (("subscriber", "list"), ("sessions",)):
        assert done.code == 0
    else:
        assert done.code == 1 and done.out == ""
        assert done.err.startswith("refused no ") and done.err.count("\n") == 1


@named(AT_THE_STORE[3:4] + AT_THE_STORE[8:9])
def test_empty_lists(ocs: Ocs, store: str, command: tuple[str, ...]) -> None:
    """Nothing is an empty list for programs."""
    assert ocs(*command, "--json").json == []


def test_money_from_first_to_last(ocs: Ocs, store: str) -> None:
    """Add, look, top up once per key, bar, pay out, remove: each with --json, amounts as texts."""
    added = ocs("subscriber", "add", MSISDN, "--balance", "12.50", "--json")
    assert (added.code, added.json["balance"]["available"]) == (0, "12.50")
    assert ocs("subscriber", "add", MSISDN).code == 1
    for status in ("posted", "replayed"):
        done = ocs("topup", MSISDN, "30", "--key", "tx-1", "--json")
        assert (done.code, done.json["status"], done.json["available"]) == (0, status, "42.50")
    assert ocs("topup", MSISDN, "31", "--key", "tx-1").code == 1
    assert ocs("topup", MSISDN, "30", "--key", "").code == 1
    assert ocs("balance", MSISDN, "--json").json["credited"] == "42.50"
    entries = ocs("statement", MSISDN, "--json").json
    assert [(each["credited"], each["actor"]) for each in entries] == [
        ("30.00", "cli"),
        ("12.50", "cli"),
    ]
    barred = ocs("subscriber", "set", MSISDN, "--state", "barred", "--tariff", "social", "--json")
    assert (barred.json["state"], barred.json["tariff"]) == ("barred", "social")
    assert ocs("subscriber", "set", MSISDN, "--state", "terminated").code == 1
    assert ocs("subscriber", "show", MSISDN, "--json").json == barred.json
    assert [each["msisdn"] for each in ocs("subscriber", "list", "--json").json] == [MSISDN]
    assert ocs("subscriber", "remove", MSISDN).code == 1
    assert ocs("topup", MSISDN, "-42.50", "--json").json["available"] == "0.00"
    assert ocs("subscriber", "remove", MSISDN, "--json").json == {"done": f"{MSISDN} removed"}
    assert ocs("balance", MSISDN).code == 1


def test_text_for_people(ocs: Ocs, store: str) -> None:
    """The same commands without --json."""
    assert MSISDN in ocs("subscriber", "add", MSISDN, "--balance", "12.50").out
    for command in (
        ("subscriber", "show", MSISDN),
        ("balance", MSISDN),
        ("topup", MSISDN, "30"),
        ("statement", MSISDN),
    ):
        done = ocs(*command)
        assert done.code == 0 and "12.50" in done.out.replace("42.50", "12.50")
    assert "Session" in ocs("sessions").out


def test_topup_without_an_answer(ocs: Ocs, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person is given the key under which a repeat is applied once: exit code 3."""
    ocs("subscriber", "add", MSISDN)

    async def lost(*arguments: object, **options: object) -> None:
        raise LedgerError("post")

    monkeypatch.setattr(Desk, "topup", lost)
    done = ocs("topup", MSISDN, "30", "--key", "tx-1")
    assert done.code == 3 and "--key tx-1" in done.err
    first, second = (
        ocs("topup", MSISDN, "30").err.partition("--key ")[2].split(",")[0] for _ in range(2)
    )
    assert len(first) == len(second) == 32 and first != second


# --- check --------------------------------------------------------------------------------------------


def test_check(ocs: Ocs) -> None:
    """What is shipped is in order."""
    assert ocs("check") == Done(0, "configuration and catalogue are in order\n", "")
    assert ocs("check", "--json").json == {"errors": [], "warnings": []}


@pytest.fixture
def five_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ocs: Ocs) -> Path:
    """A configuration with one, the environment with one, its own catalogue with three."""
    folder = tmp_path / "prices"
    shutil.copytree(CATALOGUE, folder)

    def spoil(name: str, right: str, wrong: str) -> None:
        path = folder / name
        text = path.read_text()
        assert right in text
        path.write_text(text.replace(right, wrong, 1))

    spoil("social.toml", 'price = "1.00"', 'price = "cheap"')
    spoil("conversations.toml", 'service = "voice"', 'service = "telepathy"')
    spoil("destinations.csv", "\n1,international", "\n1x,international")
    path = tmp_path / "ocs.toml"
    text = (ROOT / "config" / "ocs.toml").read_text()
    text = text.replace('folder = "config/catalogue"', f'folder = "{folder}"')
    path.write_text(text.replace("watchdog_seconds = 30", "watchdog_seconds = 3"))
    monkeypatch.setenv("OCS_WORKERS__COUNT", "0")
    return path


def test_check_finds_all_five(ocs: Ocs, five_mistakes: Path) -> None:
    """All of one run, with file, key and what was expected; exit code 1."""
    done = ocs("check", "--config", str(five_mistakes), "--json")
    assert done.code == 1
    found = {(Path(each["file"]).name, each["key"]) for each in done.json["errors"]}
    assert len(done.json["errors"]) == 5
    assert found == {
        ("ocs.toml", "diameter.watchdog_seconds"),
        ("OCS_WORKERS__COUNT", "workers.count"),
        ("social.toml", "prices[3].price"),
        ("conversations.toml", "prices[1].service"),
        ("destinations.csv", "line 2"),
    }
    assert all(each["expected"] for each in done.json["errors"])
    for command in (("check",), ("serve",)):
        text = ocs(*command, "--config", str(five_mistakes))
        assert text.code == 1 and text.out == "" and "diameter.watchdog_seconds" in text.err
    errors = ocs("check", "--config", str(five_mistakes)).err.splitlines()
    assert len([each for each in errors if each.startswith("error ")]) == 5
    assert errors[-1] == "5 error(s)"


def test_check_of_a_broken_file(ocs: Ocs, five_mistakes: Path) -> None:
    """Also where the file that names the catalogue is no TOML at all."""
    five_mistakes.write_text(five_mistakes.read_text() + "\n[log\n")
    done = ocs("check", "--config", str(five_mistakes), "--json")
    files = sorted(Path(each["file"]).name for each in done.json["errors"])
    assert files == [
        "OCS_WORKERS__COUNT",
        "conversations.toml",
        "destinations.csv",
        "ocs.toml",
        "social.toml",
    ]


def test_check_without_a_catalogue(
    ocs: Ocs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is not there, or a file instead of it: errors, exit code 1."""
    for name in ("none", "file"):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("OCS_CATALOGUE__FOLDER", str(tmp_path / name))
        done = ocs("check", "--json")
        assert done.code == 1 and done.json["errors"]


def test_check_of_notices(ocs: Ocs, tmp_path: Path) -> None:
    """Texts beside the configuration: each that is missing, or shows a value that it does not have."""
    shutil.copy(ROOT / "config" / "ocs.toml", tmp_path)
    folder = Path(shutil.copytree(ROOT / "config" / "notices", tmp_path / "notices"))
    arguments = ("check", "--config", str(tmp_path / "ocs.toml"), "--json")
    assert ocs(*arguments).json["errors"] == []
    (folder / "kk.toml").write_text("=")
    with (folder / "en.toml").open("a") as text:
        text.write('\nfarewell = "so long"\n')
    (folder / "ru.toml").write_text(
        (folder / "ru.toml").read_text().replace("{product}", "{price}", 1)
    )
    done = ocs(*arguments)
    found = [(Path(each["file"]).name, each["key"]) for each in done.json["errors"]]
    assert done.code == 1
    assert found[:2] == [("en.toml", "farewell"), ("kk.toml", "-")]
    assert [name for name, _ in found[2:]] == ["ru.toml"]


def test_check_warns(ocs: Ocs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning is shown and is no error."""
    monkeypatch.setenv("OCS_SERVICES__0__FAILURE_HANDLING", "continue")
    done = ocs("check")
    assert done.code == 0 and done.err.startswith("warning services data: failure_handling")
    assert len(ocs("check", "--json").json["warnings"]) == 1


# --- decode -------------------------------------------------------------------------------------------


class Stdin:
    """Standard input with these octets."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


@pytest.mark.parametrize(
    "text", ["xyz", "0", "01000014" + "00" * 12, "/", "é", "\udcff", "a" * 5000 + "x"]
)
def test_decode_refusals(ocs: Ocs, text: str) -> None:
    """What is neither hex, nor a message, nor a file: exit code 1 and one line."""
    done = ocs("decode", text)
    assert done.code == 1 and done.out == "" and done.err.startswith("refused ")


def test_decode_nothing(ocs: Ocs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty input is said so."""
    (tmp_path / "empty").write_text("")
    monkeypatch.setattr(sys, "stdin", Stdin(b""))
    for arguments in ((), ("",), (str(tmp_path / "empty"),)):
        done = ocs("decode", *arguments)
        assert (done.code, done.err) == (1, "refused nothing to decode\n")


def test_decode_everywhere_the_same(
    ocs: Ocs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the argument (longer than any file's name), a file of octets or hex, standard input."""
    assert len(MESSAGE.hex()) > 255
    (tmp_path / "raw").write_bytes(MESSAGE)
    (tmp_path / "hex").write_text(MESSAGE.hex(" "))
    monkeypatch.setattr(sys, "stdin", Stdin(MESSAGE))
    shown = {
        ocs("decode", *arguments)
        for arguments in (
            (),
            (MESSAGE.hex(),),
            (str(tmp_path / "raw"),),
            (str(tmp_path / "hex"),),
        )
    }
    (done,) = shown
    assert done.code == 0 and done.out.startswith("Credit-Control-Request (272) [RP]")
    assert "'pgw1;1;2'" in done.out


def test_decode_json(ocs: Ocs) -> None:
    """One line of JSON for each message."""
    done = ocs("decode", MESSAGE.hex() * 2, "--json")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert len(rows) == 2 and rows[0] == rows[1]
    ((request,),) = rows[:1]
    assert (request["name"], request["code"]) == ("Credit-Control-Request", 272)
    assert request["members"][0]["value"] == "'pgw1;1;2'"


# --- the process --------------------------------------------------------------------------------------


def test_demo_list(ocs: Ocs) -> None:
    """A line for each scene, its name first, without a server or a store."""
    done = ocs("demo", "--list")
    names = [line.split()[0] for line in done.out.splitlines()]
    assert (done.code, names) == (0, list(SCENES))


def test_healthcheck(ocs: Ocs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody there: 1, the code that container engines understand."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("OCS_OPS__PORT", str(port))
    assert ocs("healthcheck") == Done(1, "", "")


def test_as_a_process(tmp_path: Path) -> None:
    """The real entry point: exit code, sentence on standard error, nothing on standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "ocs.cli", "check", "--config", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert str(tmp_path) in done.stderr and "Traceback" not in done.stderr
