"""Whole processes: the demonstration, the commands, an orderly stop, one owner of a store."""

import json
import urllib.request

import pytest

from tests.support.server import Server

pytestmark = [pytest.mark.process, pytest.mark.bench]

MSISDN = "77010000001"  # an example subscriber: 30.00 on "conversations"


def test_demo_and_orderly_stop(server: Server) -> None:
    """The demonstration verifies itself; probes answer; Ctrl-C stops with exit code 0."""
    played = server.ocs("demo", "--json")
    assert played.returncode == 0, played.stdout + played.stderr
    rows = json.loads(played.stdout)
    assert rows["failed"] == 0 and len(rows["expectations"]) >= 28
    base = f"http://127.0.0.1:{server.ops_port}"
    with urllib.request.urlopen(f"{base}/readyz") as answer:
        assert answer.read() == b"ok\n"
    with urllib.request.urlopen(f"{base}/metrics") as answer:
        text = answer.read().decode()
    assert 'ocs_ccr_requests_total{application="ro",peer="other"' in text
    assert 'ocs_final_unit_indications_total{action="terminate"}' in text
    assert server.ocs("healthcheck").returncode == 0
    assert server.stop() == 0
    assert server.ocs("healthcheck").returncode == 1
    assert server.ocs("balance", MSISDN).returncode == 3


def test_commands(server: Server) -> None:
    """Subscribers and money by commands: refusals name their reason and exit with 1 or 2."""
    number = "77010009999"
    assert server.ocs("subscriber", "show", number).returncode == 1
    refused = server.ocs("subscriber", "add", "12ab")
    assert refused.returncode == 1 and "MSISDN" in refused.stderr
    assert server.ocs("subscriber", "add", number, "--balance", "1.005").returncode == 2
    wrong = server.ocs("subscriber", "add", number, "--tariff", "nope")
    assert wrong.returncode == 1 and "conversations" in wrong.stderr
    added = server.ocs("subscriber", "add", number, "--imsi", "401019999999999", "--balance", "30")
    assert added.returncode == 0, added.stderr
    again = server.ocs("subscriber", "add", number)
    assert again.returncode == 1 and "another subscriber" in again.stderr
    for _ in range(2):
        done = server.ocs("topup", number, "100", "--key", "kiosk-1", "--json")
        assert json.loads(done.stdout)["available"] == "130.00"
    assert server.ocs("topup", number, "99", "--key", "kiosk-1").returncode == 1
    assert server.ocs("topup", number, "-131").returncode == 1
    assert server.ocs("subscriber", "remove", number).returncode == 1
    assert server.ocs("topup", number, "-130").returncode == 0
    barred = server.ocs("subscriber", "set", number, "--state", "barred", "--json")
    assert json.loads(barred.stdout)["state"] == "barred"
    rows = json.loads(server.ocs("statement", number, "--json").stdout)
    assert [(row["sequence"], row["kind"]) for row in rows] == [
        (3, "adjustment"),
        (2, "topup"),
        (1, "topup"),
    ]
    assert server.ocs("sessions", "--json").stdout.strip() == "[]"
    assert server.ocs("cut", "no;such").returncode == 1
    assert server.ocs("subscriber", "remove", number).returncode == 0
    listed = json.loads(server.ocs("subscriber", "list", "--json").stdout)
    assert number not in [row["msisdn"] for row in listed] and len(listed) == 5


def test_second_server_on_the_same_store(server: Server) -> None:
    """The folder of a store has one owner."""
    second = server.ocs("serve")
    assert second.returncode == 1
    assert "another server owns" in second.stderr
