"""One command's surroundings: language, consent, output streams, progress, and how errors end it.

Results go to stdout; prompts, progress, warnings and errors go to stderr.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import click

from advisor.errors import Forbidden, Interrupted, MachineError, OkakaeError, UsageError
from advisor.texts import current_lang, has_text, set_lang, t

if TYPE_CHECKING:
    from advisor.types import Language

PERMISSIONS = ("download", "upload", "api", "spend")


class Progress(Protocol):
    """How far one step has come."""

    def update(self, done: float, note: str = "") -> None: ...

    def advance(self, step: float = 1.0, note: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Session:
    """What the user said about this call as a whole."""

    lang: Language = "ja"
    no_input: bool = False
    plain: bool = False
    offline: bool = False
    as_json: bool = False
    allow: frozenset[str] = frozenset()
    confidential: str | None = None
    """The answer to `confidential` once a plan or answers file is known; `all` forbids sending."""

    def t(self, id_: str, **values: Any) -> str:
        return t(id_, self.lang, **values)

    @property
    def interactive(self) -> bool:
        """Whether a question can be put to a person now."""
        return not self.no_input and _on_terminal(sys.stdin) and _on_terminal(sys.stderr)

    def say(self, id_: str, **values: Any) -> None:
        """One line for the person watching, on stderr."""
        click.echo(self.t(id_, **values), err=True)

    def out(self, document: Any, human: Callable[[], None]) -> None:
        """Print the result: one JSON document, or what `human` prints."""
        if self.as_json:
            click.echo(json.dumps(document, ensure_ascii=False, indent=1, default=str))
        else:
            human()

    def with_confidential(self, value: str | None) -> Session:
        return replace(self, confidential=value)

    def permit(self, permission: str, what: str) -> None:
        """Go on only with the user's word; a confidential answer refuses whatever would send.

        Raises:
            Forbidden: confidential data would leave, `--offline` was given, or there is no consent.
        """
        if permission not in PERMISSIONS:
            raise KeyError(permission)
        if permission in ("upload", "api") and self.confidential == "all":
            raise Forbidden("confidential-stays-here", what=what)
        if self.offline and permission != "spend":
            raise Forbidden("offline-asked", what=what)
        if permission in self.allow:
            return
        if self.interactive:
            from advisor.prompts import agreed

            if agreed(self.t(f"consent.{permission}", what=what), plain=self.plain):
                return
        raise Forbidden("no-consent", what=what, permission=permission)

    @contextmanager
    def progress(self, label: str, total: float | None = None) -> Iterator[Progress]:
        """Say what is being done; on a terminal a bar below moves until it is done, then goes.

        Args:
            label: text already in the user's language.
            total: units until done; None when nobody knows.
        """
        click.echo(label, err=True)
        if self.plain or not _on_terminal(sys.stderr) or os.environ.get("TERM") == "dumb":
            yield _Silent()
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import (
            Progress as RichProgress,
        )

        columns = (
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f}%") if total else TextColumn(""),
            TimeElapsedColumn(),
            *([TimeRemainingColumn()] if total else []),
            TextColumn("{task.fields[note]}"),
        )
        with RichProgress(*columns, console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task("", total=total, note="")
            yield _Bar(bars, task)


def _on_terminal(stream: Any) -> bool:
    """Whether a person sits at `stream`; a closed one is None."""
    return stream is not None and bool(stream.isatty())


class _Silent:
    def update(self, done: float, note: str = "") -> None: ...

    def advance(self, step: float = 1.0, note: str = "") -> None: ...


class _Bar:
    def __init__(self, bars: Any, task: Any) -> None:
        self._bars, self._task = bars, task

    def update(self, done: float, note: str = "") -> None:
        self._bars.update(self._task, completed=done, note=note)

    def advance(self, step: float = 1.0, note: str = "") -> None:
        self._bars.update(self._task, advance=step, note=note)


def report_error(error: OkakaeError, session: Session) -> None:
    """Print what happened, where, and what to do; as JSON too when JSON was asked for."""
    texts = [
        session.t(id_, where=error.where, **error.values) if has_text(id_) else ""
        for id_ in (f"error.{error.ref}.what", f"error.{error.ref}.fix")
    ]
    # A plug-in's own error may have no text here: its reference still says more than a crash.
    what, fix = texts[0] or str(error), texts[1]
    stopped = isinstance(error, Interrupted)  # the person's own wish: nothing went wrong
    lines = [what if stopped else f"{session.t('error.label')} [{error.ref}] {what}"]
    if error.where and error.where not in what:
        lines.append(f"  {session.t('error.where')} {error.where}")
    faults = []
    for fault in error.faults:
        text, mend = (
            session.t(key, where=fault.where, **dict(fault.values)) if has_text(key) else ""
            for key in (f"error.{fault.ref}.what", f"error.{fault.ref}.fix")
        )
        told = {"id": fault.ref, "where": fault.where, "text": text, "fix": mend}
        faults.append(dict(fault.values) | told)
        lines.append(f"  - {fault.where + ': ' if fault.where else ''}{text or fault.ref}")
        if mend:
            lines.append(f"    {session.t('error.fix')} {mend}")
    if fix:
        lines.append(fix if stopped else f"  {session.t('error.fix')} {fix}")
    click.echo("\n".join(lines), err=True)
    _document(session, error.ref, what, error.exit_code, fix, error.where, faults)


def _document(
    session: Session,
    ref: str,
    text: str,
    code: int,
    fix: str = "",
    where: str = "",
    faults: Sequence[Mapping[str, Any]] = (),
) -> None:
    """The error as the one JSON document on stdout, when JSON was asked for."""
    if not session.as_json:
        return
    document = {
        "schema_version": 1,
        "error": ref,
        "text": text,
        "fix": fix,
        "where": where,
        "faults": list(faults),
        "exit_code": code,
    }
    click.echo(json.dumps(document, ensure_ascii=False, indent=1, default=str))


def _bug(error: Exception, session: Session) -> None:
    """Keep the traceback of a bug in a file; the screen says where, never the traceback itself."""
    import traceback
    from pathlib import Path

    from platformdirs import user_state_dir

    folder = Path(os.environ.get("OKAKAE_STATE_DIR") or user_state_dir("okakae", appauthor=False))
    path = folder / "last-bug.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        where = str(path)
    except OSError:
        where = "-"
    told = session.t("error.bug", kind=type(error).__name__, path=where)
    click.echo(told, err=True)
    _document(session, "bug", told, 1, where=where)


def boundary(session: Session, call: Callable[[], Any], resume: str = "") -> Any:
    """Run `call`; every way it can end becomes a message and the contract's exit code."""
    try:
        return call()
    except OkakaeError as error:
        report_error(error, session)
        raise click.exceptions.Exit(error.exit_code) from None
    except (KeyboardInterrupt, EOFError, click.Abort):
        stop = Interrupted("interrupted", resume=resume)
        told = session.t("error.interrupted.what")
        click.echo(told, err=True)
        _document(session, stop.ref, told, stop.exit_code, fix=resume)
        if resume:
            click.echo(session.t("error.interrupted.resume", resume=resume), err=True)
        raise click.exceptions.Exit(stop.exit_code) from None
    except BrokenPipeError:
        # Somebody closed the pipe (`| head`): nothing more can be said, and nothing is wrong.
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123 – closed by the process's end
        raise click.exceptions.Exit(0) from None
    except (click.ClickException, click.exceptions.Exit):
        raise
    except Exception as error:
        known = _as_knowledge_error(error, session) or _as_path_error(error)
        if known is not None:
            report_error(known, session)
            raise click.exceptions.Exit(known.exit_code) from None
        _bug(error, session)
        raise click.exceptions.Exit(1) from None


def _as_knowledge_error(error: Exception, session: Session) -> OkakaeError | None:
    """A company's own knowledge file that cannot be read is its error, not a bug of ours."""
    from knowledge.catalog.loader import CatalogError

    if not isinstance(error, CatalogError):
        return None
    path = str(error.path)
    told = "; ".join(fault.told(session.lang) for fault in error.faults)
    return UsageError("knowledge-file", where=path, path=path, fault=told)


def _as_path_error(error: Exception) -> OkakaeError | None:
    """A path that a person named and that cannot be used is no bug of ours."""
    import errno

    if not isinstance(error, OSError):
        return None
    why = error.strerror or type(error).__name__
    where = str(error.filename or "-")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MachineError("disk-full", where=where, path=where, why=why)
    # A file that is merely gone may be one that okakae should have: that stays a bug.
    unusable = (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)
    if error.filename and (isinstance(error, unusable) or error.errno == errno.EROFS):
        return UsageError("path-unusable", where=where, path=where, why=why)
    return None


def _allow(_ctx: click.Context, _param: click.Parameter, value: str | None) -> frozenset[str]:
    asked = frozenset(part.strip() for part in (value or "").split(",") if part.strip())
    if unknown := asked - set(PERMISSIONS):
        raise click.BadParameter(t("error.allow-unknown", unknown=", ".join(sorted(unknown))))
    return asked


def _help(name: str) -> str:
    return t(f"option.{name}") if has_text(f"option.{name}") else ""


_COMMON: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("--lang",), {"type": click.Choice(["ja", "en"]), "default": None}),
    (("--json", "as_json"), {"is_flag": True}),
    (("--no-input",), {"is_flag": True}),
    (("--plain",), {"is_flag": True}),
    (("--offline",), {"is_flag": True}),
    (("--allow",), {"callback": _allow, "metavar": "download,upload,api,spend", "default": None}),
)


def okakae_command(name: str, **attrs: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """A click command with the options that work everywhere and the error boundary.

    The function receives `session` first, then its own parameters. Help texts come from
    `command.<name>.help`.
    """

    def decorate(function: Callable[..., Any]) -> click.Command:
        @functools.wraps(function)
        @click.pass_context
        def run(ctx: click.Context, /, **kwargs: Any) -> Any:
            session = _session(ctx, kwargs)
            return boundary(session, lambda: function(session, **kwargs))

        callback: Any = run
        for flags, options in reversed(_COMMON):
            key = flags[0].lstrip("-")
            add: Any = click.option(*flags, help=_help(key), **options)
            callback = add(callback)
        help_id = f"command.{name}.help"
        text = t(help_id) if has_text(help_id) else ""
        make: Any = click.command(name, help=text, **attrs)
        command: click.Command = make(callback)
        return command

    return decorate


def _session(ctx: click.Context, kwargs: dict[str, Any]) -> Session:
    """Merge the group's and the command's common options; a flag said anywhere holds."""
    base = ctx.find_object(Session) or Session(lang=current_lang())
    lang = kwargs.pop("lang") or base.lang
    set_lang(lang)
    offline = bool(kwargs.pop("offline")) or base.offline
    if offline:
        # Hugging Face libraries read these once, at their first import.
        os.environ["HF_HUB_OFFLINE"] = "1"
        os.environ["TRANSFORMERS_OFFLINE"] = "1"
    return replace(
        base,
        lang=lang,
        as_json=bool(kwargs.pop("as_json")) or base.as_json,
        no_input=bool(kwargs.pop("no_input")) or base.no_input,
        plain=bool(kwargs.pop("plain")) or base.plain,
        offline=offline,
        allow=base.allow | kwargs.pop("allow"),
    )
