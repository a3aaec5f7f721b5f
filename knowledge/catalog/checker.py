"""Proves that the catalog holds together: records, texts, rules and questions can all be used."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from knowledge.catalog import texts
from knowledge.catalog.age import PRICED, age_days, day_of, is_old
from knowledge.catalog.conditions import Facts, faults_of, witness
from knowledge.catalog.loader import CatalogError, find_model, load
from knowledge.catalog.records import KINDS, Question, Setting

APPROACHES = ("prompting", "rag", "fine_tuning", "hybrid")

Parts = Iterator["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with the catalog; its text stands under `text_id`."""

    kind: str
    id: str
    text_id: str
    values: Mapping[str, Any] = field(default_factory=dict)
    severity: Literal["error", "warn"] = "error"


def check(today: date | None = None) -> list[Finding]:
    """Everything wrong with the catalog and the company's own files over it.

    Args:
        today: the day against which prices are old; without it their age is not looked at.
    """
    broken = list(_unreadable())
    findings = broken + list(_texts())
    if broken:
        # What depends on a file that cannot be read would only repeat that.
        return findings
    parts: Iterable[Callable[[], Parts]] = (
        _dates,
        _references,
        _record_texts,
        _settings,
        _questions,
        _rules,
    )
    for part in parts:
        findings += part()
    return findings + (list(_old_prices(today)) if today else [])


def proved() -> dict[str, tuple[int, int]]:
    """What was shown to hold, and of how many: by witness for rules and questions.

    `rules`: facts were found that make it fire. `questions`: answers to earlier questions were
    found after which it is asked. `dated`, `sourced`: records. `texts`: in both languages.
    `referenced`: texts that a record must have.
    """
    rules, questions = load("rules"), load("questions")
    records = [record for kind in KINDS for record in load(kind).values()]
    known, wanted = texts.all_texts(), list(_wanted_texts())
    return {
        "rules": (sum(fires(id_) is not None for id_ in rules), len(rules)),
        "questions": (sum(reached(id_) is not None for id_ in questions), len(questions)),
        "dated": (sum(day_of(record.date) is not None for record in records), len(records)),
        "sourced": (sum(bool(record.source.strip()) for record in records), len(records)),
        "texts": (sum(set(each) == set(texts.LANGUAGES) for each in known.values()), len(known)),
        "referenced": (sum(texts.has(text_id) for _, _, text_id in wanted), len(wanted)),
    }


def fires(id_: str) -> dict[str, Any] | None:
    """Facts under which the rule holds; None where it never can."""
    return witness([load("rules")[id_].when], rule_facts())


def reached(id_: str) -> dict[str, Any] | None:
    """Answers after which the question is asked; None where no way leads to it."""
    questions = load("questions")
    whens, waiting, seen = [], [id_], set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in questions:
            continue
        seen.add(name)
        whens.append(questions[name].when)
        waiting += list(questions[name].when)
    return witness(whens, {name: _domain(asked) for name, asked in questions.items()})


def _unreadable() -> Parts:
    for kind in KINDS:
        try:
            load(kind)
        except CatalogError as error:
            for fault in error.faults:
                yield Finding(kind, error.path.name, "finding.unusable", {"fault": fault})


def _texts() -> Parts:
    try:
        known = texts.all_texts()
    except ValueError as error:
        yield Finding("texts", "", "finding.unusable", {"fault": str(error)})
        return
    for id_, languages in known.items():
        if set(languages) != set(texts.LANGUAGES):
            found = ", ".join(languages) or "-"
            yield Finding("texts", id_, "finding.text-languages", {"found": found})
            continue
        try:
            ja, en = (placeholders(languages[lang]) for lang in texts.LANGUAGES)
        except ValueError as error:
            yield Finding("texts", id_, "finding.unusable", {"fault": str(error)})
            continue
        if ja != en:
            values = {"ja": ", ".join(sorted(ja)) or "-", "en": ", ".join(sorted(en)) or "-"}
            yield Finding("texts", id_, "finding.text-placeholders", values)
        if bool(languages["ja"].strip()) != bool(languages["en"].strip()):
            yield Finding("texts", id_, "finding.text-empty")


def placeholders(template: str) -> set[str]:
    """Names of the values that a text of `str.format` wants.

    Raises:
        ValueError: braces that do not match.
    """
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def _dates() -> Parts:
    for kind in KINDS:
        for id_, record in load(kind).items():
            if not record.source.strip():
                yield Finding(kind, id_, "finding.no-source")
            if day_of(record.date) is None:
                yield Finding(kind, id_, "finding.no-date", {"date": record.date})


def _references() -> Parts:
    def missing(kind: str, id_: str, name: str, ref: str, known: Iterable[str]) -> Parts:
        if ref not in known:
            yield Finding(kind, id_, "finding.no-such", {"field": name, "ref": ref})

    licences, gpus = load("licences"), load("gpus")
    for kind in ("models", "embedders", "rerankers"):
        for id_, record in load(kind).items():
            for part in record.licence.split(","):
                yield from missing(kind, id_, "licence", part.strip(), licences)
    for id_, offer in load("offers").items():
        if offer.gpu:
            yield from missing("offers", id_, "gpu", offer.gpu, gpus)
    for id_, gpu in gpus.items():
        if gpu.similar:
            yield from missing("gpus", id_, "similar", gpu.similar, gpus)
    for id_, measured in load("measurements").items():
        if find_model(measured.model) is None:
            values = {"field": "model", "ref": measured.model}
            yield Finding("measurements", id_, "finding.no-such", values)


def _wanted_texts() -> Iterator[tuple[str, str, str]]:
    """Kind, record and text id of every text that a record must have."""
    for id_ in load("rules"):
        yield "rules", id_, f"rule.{id_}"
    for id_, question in load("questions").items():
        names = ("text", "why", *(f"choice.{choice}" for choice in question.choices))
        yield from (("questions", id_, f"question.{id_}.{name}") for name in names)
        yield "questions", id_, f"wizard.label.{id_}"
    for kind, singular, names in (
        ("settings", "setting", ("text", "why")),
        ("licences", "licence", ("name", "conditions")),
        ("methods", "method", ("name", "text")),
    ):
        for id_ in load(kind):
            yield from ((kind, id_, f"{singular}.{id_}.{name}") for name in names)


def _record_texts() -> Parts:
    for kind, id_, text_id in _wanted_texts():
        if not texts.has(text_id):
            yield Finding(kind, id_, "finding.no-text", {"text": text_id})


_SETTING_TYPES: Mapping[str, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "number": (float, int),
    "yes_no": (bool,),
}


def _settings() -> Parts:
    for id_, setting in load("settings").items():
        if not _possible(setting):
            yield Finding("settings", id_, "finding.bad-default", {"default": setting.default})


def _possible(setting: Setting) -> bool:
    default = setting.default
    if not isinstance(default, _SETTING_TYPES[setting.type]):
        return False
    if isinstance(default, bool) != (setting.type == "yes_no"):
        return False
    if setting.choices:
        return default in setting.choices
    return isinstance(default, str) or _between(setting, float(default))


def _between(bounded: Setting | Question, value: float) -> bool:
    low = value if bounded.min is None else bounded.min
    high = value if bounded.max is None else bounded.max
    return low <= value <= high


def _questions() -> Parts:
    questions = load("questions")
    for id_, question in questions.items():
        default = question.default
        wrong_choice = question.choices and default is not None and default not in question.choices
        wrong_number = isinstance(default, int | float) and not _between(question, default)
        if wrong_choice or wrong_number:
            yield Finding("questions", id_, "finding.bad-default", {"default": default})
        if question.choices_from and question.choices_from not in KINDS:
            missing = {"field": "choices_from", "ref": question.choices_from}
            yield Finding("questions", id_, "finding.no-such", missing)
        # A condition may only name what was asked before it: so no question waits for itself.
        earlier: Facts = {
            other: _domain(asked)
            for other, asked in questions.items()
            if asked.order < question.order
        }
        faults = list(faults_of(question.when, earlier))
        for fault, values in faults:
            yield Finding("questions", id_, f"finding.condition-{fault}", values)
        if not faults and reached(id_) is None:
            yield Finding("questions", id_, "finding.never-asked")


def _domain(question: Question) -> tuple[Any, ...] | str:
    if question.choices:
        return question.choices
    return "number" if question.kind in ("integer", "number", "money") else "text"


def _rules() -> Parts:
    facts = rule_facts()
    studies = load("evidence")
    forms = {f"{m.approach}.{id_}" for id_, m in load("methods").items()}
    for id_, rule in load("rules").items():
        faults = list(faults_of(rule.when, facts))
        for fault, values in faults:
            yield Finding("rules", id_, f"finding.condition-{fault}", values)
        if not faults and fires(id_) is None:
            yield Finding("rules", id_, "finding.never-fires")
        for name, ends in rule.ramp.items():
            if facts.get(name) != "number":
                yield Finding("rules", id_, "finding.condition-no-fact", {"fact": name})
            elif len(ends) != 2 or ends[0] == ends[1] or min(ends) <= 0:
                yield Finding("rules", id_, "finding.condition-never", {"fact": name})
        for road in (*rule.effects, *rule.prior, *rule.blocks):
            if road not in APPROACHES and road not in forms:
                yield Finding("rules", id_, "finding.no-such", {"field": "effects", "ref": road})
        for name, refs in (("sources", rule.sources), ("against", rule.against)):
            for ref in refs:
                if ref not in studies and not ref.startswith("https://"):
                    yield Finding("rules", id_, "finding.no-such", {"field": name, "ref": ref})


_ANSWERED: Mapping[str, str] = {
    "goal": "goal",
    "language": "language",
    "data_kind": "data.kind",
    "changes": "data.changes",
    "confidential": "confidential",
    "skills": "skills",
}
_YES_NO = ("citations", "has_documents", "frontier", "per_person")
_CODED: Mapping[str, tuple[str, ...]] = {
    "breadth": ("narrow", "medium", "broad"),
    "shift": ("in_domain", "out_of_domain"),
}
_NUMBERS = (
    "changes_per_year",
    "labels_per_class",
    "n_examples",
    "n_classes",
    "corpus_tokens",
    "window_share",
    "base_params_b",
    "vram_gib",
    "budget_jpy",
    "deadline_days",
    "traffic_per_day",
    "target_latency_s",
    "target_score",
)


def rule_facts() -> Facts:
    """Every fact that a rule may name, with its possible values."""
    questions = load("questions")
    facts: dict[str, tuple[Any, ...] | str] = {
        name: questions[id_].choices for name, id_ in _ANSWERED.items() if id_ in questions
    }
    facts |= {name: (True, False) for name in _YES_NO}
    facts |= _CODED
    return facts | dict.fromkeys(_NUMBERS, "number")


def _old_prices(today: date) -> Parts:
    for kind in PRICED:
        for id_, record in load(kind).items():
            if is_old(record, today):
                values = {"days": age_days(record, today), "date": record.date}
                yield Finding(kind, id_, "finding.old-price", values, "warn")
