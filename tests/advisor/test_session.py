"""How commands speak, ask for consent and end: streams, exit codes, and never a traceback."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from advisor import errors
from advisor.errors import Fault, Forbidden, Interrupted, OkakaeError, UsageError
from advisor.session import Session, okakae_command
from advisor.texts import current_lang, set_lang, t

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Invoke:
    monkeypatch.setenv("OKAKAE_STATE_DIR", str(tmp_path / "state"))

    def run(body: Callable[[Session], Any], *flags: str) -> Result:
        @okakae_command("test")
        def command(session: Session) -> None:
            body(session)

        return CliRunner().invoke(command, list(flags))

    return run


def failing(error: BaseException) -> Callable[[Session], None]:
    def body(_session: Session) -> None:
        raise error

    return body


EXITS = {
    "UsageError": 2,
    "AnswersError": 3,
    "MachineError": 4,
    "PlanError": 5,
    "RunError": 6,
    "LimitError": 7,
    "RefusedInput": 8,
    "Forbidden": 9,
}


@pytest.mark.parametrize(("name", "code"), EXITS.items())
def test_every_error_has_the_contracts_exit_code(invoke: Invoke, name: str, code: int) -> None:
    error = getattr(errors, name)("run-missing", where="x", path="x")
    result = invoke(failing(error))
    assert result.exit_code == code
    assert "run-missing" in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.output


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_an_error_says_what_where_and_what_to_do(invoke: Invoke, lang: str) -> None:
    faults = (
        Fault("setting-unknown", "rag.topk", (("near", "rag.top_k"),)),
        Fault("setting-not-a-choice", "rag.answer", (("value", "x"), ("allowed", "a, b"))),
    )
    error = UsageError("settings-wrong", where="plan.json", faults=faults, n=2)
    told = invoke(failing(error), "--lang", lang).stderr
    for part in ("[settings-wrong]", "plan.json", "rag.topk", "rag.top_k", "rag.answer", "a, b"):
        assert part in told
    assert t("error.settings-wrong.fix", lang) in told  # type: ignore[arg-type]


def test_json_is_one_document_on_stdout_also_for_errors(invoke: Invoke) -> None:
    done = invoke(lambda s: s.out({"a": "あ"}, lambda: None), "--json")
    assert json.loads(done.stdout) == {"a": "あ"}
    failed = invoke(failing(UsageError("run-missing", path="x")), "--json")
    document = json.loads(failed.stdout)
    assert (document["error"], document["exit_code"]) == ("run-missing", 2)
    assert document["text"] and document["fix"]


def test_people_read_text_instead_of_json(invoke: Invoke) -> None:
    assert invoke(lambda s: s.out({"a": 1}, lambda: click.echo("one"))).stdout == "one\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), EOFError(), click.Abort()])
def test_an_interruption_ends_with_130(invoke: Invoke, error: BaseException) -> None:
    result = invoke(failing(error), "--lang", "en")
    assert result.exit_code == Interrupted.exit_code == 130
    assert "saved" in result.stderr


def test_a_bug_is_kept_in_a_file_not_on_the_screen(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke(failing(ZeroDivisionError("secret detail")))
    kept = tmp_path / "state" / "last-bug.txt"
    assert result.exit_code == 1
    assert str(kept) in result.stderr
    assert "Traceback" not in result.output
    assert "secret detail" in kept.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("error", "ref", "code"),
    [
        (ZeroDivisionError("x"), "bug", 1),
        (KeyboardInterrupt(), "interrupted", 130),
        (PermissionError(errno.EACCES, "Permission denied", "kept.json"), "path-unusable", 2),
        (OSError(errno.ENOSPC, "No space left on device", "big.bin"), "disk-full", 4),
    ],
)
def test_json_is_one_document_however_it_ends(
    invoke: Invoke, error: BaseException, ref: str, code: int
) -> None:
    result = invoke(failing(error), "--json")
    document = json.loads(result.stdout)
    assert (document["error"], document["exit_code"]) == (ref, code) == (ref, result.exit_code)
    assert document["text"]


def test_an_interruption_is_not_called_an_error(invoke: Invoke) -> None:
    result = invoke(failing(Interrupted("wizard-interrupted", resume="okakae")), "--lang", "en")
    assert result.exit_code == 130
    assert "Error" not in result.stderr and "okakae" in result.stderr


def test_an_error_nobody_wrote_a_text_for_is_still_told(invoke: Invoke) -> None:
    result = invoke(failing(OkakaeError("from-a-plug-in", where="there", detail="broken")))
    assert result.exit_code == 1
    assert "from-a-plug-in" in result.stderr and "broken" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("permission", ["download", "upload", "api", "spend"])
def test_consent_is_needed_and_can_be_given_beforehand(permission: str) -> None:
    with pytest.raises(Forbidden) as caught:
        Session(no_input=True).permit(permission, "it")
    assert caught.value.values == {"what": "it", "permission": permission}
    Session(no_input=True, allow=frozenset({permission})).permit(permission, "it")


@pytest.mark.parametrize(
    ("permission", "refused"), [("upload", True), ("api", True), ("download", False)]
)
def test_confidential_data_stays_whatever_is_allowed(permission: str, refused: bool) -> None:
    session = Session(no_input=True, allow=frozenset({permission})).with_confidential("all")
    if not refused:
        session.permit(permission, "it")
        return
    with pytest.raises(Forbidden, match="confidential-stays-here"):
        session.permit(permission, "it")


def test_offline_refuses_every_way_out_but_not_spending() -> None:
    everything = frozenset({"download", "upload", "api", "spend"})
    session = Session(no_input=True, offline=True, allow=everything)
    for permission in ("download", "upload", "api"):
        with pytest.raises(Forbidden, match="offline-asked"):
            session.permit(permission, "it")
    session.permit("spend", "it")


def test_a_permission_nobody_knows_is_a_bug() -> None:
    with pytest.raises(KeyError):
        Session(allow=frozenset({"everything"})).permit("everything", "it")


def test_allow_takes_a_list_and_refuses_unknown_words(invoke: Invoke) -> None:
    def body(session: Session) -> None:
        session.permit("api", "it")
        session.permit("download", "it")

    assert invoke(body, "--allow", "api, download").exit_code == 0
    wrong = invoke(body, "--allow", "api,everything")
    assert wrong.exit_code == 2
    assert "everything" in wrong.stderr


def test_progress_without_a_terminal_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Session(plain=True).progress("[/odd] 学習", total=10) as bar:
        for n in range(10):
            bar.update(n, "loss 1.0")
        bar.advance()
    captured = capsys.readouterr()
    assert captured.err == "[/odd] 学習\n"
    assert captured.out == ""


def test_flags_of_the_group_hold_for_its_commands() -> None:
    seen: list[Session] = []

    @okakae_command("test")
    def command(session: Session) -> None:
        seen.append(session)

    start = Session(lang="ja", offline=True, allow=frozenset({"spend"}))
    CliRunner().invoke(command, ["--allow", "api", "--lang", "en"], obj=start)
    (found,) = seen
    assert (found.lang, found.offline) == ("en", True)
    assert found.allow == {"spend", "api"}


@pytest.mark.parametrize(
    ("environment", "lang"),
    [
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "C.UTF-8"}, "ja"),
        ({"LANG": "en_US.UTF-8", "OKAKAE_LANG": "ja"}, "ja"),
        ({}, "ja"),
    ],
)
def test_the_language_is_asked_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], lang: str
) -> None:
    for name in ("OKAKAE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    set_lang(None)
    assert current_lang() == lang
    set_lang("en")
    assert current_lang() == "en"
