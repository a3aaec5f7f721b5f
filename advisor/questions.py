"""Decides which question comes next, what it offers, and what a typed answer means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from advisor.errors import Fault
from advisor.rules import holds
from advisor.types import Answer, Answers, Scalar
from knowledge.catalog.loader import did_you_mean, load
from knowledge.catalog.records import Question

_SMALL = {"十": 10, "百": 100, "千": 1_000}
_LARGE = {"万": 10_000, "億": 10**8, "兆": 10**12, "k": 1_000, "m": 10**6, "million": 10**6}
_KANJI_DIGITS = str.maketrans("〇一二三四五六七八九", "0123456789")
# Suffix → factor, by the unit of the question. A month is 30 days, a year 365.
_UNITS: Mapping[str, tuple[tuple[str, float], ...]] = {
    "JPY": ((r"円|yen|jpy", 1),),
    "per day": ((r"[回件](?:/日)?|/日|/day|per day|a day", 1),),
    "s": (
        (r"ミリ秒|ms", 0.001),
        (r"秒(?:以内)?|seconds?|secs?|s", 1),
        (r"分(?:以内)?|minutes?|mins?", 60),
    ),
    "days": (
        (r"日(?:間|後|以内)?|days?|d", 1),
        (r"週(?:間)?(?:後|以内)?|weeks?|w", 7),
        (r"[かカヵヶケ箇ゕ]?月(?:間|後|以内)?|months?", 30),
        (r"年(?:間|後|以内)?|years?|y", 365),
    ),
    "": ((r"割", 0.1), (r"%|パーセント", 0.01)),
}
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)|[十百千万億兆]|million|[km]")


class Unreadable(Exception):
    """A typed answer that cannot be one; `fault` says why, in the texts catalog."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.ref)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Choice:
    """One value to choose; `impossible` is the text id of the reason it cannot be chosen."""

    value: str
    impossible: str = ""


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """The questions in their order, and what was found out without asking (`detected`)."""

    questions: Mapping[str, Question] = field(default_factory=lambda: load("questions"))
    detected: Mapping[str, Answer] = field(default_factory=dict)
    offline: bool = False
    """Whether this call may use no network, which rules hosted APIs out."""

    def __iter__(self) -> Iterator[Question]:
        return iter(sorted(self.questions.values(), key=lambda question: question.order))

    def next(self, answers: Answers, *, core: bool = True) -> Question | None:
        """The first question still to be asked, of the core or of those that sharpen."""
        open_ = self.open(answers, core=core)
        return open_[0] if open_ else None

    def open(self, answers: Answers, *, core: bool) -> tuple[Question, ...]:
        """The questions nobody answered that hold now and leave something to choose."""
        known = self.known(answers)
        return tuple(
            question
            for question in self
            if question.core is core
            and question.id not in answers
            and holds(question.when, known)
            and not self.settled(question, answers)
        )

    def known(self, answers: Answers) -> dict[str, Scalar]:
        """Every answer or, where there is none, what is detected or assumed."""
        values: dict[str, Scalar] = {}
        for question in self:
            answer = answers.entries.get(question.id) or self._plain_default(question)
            if answer is not None and answer.value != "" and holds(question.when, values):
                values[question.id] = answer.value
        return values

    def choices(self, question: Question, answers: Answers) -> tuple[Choice, ...]:
        """What can be chosen, with the detected value first if the list does not hold it."""
        values = list(question.choices)
        found = self.detected.get(question.id)
        if values and found is not None and str(found.value) not in values:
            values.insert(0, str(found.value))
        given = self._given(answers)
        return tuple(Choice(value, _why_not(question, value, given)) for value in values)

    def _given(self, answers: Answers) -> dict[str, Scalar]:
        given = {answer.id: answer.value for answer in answers if answer.value != ""}
        return {**given, "offline": self.offline}

    def decided(self, answers: Answers) -> tuple[tuple[Question, Answer], ...]:
        """The questions that need not be asked, because the answers leave one possible choice."""
        known = self.known(answers)
        found = []
        for question in self:
            if question.id not in answers and holds(question.when, known):
                only = self.settled(question, answers)
                if only is not None and len(question.choices) > 1:
                    found.append((question, only))
        return tuple(found)

    def reasons_against(self, question: Question, answers: Answers) -> tuple[str, ...]:
        """Text ids that say why choices of `question` cannot be, each once."""
        reasons = [c.impossible for c in self.choices(question, answers) if c.impossible]
        return tuple(dict.fromkeys(reasons))

    def contradictions(self, answers: Answers) -> list[Fault]:
        """Answers of a person that cannot stand together, each with the ids concerned."""
        given = self._given(answers)
        found = []
        for answer in answers:
            question = self.questions.get(answer.id)
            for rule in question.impossible if question is not None else ():
                if answer.value in rule["values"] and holds(rule["when"], given):
                    where = ", ".join([answer.id, *(id_ for id_ in rule["when"] if id_ in answers)])
                    values = tuple((id_.rpartition(".")[2], given[id_]) for id_ in rule["when"])
                    found.append(Fault(f"needs-{rule['why']}", where, values))
        return found

    def settled(self, question: Question, answers: Answers) -> Answer | None:
        """The only possible answer, which nobody needs to be asked for."""
        possible = [c.value for c in self.choices(question, answers) if not c.impossible]
        if len(possible) != 1:
            return None
        return Answer(question.id, possible[0], "default", "only-possible")

    def default(self, question: Question, answers: Answers) -> Answer | None:
        """What is offered if nobody answers, and where it comes from."""
        default = self.settled(question, answers) or self._plain_default(question)
        if default is None:
            return None
        for choice in self.choices(question, answers):
            if choice.value == default.value and choice.impossible:
                possible = [c for c in self.choices(question, answers) if not c.impossible]
                return Answer(question.id, possible[0].value, "default") if possible else None
        return default

    def _plain_default(self, question: Question) -> Answer | None:
        if question.id in self.detected:
            return self.detected[question.id]
        if question.default is None or question.default == "":
            return None
        return Answer(question.id, question.default, "default")

    def completed(self, answers: Answers) -> Answers:
        """The answers with everything detected or assumed beside them."""
        for question in self:
            if question.id not in answers and holds(question.when, self.known(answers)):
                default = self.default(question, answers)
                if default is not None:
                    answers = answers.with_answer(default)
        return answers

    def stale(self, answers: Answers) -> tuple[str, ...]:
        """Answers that no longer count: their question does not hold or their value cannot be."""
        known = self.known(answers)
        found = []
        for answer in answers:
            question = self.questions.get(answer.id)
            if question is None:
                continue
            values = self.choices(question, answers)
            blocked = any(c.value == answer.value and c.impossible for c in values)
            if blocked or not holds(question.when, known):
                found.append(answer.id)
        return tuple(found)

    def parse(self, question: Question, given: Scalar) -> Scalar:
        """The answer meant by what was typed or written.

        Raises:
            Unreadable: it is none of the choices, no number, or out of range.
        """
        if question.kind in ("choice", "yes_no"):
            return self._parse_choice(question, given)
        if question.kind in ("integer", "number", "money"):
            return _parse_number(question, given)
        text = str(given).strip()
        if not text and not question.optional:
            raise Unreadable(Fault("answer-empty", question.id))
        if question.kind == "path":
            # Dragging a folder into a terminal quotes it.
            return text.strip("\"'") if text[:1] == text[-1:] else text
        return unicodedata.normalize("NFKC", text)

    def _parse_choice(self, question: Question, given: Scalar) -> Scalar:
        text = {True: "yes", False: "no"}[given] if isinstance(given, bool) else str(given)
        text = unicodedata.normalize("NFKC", text).strip().casefold()
        values = [choice.value for choice in self.choices(question, Answers())]
        values = values or ["yes", "no"]
        for value in values:
            if value.casefold() == text:
                return value
        names: dict[str, str] = {}
        if question.choices_from:
            if question.choices_from == "gpus":
                from knowledge.catalog.loader import find_gpu

                card = find_gpu(text)
                if card is not None:
                    return card.id
            names = {id_.casefold(): id_ for id_ in _ids(question.choices_from)}
            if text in names:
                return names[text]
        near = did_you_mean(text, [*values, *names.values()])
        details = (("value", given), ("allowed", ", ".join(values)), ("near", ", ".join(near)))
        raise Unreadable(
            Fault(
                "answer-not-a-choice-near" if near else "answer-not-a-choice", question.id, details
            )
        )


def allowed_values(question: Question) -> str:
    """What may stand as an answer, as a machine-readable hint: ids, a range, a path."""
    if question.choices:
        more = " …" if question.choices_from else ""
        return " | ".join(question.choices) + more
    if question.kind in ("integer", "number", "money"):
        low, high = (
            "" if bound is None else str(int(bound) if bound == int(bound) else bound)
            for bound in (question.min, question.max)
        )
        return f"{low}..{high} {question.unit}".strip()
    return "PATH" if question.kind == "path" else "TEXT"


def near_ids(id_: str, known: Sequence[str]) -> str:
    """Ids that look like `id_`, as one string."""
    return ", ".join(did_you_mean(id_, known))


def number_in(text: str, unit: str = "") -> float | None:
    """The number in what a person typed, in the unit asked for; None if there is none.

    Full-width digits, thousands separators, 万 and 億, yen signs, 「3か月」, 「8割」 and 「80%」.
    """
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    plain = plain.translate(_KANJI_DIGITS).removeprefix("約").lstrip("¥\\")
    plain = re.sub(r"(?<=\d)[,、 _](?=\d{3}(?!\d))|(?<!\d)\s+|\s+(?!\d)", "", plain)
    plain = plain.removesuffix("まで").removesuffix("くらい").removesuffix("ぐらい")
    if unit == "days" and (half := re.fullmatch(r"(?:(\d+)年)?半年?(?:後|以内)?", plain)):
        return int(half[1] or 0) * 365 + 182
    factor = 1.0
    for pattern, times in _UNITS.get(unit, ()):
        if match := re.fullmatch(rf"(.*?[\d十百千万億兆])(?:{pattern.replace(' ', '')})", plain):
            plain, factor = match[1], times
            break
    value = _count(plain)
    return None if value is None else round(value * factor, 9)


def _count(text: str) -> float | None:
    """`1億2000万` or `12.5` as a number; None if anything else stands there."""
    tokens = _NUMBER.findall(text)
    if not tokens or "".join(tokens) != text:
        return None
    total = section = 0.0
    current: float | None = None
    for token in tokens:
        if token in _SMALL:
            section += (1 if current is None else current) * _SMALL[token]
            current = None
        elif token in _LARGE:
            if current is None and not section:
                return None
            total += (section + (current or 0)) * _LARGE[token]
            section, current = 0.0, None
        elif current is not None:
            return None
        else:
            current = float(token)
    return total + section + (current or 0)


def _parse_number(question: Question, given: Scalar) -> Scalar:
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    number = float(given) if is_number else number_in(str(given), question.unit)
    if number is None or number != number or number in (float("inf"), float("-inf")):
        raise Unreadable(Fault("answer-not-a-number", question.id, (("value", given),)))
    low, high = question.min, question.max
    if (low is not None and number < low) or (high is not None and number > high):
        details = (("value", given), ("allowed", allowed_values(question)))
        raise Unreadable(Fault("answer-out-of-range", question.id, details))
    if question.kind == "number":
        return number
    if number != int(number):
        raise Unreadable(Fault("answer-not-whole", question.id, (("value", given),)))
    return int(number)


def _why_not(question: Question, value: str, given: Mapping[str, Scalar]) -> str:
    for rule in question.impossible:
        if value in rule["values"] and holds(rule["when"], given):
            return f"impossible.{rule['why']}"
    return ""


def _ids(kind: str) -> list[str]:
    from typing import cast

    return list(load(cast("Any", kind)))
