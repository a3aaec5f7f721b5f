"""From needs to a recommendation: roads with reasons, what would change it, what to do first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from advisor.base_model import Base, Estimator
from advisor.blockers import nothing_to_build_from
from advisor.flips import MOST_FLIPS, flips, winner
from advisor.needs import FACTS_GOALS
from advisor.options import runnable
from advisor.pilot import pilot
from advisor.ranking import Ranked, confidences, rank
from advisor.rules import Fired, facts_of
from advisor.texts import t
from advisor.types import Effect, Needs, Option, Pilot, Reason, Recommendation
from knowledge.catalog.loader import find_model, load, stamp

REVIEW_AFTER_MONTHS = 6
"""General models overtake tuned ones within about a year (IgakuQA, pfnmed2025)."""
UNCOUNTED = 4
"""Examples that nobody counted cost as much certainty as this many open questions (judgement)."""
MOST_REASONS = 4
"""Reasons for a road that are shown, beside the strongest one against it."""


def recommend(needs: Needs, *, today: date | None = None) -> Recommendation:
    """Rank the roads for these needs.

    Args:
        needs: normalised and free of contradictions.
        today: the day the review date counts from; the calendar's by default.
    """
    estimator = Estimator()
    ranked = rank(needs, estimator)
    turning = flips(needs, ranked, estimator)
    unknowns = _unknowns(needs, {flip.fact for flip in turning})
    uncounted = needs.n_examples is None and needs.goal not in FACTS_GOALS
    sure = confidences(ranked, len(unknowns) + UNCOUNTED * uncounted)
    best = winner(ranked)
    options = tuple(
        _option(place, item, sure[item.road], needs) for place, item in enumerate(ranked, start=1)
    )
    trial = pilot(needs, ranked) if best else None
    return Recommendation(
        chosen=best.road.approach if best else None,
        review_by=_review_by(today or date.today()),
        options=options,
        changes_if=tuple(flip.text() for flip in turning[:MOST_FLIPS]),
        unknowns=unknowns,
        knowledge=stamp(),
        first_steps=_first_steps(needs, best, options, trial),
        pilot=trial,
    )


def _unknowns(needs: Needs, turning: set[str]) -> tuple[str, ...]:
    """The unanswered questions that could turn the order, in the questionnaire's order."""
    return tuple(id_ for id_ in needs.unknowns if id_ in turning)


def _option(place: int, item: Ranked, confidence: float, needs: Needs) -> Option:
    return Option(
        rank=place,
        approach=item.road.approach,
        method=item.road.method,
        variant=item.road.variant,
        base_model=item.base.model_id,
        place=item.base.place,
        score=round(item.score, 3),
        confidence=round(confidence, 3),
        blocked_by=tuple(reason.rule for reason in item.blockers),
        reasons=(*item.blockers, *_reasons(item.fired)),
        estimates=item.estimates,
        runnable=runnable(item.road, needs),
        base_why=_base_why(item.base, needs),
    )


def _base_why(base: Base, needs: Needs) -> str:
    """Size, language and licence of a catalog's model, in one sentence."""
    model = find_model(base.model_id)
    if model is None or model.local:
        return ""
    first = needs.language in model.languages[:2] and "multilingual" not in model.languages
    return t(
        "advice.base.adapted" if needs.language == "ja" and first else "advice.base.general",
        model=model.id,
        params=f"{model.params / 1e9:.1f}",
        licence=", ".join(t(f"licence.{id_.strip()}.name") for id_ in model.licence.split(",")),
    )


def _reasons(moved: Sequence[Fired]) -> list[Reason]:
    """The strongest reasons for a road, then the strongest against it."""
    gains = [_reason(f) for f in moved if f.weight > 0][:MOST_REASONS]
    losses = [_reason(f) for f in moved if f.weight < 0][: max(1, MOST_REASONS - len(gains))]
    return gains + losses


def _reason(moved: Fired) -> Reason:
    rule = moved.rule
    text = t(f"rule.{rule.id}")
    if rule.against:
        text += " " + t("advice.contradicted", studies="; ".join(citations(rule.against)[:2]))
    sources = citations(rule.sources) or (rule.source,)
    effect: Effect = "for" if moved.weight > 0 else "against"
    return Reason(rule.id, effect, text, round(moved.weight, 3), sources)


def citations(ids: Sequence[str]) -> tuple[str, ...]:
    """Studies as `First author et al. year, address`, each paper once."""
    studies = load("evidence")
    found: dict[str, str] = {}
    for id_ in ids:
        study = studies[id_]
        authors = study.authors.split(",")
        name = authors[0] + (" et al." if len(authors) > 1 else "")
        found.setdefault(study.paper, f"{name} {study.year}, {study.url}")
    return tuple(found.values())


def _first_steps(
    needs: Needs, best: Ranked | None, options: Sequence[Option], trial: Pilot | None
) -> tuple[str, ...]:
    if best is None:
        missing = "collect-documents" if nothing_to_build_from(needs) else "resolve-blockers"
        return (t(f"step.{missing}"), t("step.evaluation"))
    steps = ["evaluation", "prompt"]
    if best.road.approach == "prompting" and needs.goal not in ("new_facts", "domain_reasoning"):
        steps += ["tune"] if needs.n_examples else ["collect-examples"]
    else:
        steps += ["rag", "tune"] if needs.data_kind != "none" else ["tune"]
    if best.road.approach in ("fine_tuning", "hybrid"):
        steps += ["quality", "overfitting"]
        steps += [] if best.road.method == "encoder" else ["forgetting"]
    texts = [t(f"step.{step}") for step in steps]
    if trial is not None:
        texts.append(_pilot_text(trial, options))
    if not options[0].runnable:
        other = next((o for o in options if o.runnable and not o.blocked_by), None)
        ref = "step.not-yet" if other else "step.not-yet-at-all"
        texts.append(t(ref, road=option_label(options[0]), other=option_label(other or options[0])))
    share = facts_of(needs)["window_share"]
    if share is not None and share <= 1 and best.road.approach == "rag":
        texts.append(t("step.whole-corpus", tokens=f"{needs.corpus_tokens or 0:,}"))
    if best.road.approach != "prompting":
        texts.append(t("step.hybrid"))
    return tuple(texts)


def _pilot_text(trial: Pilot, options: Sequence[Option]) -> str:
    named = {str(o.method or o.variant or o.approach): option_label(o) for o in reversed(options)}
    first, second = (named[name] for name in trial.compare)
    points = f"{trial.detectable_difference * 100:.0f}"
    text = t("step.pilot", first=first, second=second, n=trial.questions, points=points)
    if trial.cost_jpy is not None:
        low, high = (f"{value:,.0f}" for value in (trial.cost_jpy.low, trial.cost_jpy.high))
        text += " " + t("step.pilot-cost", low=low, high=high)
    return text


def option_label(option: Option) -> str:
    """The road's name for people, with its method or form where it has one."""
    name = t(f"advice.approach.{option.approach}")
    form = option.method or option.variant
    return f"{name} / {t(f'advice.form.{form}')}" if form else name


def _review_by(today: date) -> str:
    """The first day of the month half a year on."""
    months = today.month - 1 + REVIEW_AFTER_MONTHS
    return date(today.year + months // 12, months % 12 + 1, 1).isoformat()


def as_document(recommendation: Recommendation) -> dict[str, Any]:
    """The recommendation as `recommend --json` prints it; every field is always there."""
    return {
        "schema_version": recommendation.schema_version,
        "chosen": recommendation.chosen,
        "review_by": recommendation.review_by,
        "options": [_option_document(option) for option in recommendation.options],
        "changes_if": list(recommendation.changes_if),
        "unknowns": list(recommendation.unknowns),
        "first_steps": list(recommendation.first_steps),
        "pilot": asdict(recommendation.pilot) if recommendation.pilot else None,
        "knowledge": asdict(recommendation.knowledge),
    }


def _option_document(option: Option) -> dict[str, Any]:
    document = asdict(replace(option, estimates={}))
    document["estimates"] = {name: asdict(value) for name, value in option.estimates.items()}
    return document
