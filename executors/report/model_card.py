"""The model card of a tuned run: what it came from, how it was made, and how well it does.

Written beside the report, in the reader's language; the head is the YAML that model hubs read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advisor.files import write_text
from advisor.types import Manifest, Plan
from executors.report.forgetting import shown
from executors.report.markdown import table
from executors.report.view import View, interval
from executors.rundir import RunDir
from knowledge.catalog.loader import load

NAME = "MODEL_CARD.md"
ABOUT = "tuned.json"
KNOWN_LICENCES = (
    *("apache-2.0", "mit", "bsd-3-clause", "cc-by-sa-4.0", "bigscience-bloom-rail-1.0", "gemma"),
    *("llama2", "llama3", "llama3.1", "llama3.2", "llama3.3"),
)
"""What hubs write in a card's head; any other licence is `other` there and named in the text."""


def write_model_card(run: RunDir, road: Mapping[str, Any], lang: str) -> Path | None:
    """Write the card of a finished tuning; None for a run that tuned no language model.

    Args:
        road: the run's road in the report's document.
    """
    path = run.artifacts / ABOUT
    if not path.is_file():
        return None
    about = json.loads(path.read_text(encoding="utf-8"))
    if "base_model" not in about:
        return None
    card = run.path / NAME
    write_text(card, render_card(run, about, road, lang))
    return card


def render_card(run: RunDir, about: Mapping[str, Any], road: Mapping[str, Any], lang: str) -> str:
    """The card as Markdown."""
    view = View({"roads": [road]}, lang)
    plan, manifest = run.plan, run.manifest
    goal = view.word("question.goal.choice", plan.goal)
    lines = [*_head(about, plan.language), "", f"# {view.t('card.title', goal=goal)}", ""]
    lines += [view.t("card.use")]
    sections = {
        "base": _base(about, view),
        "data": _data(about, plan, view),
        "method": _method(about, plan, manifest, view),
        "figures": _figures(about, road, view),
    }
    for name, content in sections.items():
        lines += ["", f"## {view.t(f'card.section.{name}')}", "", *content]
    for cost in shown(view):
        lines += ["", f"## {view.t('forgetting.section', road=cost.road)}", "", f"**{cost.says}**"]
        lines += ["", *table(cost.header, cost.rows), "", cost.explained, "", cost.replayed]
    lines += ["", f"## {view.t('card.section.made')}", ""]
    lines += [f"- {manifest.started} – {manifest.finished or ''}", f"- plan `{plan.seal}`"]
    lines += [f"- {name} {version}" for name, version in manifest.environment.items()]
    return "\n".join(lines) + "\n"


def _base(about: Mapping[str, Any], view: View) -> list[str]:
    rows = [
        [view.t("card.base"), str(about["base_model"])],
        [view.t("card.base-digest"), str(about["base_digest"])],
        [view.t("card.licence"), _licence(str(about.get("licence") or ""), view)],
        [view.t("card.template"), str(about["template_sha256"])],
    ]
    return [*table(_columns(view), rows), "", view.t("card.licence-note")]


def _licence(said: str, view: View) -> str:
    """Each licence by its name and address; a file beside the weights is pointed to."""
    if not said:
        return view.t("card.licence-unknown")
    if "://" in said:
        return said
    known, ids = load("licences"), [id_.strip() for id_ in said.split(",")]
    if not all(id_ in known for id_ in ids):
        return view.t("card.licence-file", file=said)
    return ", ".join(f"{view.t(f'licence.{id_}.name')} ({known[id_].url})" for id_ in ids)


def _data(about: Mapping[str, Any], plan: Plan, view: View) -> list[str]:
    header = [view.t(f"card.column.{name}") for name in ("role", "files", "digest")]
    rows = [[entry.role, str(entry.files), entry.digest] for entry in plan.inputs]
    general = (about.get("replay") or {}).get("rows", 0)
    return [*table(header, rows), "", view.t("card.rows", n=about["rows"], general=general)]


def _method(about: Mapping[str, Any], plan: Plan, manifest: Manifest, view: View) -> list[str]:
    """The plan's settings, and what had to be changed for want of memory."""
    rows = [
        [view.t("card.method"), view.word("road", about["method"])],
        [view.t("card.number-format"), f"{about['dtype']} ({about['dtype_reason']})"],
    ]
    rows += [
        [name, str(value)]
        for name, value in sorted(plan.config.items())
        if name.startswith("finetune.") or name == "seed"
    ]
    changes = [view.t(f"finetune.memory.{one['step']}", **one) for one in manifest.changes]
    return [*table(_columns(view), rows), *(f"\n{told}" for told in changes)]


def _figures(about: Mapping[str, Any], road: Mapping[str, Any], view: View) -> list[str]:
    rows = [[view.figure_name(name), interval(m)] for name, m in road["metrics"].items()]
    losses = f"{about['eval_loss_first']:.3f} → {about['eval_loss_best']:.3f}"
    rows.append([view.t("card.loss"), losses])
    return table([view.t("report.column.figure"), view.t("card.column.value")], rows)


def _columns(view: View) -> list[str]:
    return [view.t("card.column.what"), view.t("card.column.value")]


def _head(about: Mapping[str, Any], lang: str) -> list[str]:
    """YAML with the fields that hubs know; JSON strings are YAML strings."""
    known = str(about.get("licence") or "").lower()
    return [
        "---",
        f"language: {lang}",
        f"license: {known if known in KNOWN_LICENCES else 'other'}",
        f"base_model: {json.dumps(about['base_model'], ensure_ascii=False)}",
        f"library_name: {'transformers' if about['method'] == 'full' else 'peft'}",
        "---",
    ]
