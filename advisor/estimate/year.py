"""Twelve months side by side: building, answering at the stated traffic, and keeping up to date."""

from __future__ import annotations

from dataclasses import dataclass, replace

from advisor.estimate.money import added, api_jpy, electricity_jpy, times
from advisor.estimate.upkeep import HOURS_PER_MONTH, MONTHS, Work, work_costs
from advisor.types import Estimate
from knowledge.catalog.loader import load
from knowledge.catalog.records import Api, Embedder

DAYS_PER_MONTH = 30.4
# How often a year what was built must be renewed for data that changes this often. An index is
# renewed with the documents; nobody retrains every day, so tuning is capped at monthly.
RENEWALS = {"never": 0, "yearly": 1, "monthly": 12, "weekly": 52, "daily": 365}
RETRAININGS_AT_MOST = 12
# Share of the corpus that has changed by the time an index is renewed.
CHANGED_SHARE = {"never": 0.0, "yearly": 1.0, "monthly": 0.2, "weekly": 0.05, "daily": 0.01}
DEFAULT_TRAFFIC = 100
OFFICE_HOURS_PER_MONTH = 8 * 22.0
# Judgement: what a machine with a waiting card draws of its power at work.
IDLE_SHARE = 0.25
CHUNK_TOKENS, CHUNK_OVERLAP = 400, 60
PASSAGES = 5
ANSWER_TOKENS = (80.0, 200.0, 500.0)
QUESTION_TOKENS, INSTRUCTION_TOKENS = 60, 250
# Texts a second of the package embedders on two cores (embedders.toml) vary this much by machine.
EMBED_SPREAD = (0.5, 1.0, 3.0)
DEFAULT_TEXTS_PER_S = 9.0
# Headings and tables end chunks early: the sample company's are a quarter full (96 chunks).
FILLED = (1.0, 0.4, 0.2)
START_S = (4.0, 12.0, 40.0)
"""Reading the files, loading the embedder, calibrating abstention (sample company: 10–18 s)."""


@dataclass(frozen=True, slots=True)
class RoadCosts:
    """What one road costs in yen: machines and APIs, and beside them the hours of people."""

    build_hours: Estimate
    build_jpy: Estimate
    month_jpy: Estimate
    renewal_jpy: Estimate
    renewals_per_year: int
    year_jpy: Estimate
    """Building, twelve months and renewals: machines and APIs only."""
    work_year_jpy: Estimate
    """People's time over the year: data, evaluation, looking after it."""
    index_mib: Estimate | None = None

    def estimates(self) -> dict[str, Estimate]:
        """The parts of the twelve months, under the names that `recommend --json` gives them."""
        often = float(self.renewals_per_year)
        parts = {
            "build_jpy": self.build_jpy,
            "month_jpy": self.month_jpy,
            "renewal_jpy": self.renewal_jpy,
            "renewals_per_year": Estimate(often, often, often, "per year", "answer:data.changes"),
            "people_jpy": self.work_year_jpy,
        }
        return parts if self.index_mib is None else parts | {"index_mib": self.index_mib}


def rag_costs(
    corpus_tokens: int,
    traffic_per_day: int | None,
    changes: str | None,
    *,
    embedder: Embedder | None = None,
    answer_api: Api | None = None,
    answer_seconds: Estimate | None = None,
    watts: str = "cpu_machine_watts",
    rented_hour_jpy: Estimate | None = None,
) -> RoadCosts:
    """Embedding time, index size, and yen per month of retrieval-augmented answering.

    Args:
        answer_api: a hosted model that writes the answers; with None they are written (or
            quoted) here, `answer_seconds` each.
    """
    used = embedder or next(iter(load("embedders").values()))
    most = max(1.0, corpus_tokens / (CHUNK_TOKENS - CHUNK_OVERLAP))
    speed = used.texts_per_s_cpu or DEFAULT_TEXTS_PER_S
    fast, likely, slow = (
        (most / filled / (speed * factor) + start) / 3600
        for filled, factor, start in zip(FILLED, reversed(EMBED_SPREAD), START_S, strict=True)
    )
    hours = Estimate(fast, likely, slow, "hours", f"measured:{used.id}:{used.date}")
    chunks = most / FILLED[1]
    # float32 vectors in a flat FAISS index, the passage's text beside it.
    size = chunks * (used.dimension * 4 + CHUNK_TOKENS * 4) / 2**20
    index = Estimate(size * 0.8, size, size * 1.5, "MiB", "formula:vectors+text")
    build = electricity_jpy(hours, watts)
    tokens_in = prompt_tokens_of("rag", 0)
    month = _month(tokens_in, traffic_per_day, answer_api, answer_seconds, watts, rented_hour_jpy)
    renewals = RENEWALS.get(changes or "never", 0)
    renewal = times(build, CHANGED_SHARE.get(changes or "never", 0.0))
    return _year(hours, build, month, renewal, renewals, work_costs(0), index)


def prompting_costs(
    prompt_tokens: int,
    traffic_per_day: int | None,
    *,
    examples: int = 0,
    answer_api: Api | None = None,
    answer_seconds: Estimate | None = None,
    watts: str = "cpu_machine_watts",
    rented_hour_jpy: Estimate | None = None,
) -> RoadCosts:
    """Tokens times price (or seconds times electricity) of answering from the prompt alone.

    Args:
        examples: that somebody checks before they stand in the prompt.
    """
    nothing = Estimate(0.0, 0.0, 0.0, "hours", "formula:nothing-to-build")
    free = Estimate(0.0, 0.0, 0.0, "JPY", "formula:nothing-to-build")
    tokens_in = prompt_tokens_of("prompting", prompt_tokens)
    month = _month(tokens_in, traffic_per_day, answer_api, answer_seconds, watts, rented_hour_jpy)
    return _year(nothing, free, month, free, 0, work_costs(examples), None)


def tuning_costs(
    hours: Estimate,
    training_jpy: Estimate,
    traffic_per_day: int | None,
    changes: str | None,
    *,
    examples: int,
    answer_seconds: Estimate | None = None,
    watts: str = "gpu_machine_watts",
    rented_hour_jpy: Estimate | None = None,
) -> RoadCosts:
    """One training, answering, and retraining as the data changes.

    Args:
        examples: that people label or check; a retraining wants the changed ones anew.
        rented_hour_jpy: an hour of the card that answers, for those who own none.
    """
    tokens_in = QUESTION_TOKENS + INSTRUCTION_TOKENS
    month = _month(tokens_in, traffic_per_day, None, answer_seconds, watts, rented_hour_jpy)
    often = RENEWALS.get(changes or "never", 0)
    renewals = min(often, RETRAININGS_AT_MOST)
    anew = examples * min(1.0, often * CHANGED_SHARE.get(changes or "never", 0.0))
    work = work_costs(round(examples + anew))
    return _year(hours, training_jpy, month, training_jpy, renewals, work, None)


def _questions(traffic_per_day: int | None) -> float:
    """Questions a month."""
    return (traffic_per_day or DEFAULT_TRAFFIC) * DAYS_PER_MONTH


def _month(
    tokens_in: float,
    traffic_per_day: int | None,
    api: Api | None,
    answer_seconds: Estimate | None,
    watts: str,
    rented_hour_jpy: Estimate | None,
) -> Estimate:
    """Yen a month: tokens times price, a rented card's hours, or a machine's electricity."""
    questions = _questions(traffic_per_day)
    if api is not None:
        asked = Estimate(tokens_in * 0.7, tokens_in, tokens_in * 1.4, "tokens", "formula:prompt")
        answered = Estimate(*ANSWER_TOKENS, unit="tokens", basis="formula:answer")
        cost = api_jpy(api, times(asked, questions), times(answered, questions))
        if cost is not None:
            return cost
    seconds = answer_seconds or Estimate(0.05, 0.3, 2.0, "s", "formula:quoting")
    busy = times(replace(seconds, unit="hours"), questions / 3600)
    if watts != "gpu_machine_watts":  # a machine without a card is on anyway
        return electricity_jpy(busy, watts)
    # A card waits for questions: not at all, in office hours, day and night.
    office, always = (
        max(each, most)
        for each, most in zip(
            (busy.likely, busy.high), (OFFICE_HOURS_PER_MONTH, HOURS_PER_MONTH), strict=True
        )
    )
    if rented_hour_jpy is not None:
        return replace(
            rented_hour_jpy,
            low=busy.low * rented_hour_jpy.low,
            likely=office * rented_hour_jpy.likely,
            high=always * rented_hour_jpy.high,
            basis=f"{rented_hour_jpy.basis}+{seconds.basis}",
        )
    drawn = replace(
        busy,
        likely=busy.likely + IDLE_SHARE * (office - busy.likely),
        high=busy.high + IDLE_SHARE * (always - busy.high),
    )
    return electricity_jpy(drawn, watts)


def prompt_tokens_of(approach: str, shown: int) -> int:
    """Tokens a question brings: itself, the instructions, and examples or passages."""
    asked = QUESTION_TOKENS + INSTRUCTION_TOKENS
    return asked + (shown if approach == "prompting" else PASSAGES * CHUNK_TOKENS)


def _year(
    hours: Estimate,
    build: Estimate,
    month: Estimate,
    renewal: Estimate,
    renewals: int,
    work: Work,
    index: Estimate | None,
) -> RoadCosts:
    year = added(build, times(month, MONTHS), times(renewal, renewals))
    return RoadCosts(hours, build, month, renewal, renewals, year, work.year_jpy, index)
