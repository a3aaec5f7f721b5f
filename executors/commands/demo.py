"""`okakae demo`: the main job, whole, on the sample company, with no network and no GPU."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from advisor.render import command_line
from advisor.session import Session, okakae_command

ROADS = ("prompting", "rag", "qlora")
SHORT = {"finetune.general_probe": "off"}
"""On a CPU the probe of general abilities takes longer than the demo's training itself."""


@okakae_command("demo")
@click.option("--run", "folder", type=click.Path(path_type=Path), default=None)
@click.option("--resume", is_flag=True)
def demo(session: Session, folder: Path | None, resume: bool) -> None:
    """Recommend, plan, apply three roads, compare, report."""
    from advisor.answers import gather
    from advisor.needs import needs
    from advisor.recommend import recommend
    from advisor.render_advice import show_recommendation
    from executors.commands.compare import show
    from executors.compare.run import compare
    from executors.report.document import load_document
    from executors.report.write import report_comparison
    from executors.rundir import new_run_path
    from executors.starter import prepare_starter

    target = folder or new_run_path("demo")
    session.say("demo.start", folder=target)
    prepare_starter(session)
    answers = _sample_company(target, session.lang, resume)
    gathered = gather(session, answers, ())
    wanted = needs(gathered.answers, gathered.machine, gathered.data)
    recommendation = recommend(wanted)
    if not session.as_json:
        show_recommendation(recommendation, session)
    plans = _plans(recommendation, wanted, gathered, target)
    session.say("demo.plans", folder=target / "plans")
    try:
        comparison = compare(plans, target, session, resume=resume)
    except KeyboardInterrupt:
        command = command_line("okakae", "demo", "--run", target, "--resume")
        session.say("apply.resume", command=command)
        raise
    files_ = report_comparison(
        comparison.roads,
        target,
        session,
        recommendation=asdict(recommendation),
        verdict=comparison.verdict,
        failed=comparison.failed,
        diagnosed=comparison.diagnosed,
        before=comparison.before.document(),
    )

    if comparison.limit is not None:
        raise comparison.limit

    def human() -> None:
        show(comparison, files_, session, load_document(target))
        question = session.t("demo.question")
        command = f'{command_line("okakae", "use", target / "roads" / "rag")} "{question}"'
        click.echo(session.t("next-command", command=command))

    session.out(load_document(target) | {"files": files_}, human)


def _sample_company(target: Path, lang: str, resume: bool) -> Path:
    """Copy the sample company beside the run, so that a person can open and change it."""
    company = target / "company"
    if not (resume and company.exists()):
        source = files("knowledge.samples") / lang
        _copy(source / "company", company)
        shutil.copyfile(str(source / "answers.toml"), target / "answers.toml")
    return target / "answers.toml"


def _copy(source: Any, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        if entry.is_dir():
            _copy(entry, target / entry.name)
        else:
            (target / entry.name).write_bytes(entry.read_bytes())


def _plans(recommendation: Any, wanted: Any, gathered: Any, target: Path) -> list[Path]:
    from advisor.plan import find_option, make_plan, save_plan

    paths = []
    for name in ROADS:
        path = target / "plans" / f"{name}.json"
        paths.append(path)
        if path.exists():
            continue
        plan = make_plan(
            find_option(recommendation, name),
            wanted,
            gathered.answers,
            out=path,
            settings={**SHORT, **gathered.settings},
            recommended=recommendation.chosen,
        )
        save_plan(plan, path)
    return paths
