"""Writes one report three times: JSON for programs, Markdown and HTML for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from advisor.files import write_text
from advisor.session import Session
from executors.compare.diagnostics import NOTHING_DIAGNOSED, Diagnosed
from executors.compare.roads import Road, road
from executors.compare.update import update
from executors.compare.verdict import Verdict, judge
from executors.report.advice import update_document
from executors.report.diagnosed import diagnostics_document
from executors.report.document import build_document, save_document
from executors.report.html import render_html
from executors.report.markdown import render_markdown
from executors.report.model_card import write_model_card
from executors.rundir import RunDir


def write_report(document: Mapping[str, Any], folder: Path, lang: str) -> dict[str, str]:
    """Write report.json, report.md and report.html; returns their paths by kind."""
    paths = {"json": str(save_document(document, folder))}
    for kind, render in (("md", render_markdown), ("html", render_html)):
        path = folder / f"report.{kind}"
        write_text(path, render(document, lang))
        paths[kind] = str(path)
    return paths


def report_run(run: RunDir, session: Session) -> dict[str, str]:
    """The report of a single run: one road, no verdict against others."""
    from executors.apply import heldout, load_data

    plan = run.plan
    data = load_data(plan, run.data_root, session)
    one = road(run.path, heldout(data.split, plan))
    document = build_document([one], None, folder=run.path, recommended=plan.recommended)
    write_model_card(run, document["roads"][0], session.lang)
    return write_report(document, run.path, session.lang)


def report_comparison(
    roads: Sequence[Road],
    folder: Path,
    session: Session,
    *,
    recommendation: Mapping[str, Any] | None = None,
    verdict: Verdict | None = None,
    failed: Mapping[str, str] | None = None,
    walk: Mapping[str, Any] | None = None,
    diagnosed: Diagnosed = NOTHING_DIAGNOSED,
    before: Mapping[str, Any] | None = None,
    judged: Mapping[str, Any] | None = None,
    pilot: Sequence[Mapping[str, Any]] = (),
) -> dict[str, str]:
    """The report of a comparison: all roads, the verdict, and what the advice said before.

    Args:
        walk: for an escalation, its target and steps.
        diagnosed: the runs beside the roads that say why a road lost.
        before: what was said of cost and sight before anything was run.
        judged: what an LLM judge says, which stands beside the verdict.
        pilot: what the tuned roads' pilots found, as compare.json keeps it.
    """
    verdict = verdict or judge(roads, diagnosed)
    document = build_document(
        roads,
        verdict,
        folder=folder,
        recommended=roads[0].plan.recommended,
        recommendation=recommendation,
    )
    document["failed"] = dict(failed or {})
    document["diagnostics"] = diagnostics_document(diagnosed, roads, folder)
    document["before"] = before
    document["judge"] = judged
    document["pilot"] = list(pilot)
    recommended = roads[0].plan.recommended
    if recommended is not None and walk is None:
        # An escalation stops at a target: it does not weigh its steps against each other.
        document["recommendation_update"] = update_document(update(roads, verdict, recommended))
    for one, told in zip(roads, document["roads"], strict=True):
        write_model_card(one.run, told, session.lang)
    document |= walk or {}
    return write_report(document, folder, session.lang)
