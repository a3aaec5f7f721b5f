"""`okakae doctor`: what this machine can do, and the command that mends each fault."""

from __future__ import annotations

import click

from advisor.errors import MachineError
from advisor.session import Session, okakae_command


@okakae_command("doctor")
def doctor(session: Session) -> None:
    """Show every check; only a failed one ends with an error."""
    from advisor.doctor import Check, examine
    from advisor.render import cells, paragraph, status_word

    checks = examine()
    failed = [check for check in checks if check.status == "fail"]

    def told(check: Check) -> str:
        return session.t(f"doctor.{check.id}.{check.outcome}", **check.values)

    document = {
        "schema_version": 1,
        "ok": not failed,
        "checks": [
            {
                "id": check.id,
                "status": check.status,
                "text": told(check),
                "fix": check.fix,
                "values": check.values,
            }
            for check in checks
        ],
    }

    def human() -> None:
        for check in checks:
            word = status_word(check.status, session.lang)
            click.echo(paragraph(f"{word}{' ' * (6 - cells(word))}{told(check)}"))
            if check.fix:
                click.echo(paragraph(session.t("doctor.fix", command=check.fix), indent=6))

    session.out(document, human)
    if failed and session.as_json:
        raise click.exceptions.Exit(MachineError.exit_code)
    if failed:
        raise MachineError("doctor-failed", n=len(failed))
