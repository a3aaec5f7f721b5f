"""What more training data would bring: a pilot's losses carried on to at most 16 times its size.

The pilot trains on nested parts of the data at doubling sizes and measures the loss on the same
held-out questions each time. The fall to come is a weighted sum of the last three falls of log
loss (a power law read off its newest part); the band is what those sums missed by on model
families they were not fitted on. A single law fitted to a whole curve does worse: the flat part
before the power law sets in ruins it (Lin et al. 2024, arXiv 2402.02314).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from advisor.errors import UsageError
from knowledge.catalog.loader import load
from knowledge.catalog.records import Extrapolation

Says = Literal["collect-more", "enough", "change-the-method", "too-early"]
FARTHEST = 16
ROUGH_FROM = 8
"""From here on the band is so wide that its middle is no figure to plan by."""
Z_80 = 1.281552
WORTHWHILE = 0.02
"""Fall of the loss that is worth twice the examples, where nobody said (judgement)."""
STEEPER = 1.1
"""A last fall this many times the one before: the power law may only be setting in."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The held-out loss after training on the first `examples`, with its standard error."""

    examples: int
    loss: float
    error: float = 0.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """The loss to expect with more examples, in an 80 % band."""

    examples: int
    low: float
    likely: float
    high: float
    rough: bool


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do, in an id that a text exists for, and what it rests on."""

    says: Says
    text: str
    forecasts: tuple[Forecast, ...]
    """At 2, 4, 8 and 16 times the pilot."""
    values: dict[str, Any]


def falls(points: Sequence[Measured]) -> list[float]:
    """The falls of log loss per doubling, newest first, as many as the weights take.

    Raises:
        UsageError: fewer than four sizes, sizes that do not double, or a loss that is not above 0.
    """
    wanted = len(_laws()[0].weights)
    if len(points) <= wanted:
        raise UsageError("curve-too-short", have=len(points), need=wanted + 1)
    found = []
    for one, other in itertools.pairwise(points):
        step = other.examples / one.examples if one.examples > 0 else 0.0
        if not 1.8 <= step <= 2.2:
            raise UsageError("curve-not-doubling", one=one.examples, other=other.examples)
        if min(one.loss, other.loss) <= 0 or not math.isfinite(one.loss + other.loss):
            raise UsageError("curve-no-loss", examples=other.examples)
        found.append(math.log(one.loss / other.loss) / math.log2(step))
    return found[::-1][:wanted]


def unsteadiness(recent: Sequence[float]) -> float:
    """How much the falls change from doubling to doubling: what the band's width goes by."""
    return sum(abs(one - other) for one, other in itertools.pairwise(recent))


def predict(
    points: Sequence[Measured], examples: int, laws: Sequence[Extrapolation] | None = None
) -> Forecast:
    """The loss to expect after training on `examples`, by the same recipe.

    Args:
        points: the pilot, smallest size first, each twice the one before.
        examples: more than the pilot's largest size, at most 16 times as many.
        laws: what to go by; the catalog's where missing.

    Raises:
        UsageError: a pilot that shows no falls, or a size that is not ahead or too far.
    """
    recent = falls(points)
    last = points[-1]
    ahead = examples / last.examples
    if not 1 < ahead <= FARTHEST:
        raise UsageError("curve-too-far", examples=examples, most=FARTHEST * last.examples)
    weights, low, high, floor = _between(math.log2(ahead), laws or _laws())
    fall = sum(w * s for w, s in zip(weights, recent, strict=True))
    spread = unsteadiness(recent) + floor
    noise = Z_80 * _noise(points, weights)
    return Forecast(
        examples,
        last.loss * math.exp(-fall - math.hypot(high * spread, noise)),
        last.loss * math.exp(-fall),
        last.loss * math.exp(-fall + math.hypot(low * spread, noise)),
        ahead >= ROUGH_FROM,
    )


def advise(
    points: Sequence[Measured],
    *,
    target: float | None = None,
    worthwhile: float = WORTHWHILE,
    laws: Sequence[Extrapolation] | None = None,
) -> Advice:
    """Collect more, enough, change the method, or too early to tell.

    A curve that grows steeper may only be entering its power law: it is never called enough or
    hopeless.

    Args:
        target: the loss to reach, or that another road has reached on the same questions.
        worthwhile: the relative fall that twice the examples must bring to be collected.
        laws: what to go by; the catalog's where missing.
    """
    last = points[-1]
    recent = falls(points)
    ahead = tuple(predict(points, last.examples * 2**k, laws) for k in range(1, 5))
    steeper = recent[0] > STEEPER * max(recent[1], 0.0) and recent[0] > 0
    least, most = (1 - edge / last.loss for edge in (ahead[0].high, ahead[0].low))
    values: dict[str, Any] = {
        "examples": last.examples,
        "double": ahead[0].examples,
        "low": round(100 * least, 1),
        "high": round(100 * most, 1),
        "worthwhile": round(100 * worthwhile, 1),
    }
    if target is not None and last.loss <= target:
        return Advice("enough", "curve.reached", ahead, values)
    if target is not None and ahead[-1].low > target and not steeper:
        far = {
            "farthest": ahead[-1].examples,
            "target": f"{target:.3g}",
            "best": f"{ahead[-1].low:.3g}",
        }
        return Advice("change-the-method", "curve.change-the-method", ahead, values | far)
    if least >= worthwhile:
        return Advice("collect-more", "curve.collect-more", ahead, values)
    # A doubling that does not pay is no reason to stop short of a target within reach.
    if most < worthwhile and not steeper and target is None:
        return Advice("enough", "curve.enough", ahead, values)
    return Advice("too-early", "curve.too-early", ahead, values)


def turn_away(advice: Advice, better: str) -> Advice:
    """The advice for a road that was shown to be worse than `better` on the test questions.

    More examples are worth collecting for it where they bring something; where they do not, the
    method is what to change.
    """
    if advice.says != "enough":
        return advice
    values = {**advice.values, "better": better}
    return replace(advice, says="change-the-method", text="curve.beaten", values=values)


def _laws() -> list[Extrapolation]:
    return sorted(load("curves").values(), key=lambda law: law.doublings)


def _between(
    doublings: float, laws: Sequence[Extrapolation]
) -> tuple[list[float], float, float, float]:
    """Weights and band for any number of doublings: nothing at 0, straight between the laws."""
    above = next(law for law in laws if law.doublings >= doublings - 1e-9)
    below = next((law for law in reversed(laws) if law.doublings < doublings - 1e-9), None)
    start = below.doublings if below else 0
    share = (doublings - start) / (above.doublings - start)

    def mix(one: float, other: float) -> float:
        return (1 - share) * one + share * other

    weights = below.weights if below else (0.0,) * len(above.weights)
    return (
        [mix(one, other) for one, other in zip(weights, above.weights, strict=True)],
        mix(below.low if below else 0.0, above.low),
        mix(below.high if below else 0.0, above.high),
        above.floor,
    )


def _noise(points: Sequence[Measured], weights: Sequence[float]) -> float:
    """Standard error of the predicted log loss that the held-out set's size leaves."""
    # log loss ahead = log last - Σ weight (log before - log after): each point's own factor.
    factors = [1.0, *(0.0 for _ in weights)]
    for k, weight in enumerate(weights):
        factors[k] += weight
        factors[k + 1] -= weight
    newest = points[::-1][: len(factors)]
    return math.sqrt(sum((f * p.error / p.loss) ** 2 for f, p in zip(factors, newest, strict=True)))
