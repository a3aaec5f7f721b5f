"""Asking a server: a real one on this machine, the ways it fails, and what may never be sent."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from advisor.errors import Forbidden, MachineError, OkakaeError, RunError
from advisor.session import Session
from executors.base import Message
from executors.prompting import endpoint
from executors.prompting.endpoint import EndpointGenerator, is_this_machine

ASKED: list[Message] = [{"role": "user", "content": "休暇は何日ですか"}]
ABROAD = "https://api.example.com/v1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    "url",
    ["http://localhost:8000/v1", "http://127.0.0.1:1/v1", "http://127.9.9.9/", "http://[::1]:8000"],
)
def test_this_machine_is_known(url: str) -> None:
    assert is_this_machine(url)


@pytest.mark.parametrize(
    "url",
    [
        ABROAD,
        "http://localhost.example.com/v1",
        "http://localhost@example.com/v1",
        "http://127.0.0.1.example.com/v1",
        "http://10.0.0.5/v1",
        "http://0.0.0.0/v1",
        "localhost:8000/v1",
        "",
    ],
)
def test_every_other_host_is_elsewhere(url: str) -> None:
    assert not is_this_machine(url)


@pytest.mark.parametrize(
    ("session", "ref"),
    [
        (Session(no_input=True), "no-consent"),
        (Session(no_input=True, allow=frozenset({"download"})), "no-consent"),
        (
            Session(no_input=True, allow=frozenset({"api"}), confidential="all"),
            "confidential-stays-here",
        ),
        (Session(no_input=True, allow=frozenset({"api"}), offline=True), "offline-asked"),
    ],
)
def test_nothing_leaves_without_consent_or_against_the_answers(session: Session, ref: str) -> None:
    with pytest.raises(Forbidden) as caught:
        EndpointGenerator(ABROAD, "m", "", session)
    assert (caught.value.ref, caught.value.exit_code) == (ref, 9)


def test_with_consent_a_hosted_api_may_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKAKAE_TEST_KEY", "secret")
    allowed = Session(no_input=True, allow=frozenset({"api"}), confidential="some")
    EndpointGenerator(ABROAD, "m", "OKAKAE_TEST_KEY", allowed).close()


def test_a_hosted_api_wants_its_key_and_names_only_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OKAKAE_TEST_KEY", raising=False)
    with pytest.raises(MachineError) as caught:
        EndpointGenerator(ABROAD, "m", "OKAKAE_TEST_KEY", Session(allow=frozenset({"api"})))
    assert (caught.value.ref, caught.value.values) == ("key-missing", {"name": "OKAKAE_TEST_KEY"})


def test_a_server_here_needs_neither_consent_nor_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    closed = Session(no_input=True, offline=True, confidential="all")
    EndpointGenerator("http://localhost:1/v1", "m", "OPENAI_API_KEY", closed).close()


def test_a_server_that_is_not_there_is_said_with_its_address(
    monkeypatch: pytest.MonkeyPatch, session: Session
) -> None:
    monkeypatch.setattr(endpoint, "RETRIES", 0)
    url = f"http://127.0.0.1:{free_port()}/v1"
    generator = EndpointGenerator(url, "m", "", session)
    with pytest.raises(MachineError) as caught:
        generator.complete([ASKED], max_new_tokens=4)
    generator.close()
    assert (caught.value.ref, caught.value.where) == ("endpoint-down", url)


def test_what_is_meant_for_this_machine_takes_no_proxy(
    monkeypatch: pytest.MonkeyPatch, session: Session
) -> None:
    monkeypatch.setattr(endpoint, "RETRIES", 0)
    with socket.socket() as proxy:
        proxy.bind(("127.0.0.1", 0))
        proxy.listen()
        proxy.settimeout(0.2)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        generator = EndpointGenerator(f"http://127.0.0.1:{free_port()}/v1", "m", "", session)
        with pytest.raises(MachineError):
            generator.complete([ASKED], max_new_tokens=4)
        generator.close()
        with pytest.raises(TimeoutError):
            proxy.accept()


@pytest.fixture(scope="module")
def served(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with okakae's plain template: a server answers 500 without one."""
    from executors.template import PLAIN_TEMPLATE

    folder = tmp_path_factory.mktemp("served") / "model"
    shutil.copytree(tiny_folder, folder)
    (folder / "chat_template.jinja").write_text(PLAIN_TEMPLATE, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def server(served: Path) -> Iterator[str]:
    """`transformers serve` with the tiny model on a free port of this machine."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("transformers")), "serve", str(served)]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline and process.poll() is None:
            try:
                with urllib.request.urlopen(f"{url}/health", timeout=1):
                    break
            except OSError:
                time.sleep(0.3)
        else:
            pytest.fail("transformers serve did not start")
        yield f"{url}/v1"
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.mark.slow
def test_a_real_server_answers_as_the_model_does_in_this_process(
    server: str, served: Path, session: Session
) -> None:
    from executors.base import Context
    from executors.generator import open_generator

    config = {"model": str(served), "endpoint.url": server, "endpoint.model": str(served)}
    there = open_generator(config, Context(session))
    conversations = [ASKED, [{"role": "system", "content": "short"}, *ASKED]]
    remote = there.complete(conversations, max_new_tokens=6)
    there.close()
    assert isinstance(there, EndpointGenerator)
    assert all(g.tokens_in > 20 and 0 < g.tokens_out <= 7 for g in remote)
    here = open_generator({"model": str(served)}, Context(session))
    local = here.complete(conversations, max_new_tokens=6)
    assert [g.tokens_in for g in remote] == [g.tokens_in for g in local]


@pytest.mark.slow
def test_a_model_the_server_does_not_have_is_said(server: str, session: Session) -> None:
    generator = EndpointGenerator(server, "no/such-model", "", session)
    with pytest.raises(OkakaeError) as caught:
        generator.complete([ASKED], max_new_tokens=4)
    generator.close()
    assert isinstance(caught.value, RunError)
    assert caught.value.ref in ("endpoint-model", "endpoint-failed")


@pytest.mark.slow
def test_an_address_that_is_no_api_is_said(server: str, session: Session) -> None:
    generator = EndpointGenerator(server.replace("/v1", "/nothing"), "m", "", session)
    with pytest.raises(RunError) as caught:
        generator.complete([ASKED], max_new_tokens=4)
    generator.close()
    assert caught.value.ref == "endpoint-model"
