"""What a system costs beside its training: people's work, and machines kept ready for questions."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from advisor.estimate.money import added, electricity_jpy, times, usd_to_jpy
from advisor.estimate.offers import cheapest_hour
from advisor.rates import rate
from advisor.types import Estimate
from knowledge.catalog.records import Rate

HOURS_PER_MONTH, MONTHS = 730.0, 12


@dataclass(frozen=True, slots=True)
class Work:
    """What people do beside the machine, in yen of working time."""

    data_hours: Estimate
    data_jpy: Estimate
    evaluation_jpy: Estimate
    operation_month_jpy: Estimate

    @property
    def year_jpy(self) -> Estimate:
        """Data and one evaluation, then twelve months of looking after it."""
        return added(self.data_jpy, self.evaluation_jpy, times(self.operation_month_jpy, MONTHS))


def work_costs(examples: int) -> Work:
    """Labelling or checking `examples`, an evaluation by people, and the monthly care."""
    wage = rate("labour_jpy_per_hour")
    minutes, judging = rate("example_minutes"), rate("evaluation_hours")
    return _work_of(examples, wage, minutes, judging, rate("operation_hours_per_month"))


@functools.lru_cache(maxsize=64)
def _work_of(examples: int, wage: Rate, minutes: Rate, judging: Rate, care: Rate) -> Work:
    data = times(_of(minutes), examples / 60)
    return Work(
        data_hours=data,
        data_jpy=_waged(data, wage),
        evaluation_jpy=_waged(_of(judging), wage),
        operation_month_jpy=_waged(_of(care), wage),
    )


def _of(given: Rate) -> Estimate:
    basis = f"{given.basis}:{given.id}:{given.date}"
    return Estimate(given.low, given.likely, given.high, "hours", basis)


def _waged(hours: Estimate, wage: Rate) -> Estimate:
    return Estimate(
        hours.low * wage.low,
        hours.likely * wage.likely,
        hours.high * wage.high,
        "JPY",
        f"{hours.basis}+labour:{wage.date}",
    )


@dataclass(frozen=True, slots=True)
class Serving:
    """Yen a month to keep a machine ready for questions, day and night."""

    own_jpy: Estimate
    """Electricity of one's own machine."""
    rented_jpy: Estimate | None
    """The cheapest offer that is not free; None where nothing for hire holds the model."""
    rented_name: str


def serving_costs(memory: Estimate, *, watts: str) -> Serving:
    """What answering costs in machines, before a single question.

    Args:
        memory: GiB of `device` for answering.
        watts: the rate of the machine at hand; without a card none is rented either.
    """
    hours = HOURS_PER_MONTH
    month = Estimate(hours, hours, hours, "hours", "formula:always-on")
    own = electricity_jpy(month, watts)
    best = None if watts == "cpu_machine_watts" else cheapest_hour(memory)
    if best is None:
        return Serving(own, None, "")
    price = best.usd_per_hour or 0.0
    return Serving(own, usd_to_jpy(month, price, f"price:{best.date}"), best.id)
