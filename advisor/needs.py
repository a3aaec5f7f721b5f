"""What a company needs: its answers, this machine and its data, normalised and checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from advisor.errors import AnswersError, Fault
from advisor.questions import Questionnaire, Unreadable
from advisor.rules import holds
from advisor.types import Answer, Answers, Language, MachineFacts, Needs
from knowledge.catalog.loader import did_you_mean, find_gpu, load
from knowledge.corpus.types import DataFacts

GIVEN = ("asked", "flag", "file", "env")
"""Sources of an answer that a person gave, as against detected or assumed."""
FACTS_GOALS = ("new_facts", "domain_reasoning")
"""Goals whose roads need the company's own material."""
RENTED_CARDS = {"colab": "T4", "kaggle": "T4", "cloud": "A100 80GB SXM4"}
"""The card one gets: Colab's and Kaggle's free tiers give a T4; a cloud rents out 80 GB cards."""

_SHIFT = {"yes": "in_domain", "no": "out_of_domain"}


def needs(answers: Answers, machine: MachineFacts | None, data: DataFacts | None) -> Needs:
    """Normalise answers, machine and data; nothing is read or asked.

    Raises:
        AnswersError: unknown ids, impossible values, missing answers and contradictions, all
            of them at once.
    """
    faults: list[Fault] = []
    values = _values(answers, faults)
    given = {a.id for a in answers if a.source in GIVEN and a.id in values}
    faults += _missing(answers, values, given, data) + _contradictions(values, given)
    if faults:
        raise AnswersError("needs-wrong", faults=tuple(faults), n=len(faults))
    goal = str(values["goal"])
    kind = data_kind(goal, values, data, explicit="data.kind" in given)
    gpu, vram_gib = _gpu(values.get("gpu"), machine)
    model = str(values.get("model") or "auto")
    confidential = _text(values.get("confidential"))
    if gpu in RENTED_CARDS and confidential == "all":
        vram_gib = 0.0
    language: Language = "en" if values.get("language") == "en" else "ja"
    return Needs(
        goal=goal,
        language=language,
        data_kind=kind,
        data=data,
        changes=_text(values.get("data.changes")),
        citations=_flag(values.get("citations")),
        confidential=confidential,
        may_send=confidential != "all" and values.get("apis") == "yes",
        budget_jpy=values.get("budget_jpy"),
        gpu=gpu,
        vram_gib=vram_gib,
        deadline_days=values.get("deadline_days"),
        traffic_per_day=values.get("traffic_per_day"),
        target_score=values.get("target.score"),
        target_latency_s=values.get("target.latency_s"),
        skills=_text(values.get("skills")),
        machine=machine,
        n_examples=count_examples(goal, kind, data),
        n_classes=data.n_classes or None if data else None,
        corpus_tokens=data.corpus_tokens or None if data else None,
        unknowns=_unknowns(answers, values),
        breadth=_text(values.get("task.breadth")),
        shift=_SHIFT.get(str(values.get("data.like_use"))),
        per_person=_flag(values.get("data.per_person")),
        model=None if model == "auto" else model,
    )


def data_kind(
    goal: str, values: Mapping[str, Any], data: DataFacts | None, *, explicit: bool
) -> str | None:
    """What the material is for this goal: as answered, else as counted, else unknown."""
    if explicit:
        return _text(values.get("data.kind"))
    if data is None:
        return None
    if data.n_labelled and (goal == "classification" or not data.n_documents):
        return "labelled_examples"
    pairs = data.n_qa_pairs + data.n_rewrites
    if goal in FACTS_GOALS and data.n_documents:
        return "documents"
    if pairs:
        return "qa_pairs"
    return "documents" if data.n_documents else "none"


def count_examples(goal: str, kind: str | None, data: DataFacts | None) -> int | None:
    """How many examples show what this goal wants; None when nobody counted."""
    if data is None:
        return 0 if kind == "none" else None
    if goal == "classification":
        return data.n_labelled or data.n_qa_pairs
    if goal in FACTS_GOALS:
        return data.n_qa_pairs
    return data.n_rewrites or data.n_qa_pairs or data.n_labelled


def _values(answers: Answers, faults: list[Fault]) -> dict[str, Any]:
    """Every answer in its question's form; what cannot be is a fault."""
    questionnaire = Questionnaire()
    questions = questionnaire.questions
    values: dict[str, Any] = {}
    for answer in answers:
        question = questions.get(answer.id)
        if question is None:
            settings = load("settings")
            if answer.id not in settings:
                near = ", ".join(did_you_mean(answer.id, [*questions, *settings]))
                faults.append(Fault("needs-unknown-id", answer.id, (("near", near or "-"),)))
        elif answer.id == "gpu" and answer.source == "detected":
            # The driver's own name of a card the catalog may not hold.
            values[answer.id] = str(answer.value)
        elif answer.value != "" or not question.optional:
            try:
                values[answer.id] = questionnaire.parse(question, answer.value)
            except Unreadable as error:
                faults.append(error.fault)
    return values


def _missing(
    answers: Answers, values: Mapping[str, Any], given: set[str], data: DataFacts | None
) -> list[Fault]:
    found = []
    if "goal" not in answers:
        allowed = ", ".join(load("questions")["goal"].choices)
        found.append(Fault("needs-missing", "goal", (("allowed", allowed),)))
    no_material = data is None and not {"data.path", "data.kind"} & given
    if values.get("goal") in FACTS_GOALS and no_material:
        found.append(Fault("needs-path-missing", "data.path"))
    return found


def _contradictions(values: Mapping[str, Any], given: set[str]) -> list[Fault]:
    """Given answers that cannot both hold.

    A rented card for confidential data is none here: the roads on it are ruled out, with why.
    """
    answers = Answers()
    for id_ in [*given, *(["data.path"] if values.get("data.path") else [])]:
        answers = answers.with_answer(Answer(id_, values[id_], "asked"))
    found = Questionnaire().contradictions(answers)
    return [fault for fault in found if fault.ref != "needs-confidential-gpu"]


def _gpu(answered: Any, machine: MachineFacts | None) -> tuple[str | None, float]:
    """The card at hand and its usable memory in GiB."""
    if answered is None:
        if machine is None:
            return None, 0.0
        if not machine.gpus:
            return "none", 0.0
        best = max(machine.gpus, key=lambda gpu: gpu.vram_gib)
        return best.name, best.vram_gib
    name = str(answered)
    if name == "none":
        return name, 0.0
    for gpu in machine.gpus if machine else ():
        if gpu.name == name:
            return name, gpu.vram_gib
    record = find_gpu(RENTED_CARDS.get(name, name))
    return name, float(record.usable_gib) if record is not None else 0.0


def _unknowns(answers: Answers, values: Mapping[str, Any]) -> tuple[str, ...]:
    """The questions nobody answered yet, in the questionnaire's order."""
    known = {a.id for a in answers if a.source != "default"}
    return tuple(
        id_
        for id_, question in sorted(load("questions").items(), key=lambda item: item[1].order)
        if id_ not in known and not question.optional and holds(question.when, values)
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _flag(value: Any) -> bool | None:
    return None if value is None else value == "yes"
