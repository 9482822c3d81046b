"""``dubbatch sandbox``, as a person starts it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from chamelaion import Chamelaion
from click.testing import CliRunner

from dubbatch.cli.sandbox import command
from dubbatch.errors import UsageError

COMMAND = [sys.executable, "-c", "from dubbatch.cli.sandbox import command; command()"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_how_to_use_it_and_stops_in_good_order(
    number: signal.Signals, tmp_path: Path, shared_client: Chamelaion
) -> None:
    """Base URL and the two environment lines; Ctrl-C or SIGTERM end it with exit code 0."""
    faults = tmp_path / "faults.json"
    faults.write_text('{"rules": [{"on": "health", "action": "answer", "status": 500, "nth": 1}]}')
    options = ["--port", "0", "--key", "k1", "--faults", str(faults), "--books", str(tmp_path / "books")]
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        names = dict(line.strip().split("=") for line in lines[2:])
        client = shared_client.copy(base_url=names["CHAMELAION_BASE_URL"], api_key=names["CHAMELAION_API_KEY"])
        with pytest.raises(Exception, match="internal error"):
            client.health.check()
        assert client.users.retrieve_current().name == "Sandbox"
        process.send_signal(number)
        assert process.wait() == 0
    assert names["CHAMELAION_BASE_URL"] in lines[0]
    assert (tmp_path / "books" / "journal.jsonl").exists()


def test_a_taken_port_is_a_usage_error() -> None:
    """One sentence names the port, another the remedy."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(command, ["--port", port])
    assert isinstance(result.exception, UsageError)
    assert f"port {port} on 127.0.0.1" in result.exception.message
    assert "--port" in result.exception.hint


def test_a_fault_file_that_can_not_be_used_is_a_usage_error(tmp_path: Path) -> None:
    """Missing, no JSON, or wrong rules: a sentence."""
    (tmp_path / "cut.json").write_text("{")
    (tmp_path / "wrong.json").write_text('[{"on": "get", "action": "dance"}]')
    for name, word in (("none.json", "none.json"), ("cut.json", "cut.json"), ("wrong.json", "rule 1")):
        result = CliRunner().invoke(command, ["--port", "0", "--faults", str(tmp_path / name)])
        assert isinstance(result.exception, UsageError)
        assert word in result.exception.message


def test_an_option_out_of_range_is_a_usage_error() -> None:
    """Click's own message, before anything is opened."""
    for options in (["--concurrency", "0"], ["--port", "70000"], ["--when-full", "explode"]):
        assert CliRunner().invoke(command, options).exit_code == 2
