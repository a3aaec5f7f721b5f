"""The report as Markdown: the same content as the page, for repositories and mails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from executors.report.forgetting import shown
from executors.report.judged import judge_header, judge_rows, judge_says, judge_title
from executors.report.pilot import shown_pilots
from executors.report.searched import cost_header, cost_rows
from executors.report.searched import shown as searched
from executors.report.view import View


def render_markdown(document: Mapping[str, Any], lang: str) -> str:
    """The whole report; tables stay tables, every cell in one line."""
    view = View(document, lang)
    lines = [f"# {view.t('report.title')}", "", f"**{view.headline()}**", ""]
    lines += [f"> {_inline(note)}" for note in view.cautions()]
    if change := view.before_after():
        lines += ["", change]
    if rule := view.target():
        lines += ["", f"## {view.t('escalate.section')}", "", rule, ""]
        lines += table(view.step_header(), view.step_rows())
    lines += ["", f"## {view.t('report.section.scores')}", ""]
    lines += [view.scored("report.scores-explained"), ""]
    lines += table(view.score_header(), view.score_rows())
    if rows := view.diagnostic_rows():
        lines += ["", f"### {view.t('report.section.diagnostics')}", ""]
        lines += [view.t("report.diagnostics-explained"), ""]
        lines += table(view.diagnostic_header(), rows)
    if title := judge_title(view):
        lines += ["", f"### {_inline(title)}", "", judge_says(view), ""]
        lines += table(judge_header(view), judge_rows(view))
    header, rows = view.metric_rows()
    lines += ["", f"### {view.t('report.section.figures')}", "", *table(header, rows)]
    lines += _prompting(view)
    header, rows = view.estimate_rows()
    if rows:
        lines += ["", f"## {view.t('report.section.estimates')}", "", *table(header, rows)]
    for name, line, rows in view.abstentions():
        lines += ["", f"## {view.t('report.section.abstention', road=name)}", ""]
        lines += [view.abstention_says(line), "", *table(view.abstention_header(), rows)]
    lines += _pilots(view)
    for cost in shown(view):
        lines += ["", f"## {view.t('forgetting.section', road=cost.road)}", "", f"**{cost.says}**"]
        lines += ["", *table(cost.header, cost.rows), "", cost.explained, "", cost.replayed]
    if options := view.reasons():
        lines += ["", f"## {view.t('report.section.advice')}", ""]
        for option in options:
            name = view.word("road", option["method"] or option["approach"])
            lines.append(f"- **{option['rank']}. {name}**")
            lines += [f"  - {_inline(reason['text'])}" for reason in option["reasons"][:3]]
    lines += ["", f"## {view.t('report.section.answers')}", ""]
    for row in document["questions"]:
        lines += [
            f"### {_inline(row['question'])}",
            "",
            f"- {view.t('report.gold')}: {_inline(row['gold'])}",
        ]
        for name, given in row["answers"].items():
            sources = ", ".join(dict.fromkeys(_inline(s["source"]) for s in given["sources"]))
            tail = f" ({sources})" if sources else ""
            lines.append(
                f"- {view.word('road', name)} [{given['correct']:.2f}]:"
                f" {_inline(given['answer'])}{tail}"
            )
        lines.append("")
    lines += [f"## {view.t('report.section.asked')}", ""]
    lines += table(
        [view.t("report.column.question"), view.t("report.column.answer")], view.asked_rows()
    )
    lines += ["", f"## {view.t('report.section.provenance')}", ""]
    stamp = document["knowledge"]
    lines.append(f"- knowledge {stamp['version']} `{stamp['sha256'][:12]}`")
    lines += [f"- {r['name']}: plan `{r['seal'][:12]}`, {r['answers']}" for r in document["roads"]]
    lines += [f"- {name} {version}" for name, version in document["environment"].items()]
    return "\n".join(lines) + "\n"


def _prompting(view: View) -> list[str]:
    """What an answer costs, and how prompts were chosen."""
    lines: list[str] = []
    if rows := cost_rows(view):
        lines += ["", f"### {view.t('report.section.answer-cost')}", ""]
        lines += table(cost_header(view), rows)
    for search in searched(view):
        lines += ["", f"## {view.t('prompting.search.section', road=search.road)}", ""]
        lines += [f"**{_inline(search.says)}**", "", *table(search.header, search.rows)]
        lines += ["", view.t("prompting.search.explained")]
    return lines


def _pilots(view: View) -> list[str]:
    lines = []
    for pilot in shown_pilots(view):
        lines += ["", f"## {view.t('pilot.section', road=pilot.road)}", "", pilot.says, ""]
        lines += table(pilot.header, pilot.rows) if pilot.rows else []
        if pilot.forecasts:
            ahead = [f"- {line}" for line in pilot.forecasts]
            lines += ["", *ahead, "", view.t("pilot.explained")]
    return lines


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table's lines, every cell in one line and none of it HTML."""
    lines = ["| " + " | ".join(map(_cell, header)) + " |", "|" + "---|" * len(header)]
    return lines + ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]


def _cell(text: str) -> str:
    return _inline(text).replace("\\", "\\\\").replace("|", "\\|")


def _inline(text: str) -> str:
    """One line in which nothing is HTML: Markdown viewers would run a document's tags."""
    return " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;")
