"""How a prompt was chosen, and what an answer costs, as the report shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from executors.compare.roads import Road
from executors.compare.spent import per_1000_answers
from executors.prompting.searched import outcome, read_search, score_of, shown_by
from executors.report.view import View


@dataclass(frozen=True, slots=True)
class Shown:
    """One road's search in the reader's language."""

    road: str
    says: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def prompting_document(road: Road) -> dict[str, Any]:
    """What stands of a road's prompt and its cost in report.json."""
    n = len(road.results) or 1
    yen = per_1000_answers(road)
    return {
        "prompt_search": read_search(road.run.artifacts),
        "tokens_per_answer": {
            "in": round(sum(result.tokens_in for result in road.results) / n, 1),
            "out": round(sum(result.tokens_out for result in road.results) / n, 1),
        },
        "jpy_per_1000_answers": None if yen is None else {**asdict(yen), "terms": []},
    }


def shown(view: View) -> list[Shown]:
    """The roads whose prompt was searched, in the report's order."""
    return [_shown(road, view) for road in view.roads if road.get("prompt_search")]


def _shown(road: Mapping[str, Any], view: View) -> Shown:
    found = road["prompt_search"]
    columns = ("shown", "instruction", "score", "tokens", "seconds", "taken")
    return Shown(
        road=view.word("road", road["name"]),
        says=outcome(found, view.lang),
        header=[view.t(f"prompting.search.column.{name}") for name in columns],
        rows=[_row(candidate, view) for candidate in found["candidates"]],
    )


def _row(candidate: Mapping[str, Any], view: View) -> list[str]:
    n = candidate["n"]
    return [
        shown_by(candidate, view.lang),
        view.t(f"prompting.search.instruction.{candidate['instruction']}"),
        score_of(candidate, view.lang) + (f" n={n}" if n else ""),
        f"{candidate['tokens_in']:.0f} / {candidate['tokens_out']:.0f}" if n else "-",
        f"{candidate['seconds']:.2f}" if n else "-",
        "✓" if candidate["chosen"] else "",
    ]


def cost_header(view: View) -> list[str]:
    names = ("road", "tokens-in", "tokens-out", "seconds", "yen-per-answer")
    return [view.t(f"report.column.{name}") for name in names]


def cost_rows(view: View) -> list[list[str]]:
    """Tokens, seconds and yen of an answer, road by road; none in reports from before."""
    rows = []
    for road in view.roads:
        tokens, yen = road.get("tokens_per_answer"), road.get("jpy_per_1000_answers")
        if tokens is None:
            continue
        ends = [f"{yen[end] / 1000:.2g}" for end in ("likely", "low", "high")] if yen else []
        rows.append(
            [
                view.word("road", road["name"]),
                f"{tokens['in']:.0f}",
                f"{tokens['out']:.0f}",
                f"{road['seconds_per_answer']:.2f}",
                f"{ends[0]} [{ends[1]}, {ends[2]}]" if ends else "?",
            ]
        )
    return rows
