"""The command line: finds the command by name, loads only that one, and ends with the exit code.

Light commands are modules of the advisor; heavy ones, and anybody's own, come in by the
entry-point group `okakae.commands`. Nothing here imports pydantic, rich or questionary.
"""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import click

from advisor.errors import OkakaeError, UsageError
from advisor.help_page import CellFormatter
from advisor.session import Session, boundary, report_error
from advisor.texts import current_lang, has_text, set_lang, t

GROUP = "okakae.commands"
LIGHT: Mapping[str, str] = {
    name: f"advisor.commands_{name}:{name}"
    for name in (
        *("ask", "inspect", "recommend", "estimate", "plan", "evidence", "doctor", "knowledge"),
    )
}
# Behind a flag of another command (`estimate --probe`, `inspect --as`): loaded by name, no command
# of their own.
BEHIND_FLAGS = ("probe", "inspect-as")
# The order of a first visit; commands that are not named here follow by name.
_ORDER = (
    *("ask", "inspect", "recommend", "estimate", "plan", "apply"),
    *("compare", "escalate", "use", "refresh", "report"),
)

_NEAREST = "okakae-nearest"
_PLAIN = {
    **{"–": "-", "—": "-", "≤": "<=", "≥": ">=", "±": "+/-", "…": "...", "·": "-", "×": "x"},
    **{"“": '"', "”": '"', "‘": "'", "’": "'", "█": "#", "■": "#", "→": "->", "⚠": "!"},
    **{"～": "-", "〜": "-", "\ufffd": "?", "⟦": "[[", "⟧": "]]"},
}


def entry_points() -> Iterator[tuple[str, str]]:
    """Name and target of every command that an installed distribution brings.

    Reads the metadata files themselves: `importlib.metadata` alone costs more time than the
    whole help page may take.
    """
    seen: set[str] = set()
    for folder in sys.path:
        try:
            entries = sorted(os.scandir(folder or "."), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if not entry.name.endswith((".dist-info", ".egg-info")):
                continue
            try:
                with open(f"{entry.path}/entry_points.txt", encoding="utf-8") as stream:  # noqa: PTH123 – pathlib would triple the time
                    content = stream.read()
            except (OSError, UnicodeDecodeError):
                continue
            if f"[{GROUP}]" in content:
                for name, target in _group_of(content):
                    if name not in seen:
                        seen.add(name)
                        yield name, target


def _group_of(content: str) -> Iterator[tuple[str, str]]:
    inside = False
    for line in content.splitlines():
        if line.startswith("["):
            inside = line.strip() == f"[{GROUP}]"
        elif inside and "=" in line:
            name, _, target = line.partition("=")
            yield name.strip(), target.split("[")[0].strip()


class Okakae(click.Group):
    """The group: lists commands without loading them, and speaks the user's language."""

    def targets(self) -> dict[str, str]:
        found = {**dict(entry_points()), **LIGHT}
        for name in BEHIND_FLAGS:
            found.pop(name, None)
        first = [name for name in _ORDER if name in found]
        return {name: found[name] for name in [*first, *sorted(set(found) - set(first))]}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.targets())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        target = self.targets().get(cmd_name)
        if target is None:
            return None
        from importlib import import_module

        module, _, attribute = target.partition(":")
        session = ctx.find_object(Session) or Session(lang=current_lang())

        def load() -> Any:
            try:
                return getattr(import_module(module), attribute)
            except ModuleNotFoundError as error:
                package = (error.name or module).split(".")[0]
                raise UsageError("command-unavailable", name=cmd_name, package=package) from error

        command: click.Command = boundary(session, load)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and name not in self.targets():
            from knowledge.catalog.loader import did_you_mean

            near = did_you_mean(name, self.targets())
            ref = "command-unknown-near" if near else "command-unknown"
            raise UsageError(ref, name=name, near=", ".join(near))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = []
        for name in self.targets():
            id_ = f"command.{name}.help"
            rows.append((name, t(id_).split("\n")[0] if has_text(id_) else ""))
        with formatter.section(t("cli.commands")):
            formatter.write_dl(rows)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run and exit; every error is told in the user's language."""
        given = list(sys.argv[1:] if args is None else args)
        _prepare(given)
        session = Session(lang=current_lang(), as_json="--json" in given)
        try:
            result = super().main(given, prog_name or "okakae", complete_var, False, **extra)
            code = result if isinstance(result, int) else 0
            with suppress(AttributeError, ValueError):
                sys.stdout.flush()
        except click.UsageError as error:
            report_error(_told(error), session)
            code = 2
        except OkakaeError as error:
            report_error(error, session)
            code = error.exit_code
        except click.ClickException as error:
            report_error(UsageError("usage", message=error.format_message()), session)
            code = error.exit_code
        except (KeyboardInterrupt, EOFError, click.Abort):
            click.echo(t("error.interrupted.what"), err=True)
            code = 130
        except BrokenPipeError:
            # `| head` closed the pipe; the interpreter must not try to flush into it again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        sys.exit(code)


def _nearest(error: UnicodeError) -> tuple[str, int]:
    """For characters that a console lacks: a plain sign that says the same, else `?`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character, "?") for character in lost), error.end


def _prepare(args: Sequence[str]) -> None:
    """Fix the language before any help is written, wherever `--lang` stands."""
    click.Context.formatter_class = CellFormatter
    set_lang(None)
    for index, word in enumerate(args):
        value = args[index + 1] if word == "--lang" and index + 1 < len(args) else ""
        value = word.removeprefix("--lang=") if word.startswith("--lang=") else value
        if value in ("ja", "en"):
            set_lang("ja" if value == "ja" else "en")
    codecs.register_error(_NEAREST, _nearest)
    for stream in (sys.stdout, sys.stderr):
        # A cp932 console lacks some characters: a plain sign is better than a crash.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            # LC_ALL=C: ASCII would leave nothing of Japanese, and click writes UTF-8 there too.
            plain = _is_ascii(stream)
            reconfigure(encoding="utf-8" if plain else None, errors=_NEAREST)
    if _is_ascii(sys.stdin) and hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")


def _is_ascii(stream: Any) -> bool:
    encoding = getattr(stream, "encoding", None) or ""
    return encoding.lower() in ("ascii", "us-ascii", "ansi_x3.4-1968")


def _told(error: click.UsageError) -> OkakaeError:
    """A mistake in the flags, in the user's language."""
    command = error.ctx.command_path if error.ctx else "okakae"
    if isinstance(error, click.NoSuchOption):
        near = ", ".join(error.possibilities or ())
        ref = "option-unknown-flag-near" if near else "option-unknown-flag"
        return UsageError(ref, name=error.option_name, near=near, command=command)
    param = error.param if isinstance(error, click.BadParameter) else None
    hint = " / ".join([*param.opts]) if param is not None else ""
    if isinstance(param, click.Argument):
        hint = param.make_metavar(error.ctx) if error.ctx else (param.name or "").upper()
    if isinstance(error, click.MissingParameter):
        return UsageError("parameter-missing", name=hint, command=command)
    if isinstance(error, click.BadParameter):
        allowed = getattr(param.type, "choices", None) if param is not None else None
        if allowed:
            return UsageError(
                "parameter-not-a-choice", name=hint, allowed=", ".join(allowed), command=command
            )
        return UsageError(
            "parameter-wrong", name=hint, message=_needed(param) or error.message, command=command
        )
    return UsageError("usage", message=error.format_message(), command=command)


def _needed(param: click.Parameter | None) -> str:
    """What a number flag takes, in the user's language; empty where click says it best."""
    kind = param.type if param is not None else None
    if isinstance(kind, click.IntRange | click.FloatRange):
        low, high = ("-" if end is None else f"{end:g}" for end in (kind.min, kind.max))
        return t("error.needs-range", low=low, high=high)
    if isinstance(kind, click.types.IntParamType | click.types.FloatParamType):
        return t("error.needs-number")
    return ""


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    from knowledge.catalog.loader import VERSION

    try:
        number = version("okakae")
    except PackageNotFoundError:
        number = t("cli.not-installed")
    click.echo(t("cli.version", version=number, knowledge=VERSION))
    ctx.exit()


def _options(function: Any) -> Any:
    from advisor.session import _COMMON

    # No help text here: the page looks it up as it is written, once the language is known.
    for flags, attributes in reversed(_COMMON):
        function = click.option(*flags, **attributes)(function)
    return click.option(
        "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version
    )(function)


@click.group("okakae", cls=Okakae, invoke_without_command=True)
@_options
@click.pass_context
def main(ctx: click.Context, /, **common: Any) -> None:
    """Start or resume the wizard on a terminal; show the help otherwise."""
    from advisor.session import _session

    session = _session(ctx, common)
    ctx.obj = session
    if ctx.invoked_subcommand is not None:
        return
    if not session.interactive:
        click.echo(ctx.get_help())
        return
    from advisor.wizard import start

    boundary(session, lambda: start(session), "okakae")
