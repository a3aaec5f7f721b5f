"""What rules a road out: confidentiality, memory, money, time, licence, too little material."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from advisor.base_model import STARTER, TUNABLE_ON_CPU, Base, commercial, exceeded
from advisor.needs import RENTED_CARDS as RENTED
from advisor.options import Road, method_record, something_to_look_up
from advisor.rules import comfortable_window, facts_of, material_tokens
from advisor.texts import t
from advisor.types import Estimate, Needs, Reason
from knowledge.catalog.loader import find_model

# Fewer pairs than this teach nothing that an example in the prompt would not. Source: vendors
# start at 10 (API minimum) to 50 (OpenAI's guide to accuracy); studies of tuning begin at 16.
LEAST_EXAMPLES = 10


def blockers(
    road: Road, base: Base, needs: Needs, estimates: Mapping[str, Estimate]
) -> tuple[Reason, ...]:
    """Every reason that rules the road out here; empty when it is open."""
    return (
        *_place(road, base, needs),
        *material_blockers(road, needs),
        *_memory(road, base, needs, estimates),
        *_licence(base),
        *_limits(needs, estimates),
    )


def nothing_to_build_from(needs: Needs) -> bool:
    """Questions about the company's own facts, and nothing that holds the answers."""
    if needs.goal != "new_facts":
        return False
    if needs.data is None:
        return needs.data_kind == "none"
    return not needs.data.n_documents and not needs.data.n_qa_pairs


def _blocks(id_: str, **values: Any) -> Reason:
    return Reason(id_, "blocks", t(f"blocker.{id_}", **values))


def _place(road: Road, base: Base, needs: Needs) -> tuple[Reason, ...]:
    rented = needs.gpu in RENTED and needs.confidential == "all" and base.model_id != STARTER
    if road.approach in ("fine_tuning", "hybrid") and rented:
        return (_blocks("confidential-stays-inside", place=t(f"advice.place.{needs.gpu}")),)
    return ()


def material_blockers(road: Road, needs: Needs) -> tuple[Reason, ...]:
    """Too few examples or nothing to look up: what can be told before any model is chosen."""
    n, record = needs.n_examples, method_record(road)
    found = []
    if road.approach == "prompting" and nothing_to_build_from(needs):
        found.append(_blocks("nothing-to-answer-from"))
    if road.approach in ("rag", "hybrid") and not something_to_look_up(needs):
        found.append(_blocks("no-documents"))
    least = max(record.min_examples if record else 0, LEAST_EXAMPLES)
    tuned = road.approach in ("fine_tuning", "hybrid")
    if tuned and n is not None and n < least:
        id_ = "few-for-full" if road.method == "full" and n >= LEAST_EXAMPLES else "no-examples"
        found.append(_blocks(id_, n=n, least=least))
    if road.variant == "many_shot" and n is not None and n < least:
        found.append(_blocks("few-for-many-shot", n=n, least=least))
    if road.variant == "whole_corpus":
        share = facts_of(needs)["window_share"]
        if share is not None and share > 1:
            window = f"{comfortable_window(needs):,}"
            found.append(
                _blocks("beyond-window", tokens=f"{material_tokens(needs) or 0:,}", window=window)
            )
    return tuple(found)


def _memory(
    road: Road, base: Base, needs: Needs, estimates: Mapping[str, Estimate]
) -> tuple[Reason, ...]:
    if road.approach not in ("fine_tuning", "hybrid") or road.method == "encoder":
        # A sentence encoder of a tenth of a billion parameters is trained on processors.
        return ()
    if not needs.vram_gib:
        model = find_model(base.model_id)
        small = model is not None and model.params <= TUNABLE_ON_CPU
        tiny = base.model_id == STARTER or (small and needs.model is not None)
        open_ = (tiny and road.method != "full") or needs.gpu in RENTED
        return () if open_ else (_blocks("no-gpu"),)
    need = estimates.get("vram_gib")
    if base.fits or need is None:
        return ()
    values = {"model": base.model_id, "need": f"{need.high:.1f}", "have": f"{needs.vram_gib:.1f}"}
    return (_blocks("memory", **values),)


def _licence(base: Base) -> tuple[Reason, ...]:
    model = find_model(base.model_id)
    if model is not None and commercial(model) == "no":
        return (_blocks("licence", model=model.id),)
    return ()


def _limits(needs: Needs, estimates: Mapping[str, Estimate]) -> tuple[Reason, ...]:
    found = []
    broken = exceeded(needs, estimates)
    if "cost_jpy" in broken:
        cost, budget = f"{estimates['cost_jpy'].low:,.0f}", f"{needs.budget_jpy or 0:,}"
        found.append(_blocks("over-budget", cost=cost, budget=budget))
    if "hours" in broken:
        hours = f"{estimates['hours'].low:,.0f}"
        found.append(_blocks("past-deadline", hours=hours, days=needs.deadline_days))
    return tuple(found)
