"""`okakae report`: write a run's or a comparison's report again, in either language."""

from __future__ import annotations

from pathlib import Path

import click

from advisor.session import Session, okakae_command


@okakae_command("report")
@click.argument("run", type=click.Path(path_type=Path))
def report(session: Session, run: Path) -> None:
    """Write report.html, report.md and report.json."""
    from executors.compare.diagnostics import read_diagnosed
    from executors.compare.run import load_comparison
    from executors.report.document import load_document
    from executors.report.write import report_comparison, report_run, write_report
    from executors.rundir import RunDir

    earlier = load_document(run) if (run / "report.json").is_file() else {}
    if "steps" in earlier:
        # An escalation's verdict rests on what was fixed before its first step: told, not remade.
        files = write_report(earlier, run, session.lang)
    elif (run / "compare.json").is_file():
        roads, about = load_comparison(run, session)
        files = report_comparison(
            roads,
            run,
            session,
            recommendation=earlier.get("recommendation"),
            failed=about["failed"],
            before=about.get("before"),
            judged=earlier.get("judge"),
            pilot=about.get("pilot", ()),
            diagnosed=read_diagnosed(run, [result.example for result in roads[0].results]),
        )
    else:
        files = report_run(RunDir.open(run), session)
    session.out(
        {"schema_version": 1, **files},
        lambda: click.echo(session.t("report.written", path=files["html"])),
    )
