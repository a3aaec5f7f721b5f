"""What an LLM judge says of a comparison, as the report shows it beside the verdict."""

from __future__ import annotations

from executors.report.view import View, interval


def judge_title(view: View) -> str:
    """The section's heading; empty where no judge was asked."""
    found = view.document.get("judge")
    return view.t("judge.section", model=found["model"]) if found else ""


def judge_says(view: View) -> str:
    """What was compared and how ties came about."""
    return view.t("judge.explained", best=view.word("road", view.document["judge"]["against"]))


def judge_header(view: View) -> list[str]:
    names = ("wins", "share", "inconsistent", "agreement")
    return [view.t("report.column.road"), *(view.t(f"judge.column.{name}") for name in names)]


def judge_rows(view: View) -> list[list[str]]:
    """One row for each road beside the best one."""
    return [
        [
            view.word("road", name),
            f"{found['wins']} / {found['ties']} / {found['losses']}",
            interval(found["win_share"]),
            str(found["inconsistent"]),
            interval(found["agreement"]),
        ]
        for name, found in view.document["judge"]["roads"].items()
    ]
