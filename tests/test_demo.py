"""`okakae demo` in a process of its own: the whole way, with every socket but localhost blocked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# Loaded by the interpreter at start (sitecustomize): any address but loopback raises at once.
BLOCK = """
import socket
real = socket.socket.connect
def connect(self, address, *rest):
    host = address[0] if isinstance(address, tuple) else "localhost"
    if host not in ("localhost", "127.0.0.1", "::1"):
        raise SystemExit(f"reached for the network: {address}")
    return real(self, address, *rest)
def lookup(host, *rest, **more):
    if host not in (None, "localhost", "127.0.0.1", "::1"):
        raise SystemExit(f"looked up {host}")
    return found(host, *rest, **more)
found = socket.getaddrinfo
socket.socket.connect = connect
socket.getaddrinfo = lookup
"""


def test_demo_goes_all_the_way_without_a_network(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCK)
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
        "OKAKAE_STATE_DIR": str(tmp_path / "state"),
        "OKAKAE_CONFIG_DIR": str(tmp_path / "config"),
    }
    run = tmp_path / "demo"
    done = subprocess.run(
        [sys.executable, "-m", "advisor", "demo", "--lang", "ja", "--json", "--run", str(run)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert [road["name"] for road in report["roads"]] == ["prompting", "rag", "qlora"]
    asked = {road["n"] for road in report["roads"]}
    assert len(asked) == 1 and asked.pop() >= 15
    by_name = {road["name"]: road["metrics"]["correct"]["value"] for road in report["roads"]}
    assert by_name["rag"] > by_name["prompting"], "facts nobody trained on are found, not known"
    tuned = report["roads"][2]["actual"]
    assert tuned["eval_loss_best"] < tuned["eval_loss_first"]
    assert max(road["actual"]["peak_ram_gib"] for road in report["roads"]) < 6
    for kind in ("html", "md", "json"):
        assert Path(report["files"][kind]).stat().st_size > 2_000
    assert "Traceback" not in done.stderr
    assert (tmp_path / "state" / "gemma-terms-shown").is_file()
