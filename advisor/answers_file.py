"""Answers as a TOML file that explains itself: each question is a comment above its value."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from advisor.errors import Fault, UsageError
from advisor.questions import Questionnaire, allowed_values
from advisor.texts import has_text, t
from advisor.types import SCHEMA_VERSION, Answer, Answers, AnswerSource, Language, Scalar

_META = ("schema_version", "finished", "sources")
_WRAPPERS = ("answers", "settings")


@dataclass(frozen=True, slots=True)
class AnswersFile:
    """What a file said: values by dotted id, and how each was answered where that is written."""

    path: Path
    values: Mapping[str, Scalar]
    sources: Mapping[str, AnswerSource]
    finished: bool = False
    faults: tuple[Fault, ...] = ()
    """Ids whose value is a list, a date or the like: no answer is."""


def read_answers(path: Path) -> AnswersFile:
    """Read an answers file; tables and dotted keys mean the same.

    Raises:
        UsageError: it is missing, not TOML (every wrong line is named), or of a newer schema.
    """
    where = str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError("file-missing", where=where, path=where) from None
    except IsADirectoryError:
        raise UsageError("answers-is-folder", where=where, path=where) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("file-unreadable", where=where, path=where, why=error) from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        faults = _wrong_lines(text) or (_line_fault("", str(error)),)
        raise UsageError(
            "answers-not-toml", where=where, faults=faults, path=where, n=len(faults)
        ) from None
    version = raw.get("schema_version", SCHEMA_VERSION)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise UsageError("answers-version", where=where, path=where, version=version)
    if version > SCHEMA_VERSION:
        raise UsageError("file-too-new", where=where, path=where, version=version)
    return _file(path, raw)


def _file(path: Path, raw: Mapping[str, Any]) -> AnswersFile:
    sources = raw.get("sources", {})
    known = get_args(AnswerSource)
    values, wrong = _flat({k: v for k, v in raw.items() if k not in _META})
    return AnswersFile(
        path,
        values,
        {
            str(id_): cast("AnswerSource", source)
            for id_, source in (sources.items() if isinstance(sources, dict) else ())
            if source in known
        },
        raw.get("finished") is True,
        tuple(Fault("answer-not-a-value", id_) for id_ in wrong),
    )


def salvaged(path: Path) -> AnswersFile:
    """What can still be read of a damaged answers file, line by line; nothing of it may be lost."""
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError:
        return AnswersFile(path, {}, {})
    values: dict[str, Scalar] = {}
    table = ""
    for line in text.splitlines():
        try:
            raw = tomllib.loads(f"{table}\n{line}")
        except tomllib.TOMLDecodeError:
            continue
        if line.lstrip().startswith("["):
            table = line
        values |= _file(path, raw).values
    return AnswersFile(path, values, {})


def set_aside(path: Path) -> Path:
    """Move a damaged file beside itself under a free name, so that nothing writes over it."""
    kept = free(path.with_name(f"{path.stem}-damaged{path.suffix}"))
    path.replace(kept)
    return kept


def _wrong_lines(text: str) -> tuple[Fault, ...]:
    """Every line that is no TOML by itself; answers files have one value a line."""
    faults = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            tomllib.loads(line)
        except tomllib.TOMLDecodeError as error:
            faults.append(_line_fault(line, str(error), number))
    return tuple(faults)


def _line_fault(line: str, why: str, number: int | None = None) -> Fault:
    where = "" if number is None else str(number)
    return Fault("line-not-toml", where, (("line", line.strip()[:60]), ("why", why)))


def _flat(table: Mapping[str, Any], prefix: str = "") -> tuple[dict[str, Scalar], list[str]]:
    values: dict[str, Scalar] = {}
    faults: list[str] = []
    for key, value in table.items():
        id_ = f"{prefix}{key}"
        if isinstance(value, dict):
            inner = "" if not prefix and key in _WRAPPERS else f"{id_}."
            below, wrong = _flat(value, inner)
            values |= below
            faults += wrong
        elif isinstance(value, str | int | float | bool):
            values[id_] = value
        else:
            faults.append(id_)
    return values, faults


def write_answers(
    path: Path,
    answers: Answers,
    lang: Language,
    *,
    settings: Mapping[str, Scalar] | None = None,
    finished: bool = True,
    portable: bool = True,
) -> None:
    """Write the answers people gave, in one step; what is assumed stands as a comment.

    Args:
        path: the TOML file, replaced whole or not at all.
        answers: given, detected and assumed answers.
        lang: language of the comments.
        settings: settings of a plan given with them.
        finished: whether the questionnaire was gone through.
        portable: write `data.path` relative to the file where it lies beside or below it.
    """
    from advisor.detect import detected_answers
    from advisor.files import write_text  # hashlib, which the first prompt can do without

    questionnaire = Questionnaire(detected=detected_answers(None, None, "", lang))
    lines = [
        *_comment(t("answers.head", lang)),
        f"schema_version = {SCHEMA_VERSION}",
        f"finished = {_toml(finished)}",
        "",
    ]
    completed = questionnaire.completed(answers)
    for question in questionnaire:
        answer = completed.entries.get(question.id)
        lines += _comment(t(f"question.{question.id}.text", lang))
        lines += _comment(t("answers.allowed", lang, allowed=allowed_values(question)))
        if answer is None:
            lines += [f"# {question.id} =", ""]
            continue
        value = answer.value
        if question.kind == "path" and portable:
            value = _beside(str(value), path)
        assumed = answer.source in ("default", "detected")
        note = t(f"source.{answer.source}", lang) if assumed else ""
        shown = f"{question.id} = {_toml(value)}"
        lines += [f"# {shown}  # {note}" if assumed else shown, ""]
    if settings:
        lines += _comment(t("answers.settings", lang))
        lines += [f"{id_} = {_toml(value)}" for id_, value in settings.items()] + [""]
    given = [a for a in answers if a.source not in ("default", "detected")]
    lines += [*_comment(t("answers.sources", lang)), "[sources]"]
    lines += [f"{_toml(answer.id)} = {_toml(answer.source)}" for answer in given]
    write_text(path, "\n".join(lines) + "\n")


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in text.splitlines()]


def _toml(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    plain = "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in escaped)
    return f'"{plain}"'


def _beside(value: str, path: Path) -> str:
    """`value` as seen from the file's folder, if it lies in it or one step beside it."""
    if not value:
        return value
    folder, target = path.absolute().parent, Path(os.path.normpath(Path(value).absolute()))
    if target.is_relative_to(folder):
        return target.relative_to(folder).as_posix()
    if len(folder.parts) > 2 and target.is_relative_to(folder.parent):
        return f"../{target.relative_to(folder.parent).as_posix()}"
    return str(target)


def state_file() -> Path:
    """Where the wizard keeps the answers of a questionnaire under way."""
    folder = os.environ.get("OKAKAE_STATE_DIR")
    if not folder:
        from platformdirs import user_state_dir

        folder = user_state_dir("okakae", appauthor=False)
    return Path(folder) / "answers.toml"


def restored(file: AnswersFile) -> Answers:
    """The answers of an unfinished questionnaire that can still stand as they are."""
    from advisor.questions import Unreadable

    questionnaire = Questionnaire()
    answers = Answers()
    for id_, value in file.values.items():
        question = questionnaire.questions.get(id_)
        if question is None or not has_text(f"question.{id_}.text"):
            continue
        try:
            kept = questionnaire.parse(question, value)
        except Unreadable:
            continue
        answers = answers.with_answer(Answer(id_, kept, file.sources.get(id_, "file")))
    return answers


def free(path: Path) -> Path:
    """`path`, or the first numbered name beside it that is still free."""
    number = 1
    candidate = path
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate
