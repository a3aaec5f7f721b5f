"""Which base model a road should use and where: by purpose, language, licence and memory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice

from advisor.needs import RENTED_CARDS as RENTED
from advisor.types import Approach, Estimate, Method, Needs
from knowledge.catalog.loader import find_model, load
from knowledge.catalog.records import Api, Embedder, Model

STARTER = "starter"
"""Id of the model that comes with the package and needs no hub."""
# Judgement: above this, an assistant on processors alone answers too slowly to be used.
LARGEST_ON_CPU = 4_000_000_000
# Judgement: what a small company tries first is an 8B-class model, never more than 15B.
LARGEST_FIRST_CHOICE = 15_000_000_000
# Judgement: the dearest hosted model whose input costs at most this, in USD per million tokens.
API_INPUT_USD = 2.0
# Judgement: a model small enough to be tuned on processors alone.
TUNABLE_ON_CPU = 700_000_000
# Judgement: retrieved passages and a question want 4,000 tokens, an example to learn from 2,000.
LEAST_CONTEXT = {"prompting": 4_000, "rag": 4_000, "fine_tuning": 2_000, "hybrid": 4_000}
# Bytes per parameter of the weights alone, to skip what cannot fit before it is estimated.
_LEAST_BYTES = {"qlora": 0.5, "lora": 2.0, "full": 6.0, None: 2.0}


@dataclass(slots=True)
class Estimator:
    """Estimates and base models of roads, asked once within one recommendation.

    What-ifs about examples, traffic or change keep the estimates of the needs as they are: they
    ask whether the evidence would turn, not what the altered run would cost.
    """

    _known: dict[tuple[object, ...], Mapping[str, Estimate]] = field(default_factory=dict)
    _bases: dict[tuple[object, ...], Base] = field(default_factory=dict)

    def of(
        self, approach: Approach, method: Method | None, model_id: str, needs: Needs
    ) -> Mapping[str, Estimate]:
        key = (approach, method, model_id, needs.gpu, needs.vram_gib, needs.may_send)
        if key not in self._known:
            from advisor.estimate import estimates_for_option

            # A folder's or a stranger's size is not known before somebody looks into it.
            known = find_model(model_id) is not None or model_id in load("apis")
            known = known or (method == "encoder" and model_id in load("embedders"))
            self._known[key] = (
                estimates_for_option(approach, method, model_id, needs) if known else {}
            )
        return self._known[key]

    def base(self, approach: Approach, method: Method | None, needs: Needs) -> Base:
        key = (
            *(approach, method, needs.model, needs.gpu, needs.vram_gib, needs.may_send),
            *(needs.confidential, needs.goal, needs.language, needs.budget_jpy),
            needs.deadline_days,
        )
        if key not in self._bases:
            self._bases[key] = choose(approach, method, needs, self)
        return self._bases[key]


@dataclass(frozen=True, slots=True)
class Base:
    """A base model, where it runs, and whether its memory need was found to fit."""

    model_id: str
    place: str
    fits: bool
    params_b: float | None
    """Size in 1e9 parameters; None for a hosted model."""


def choose(approach: Approach, method: Method | None, needs: Needs, estimator: Estimator) -> Base:
    """The base model for a road: the user's own, else the first suitable one that fits."""
    vram_gib = needs.vram_gib
    place = needs.gpu if needs.gpu in RENTED and vram_gib else "local"
    if method == "encoder":
        return _encoder(needs)
    if needs.model:
        return _own_choice(needs.model, approach, method, place, vram_gib, needs, estimator)
    if vram_gib:
        return _on_card(approach, method, place, needs, estimator)
    if approach != "fine_tuning":
        if needs.may_send and (hosted := _hosted(approach, needs, estimator)) is not None:
            return Base(hosted.id, "api", True, None)
        return _on_processors(approach, needs)
    models = suitable(needs, approach)
    return _base(models[0], place, False) if models else Base(STARTER, place, False, None)


def _on_card(
    approach: Approach, method: Method | None, place: str, needs: Needs, estimator: Estimator
) -> Base:
    """The first suitable model that fits the card and the limits of money and time."""
    fits = _fits_card(approach, method, needs.vram_gib, needs, estimator)
    models = suitable(needs, approach)
    by_size = sorted(models, key=lambda model: model.params)
    # Smaller models cost less: if neither the first two nor the smallest keep within the limits,
    # none between them will either.
    candidates = chain(islice(filter(fits, models), 2), islice(filter(fits, by_size), 1))
    first: Model | None = None
    for model in candidates:
        if not exceeded(needs, estimator.of(approach, method, model.id, needs)):
            return _base(model, place, True)
        first = first or model
    if first is not None:
        return _base(first, place, True)
    if approach != "fine_tuning":
        return _on_processors(approach, needs)
    return _base(by_size[0], place, False) if by_size else Base(STARTER, place, False, None)


def _base(model: Model, place: str, fits: bool) -> Base:
    return Base(model.id, place, fits, model.params / 1e9)


def suitable(needs: Needs, approach: Approach) -> tuple[Model, ...]:
    """Models one may use in business for this goal and language, best first.

    Labels are learnt by a small model as well as by a large one (rule R6 over bucher2024 and
    li2023fin), so tuning for classification starts from the catalog's small ones.
    """
    purpose = "code" if needs.goal == "code" else "general"
    if approach == "fine_tuning" and needs.goal == "classification":
        purpose = "classification"
    return _suitable(purpose, needs.language, LEAST_CONTEXT[approach])


@functools.cache
def _suitable(purpose: str, language: str, least_context: int) -> tuple[Model, ...]:
    models = [
        model
        for model in load("models").values()
        if not model.local
        and model.plain_transformer
        and model.params <= LARGEST_FIRST_CHOICE
        and model.max_context >= least_context
        and commercial(model) != "no"
        and _language_rank(model, language, purpose) is not None
        and purpose in model.purposes
    ]
    # The catalog's default first; then by size, a model of the language before a general one.
    return tuple(sorted(models, key=lambda model: _preference(model, purpose, language)))


def commercial(model: Model) -> str:
    """The strictest answer of a model's licences to "may we use it in business?"."""
    licences = load("licences")
    answers = [
        licences[id_.strip()].commercial
        for id_ in model.licence.split(",")
        if id_.strip() in licences
    ]
    for answer in ("no", "conditions"):
        if answer in answers:
            return answer
    return "yes" if answers else "conditions"


def _hosted(approach: Approach, needs: Needs, estimator: Estimator) -> Api | None:
    """The dearest hosted model that keeps within the limits; the dearest if none does."""
    models = hosted_models()
    for api in models:
        if not exceeded(needs, estimator.of(approach, None, api.id, needs)):
            return api
    return models[0] if models else None


@functools.cache
def hosted_models() -> tuple[Api, ...]:
    """Hosted chat models up to the middle price class, one for each price, dearest first."""
    by_price: dict[float, Api] = {}
    for api in load("apis").values():
        price = api.input_usd_per_1m or 0.0
        if api.mode == "chat" and not api.ends and 0 < price <= API_INPUT_USD:
            by_price[price] = max(by_price.get(price, api), api, key=lambda one: one.id)
    return tuple(by_price[price] for price in sorted(by_price, reverse=True))


@functools.cache
def _encoders(language: str) -> tuple[Embedder, ...]:
    """Sentence encoders of the hub that read the language and may be used in business."""
    licences = load("licences")
    return tuple(
        one
        for one in load("embedders").values()
        if language in one.languages
        and one.params
        and not one.package
        and licences[one.licence].commercial == "yes"
    )


def _encoder(needs: Needs) -> Base:
    """What a small classifier is built on: the first suited sentence encoder, trained anywhere."""
    found = _encoders(needs.language)
    if not found:
        return Base(STARTER, "local", False, None)
    return Base(found[0].id, "local", True, (found[0].params or 0) / 1e9)


def exceeded(needs: Needs, estimates: Mapping[str, Estimate]) -> tuple[str, ...]:
    """Which limits even the lowest estimate breaks: `cost_jpy`, `hours`."""
    limits = {
        "cost_jpy": needs.budget_jpy,
        "hours": None if needs.deadline_days is None else needs.deadline_days * 24,
    }
    return tuple(
        name
        for name, limit in limits.items()
        if limit is not None and name in estimates and estimates[name].low > limit
    )


def _language_rank(model: Model, language: str, purpose: str) -> int | None:
    if purpose == "code":
        return 0
    if language in model.languages:
        return model.languages.index(language)
    return len(model.languages) + 2 if "multilingual" in model.languages else None


def _preference(model: Model, purpose: str, language: str) -> tuple[object, ...]:
    if f"{purpose}.{language}" in model.default_for:
        default = 0
    elif purpose in model.default_for:
        default = 1 if language == "en" else 2
    else:
        default = 2
    size_class = -round(model.params / 2e9)
    return (
        default,
        size_class,
        _language_rank(model, language, purpose),
        not model.instruct,
        commercial(model) != "yes",
        model.id,
    )


def _fits_card(
    approach: Approach, method: Method | None, vram_gib: float, needs: Needs, estimator: Estimator
) -> Callable[[Model], bool]:
    def fits(model: Model) -> bool:
        if model.params * _LEAST_BYTES.get(method, 2.0) > vram_gib * 2**30:
            return False
        return estimator.of(approach, method, model.id, needs)["vram_gib"].high <= vram_gib

    return fits


def _on_processors(approach: Approach, needs: Needs) -> Base:
    """The first suitable model that main memory holds twice over; else the starter."""
    ram_gib = needs.machine.ram_gib if needs.machine else 0.0
    held = [
        model
        for model in suitable(needs, approach)
        if model.params <= LARGEST_ON_CPU and model.params * 2 * 2 <= ram_gib * 2**30
    ]
    if not held:
        return Base(STARTER, "local", True, None)
    return _base(held[0], "local", True)


def _own_choice(
    ref: str,
    approach: Approach,
    method: Method | None,
    place: str,
    vram_gib: float,
    needs: Needs,
    estimator: Estimator,
) -> Base:
    """The model the user insists on; a folder's or a stranger's size is not known beforehand."""
    if ref == STARTER:
        return Base(STARTER, "local", True, 0.27)
    model = find_model(ref)
    if model is None:
        return Base(ref, place, True, None)
    size = model.params / 1e9
    if approach != "fine_tuning":
        return Base(model.id, place, True, size)
    if not vram_gib:
        return Base(model.id, "local", model.params <= TUNABLE_ON_CPU, size)
    fits = _fits_card(approach, method, vram_gib, needs, estimator)(model)
    return Base(model.id, place, fits, size)
