"""The report's document as people read it: every cell already text in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from advisor.render_plan import ACTUAL_FOR, amount, number, span, verdict
from advisor.texts import has_text, t
from advisor.types import Estimate, Language
from executors.evaluate.measure import by_words, measure


class View:
    """Texts and rows of one report in one language."""

    def __init__(self, document: Mapping[str, Any], lang: str) -> None:
        self.document = document
        self.lang: Language = "en" if lang == "en" else "ja"

    def t(self, id_: str, **values: Any) -> str:
        return t(id_, self.lang, **values)

    def word(self, group: str, value: Any) -> str:
        """The text of a value such as a road or an answer; the value itself if nobody named it."""
        id_ = f"{group}.{value}"
        return self.t(id_) if has_text(id_) else str(value)

    @property
    def roads(self) -> Sequence[Mapping[str, Any]]:
        roads: Sequence[Mapping[str, Any]] = self.document["roads"]
        return roads

    @property
    def graded(self) -> list[str]:
        """By what the headline figure is graded; empty where every answer is right or wrong."""
        roads = self.document.get("roads", ())
        return sorted({name for road in roads for name in road.get("graded", ())})

    def scored(self, id_: str, **values: Any) -> str:
        """A text that speaks of the headline figure, by whether it is a share or a score."""
        if not self.graded:
            return self.t(id_, **values)
        return self.t(f"{id_}-graded", by=by_words(self.graded, self.lang), **values)

    def figure_name(self, name: str) -> str:
        return self.scored("figure.correct") if name == "correct" else self.word("figure", name)

    def headline(self) -> str:
        """The one sentence a manager takes away."""
        verdict = self.document["verdict"]
        if verdict is None:
            road = self.roads[0]
            metric = road["metrics"].get("correct")
            if metric is None:
                return self.t("report.headline.no-questions", road=self.word("road", road["name"]))
            value, shown = metric["value"], self.word("road", road["name"])
            share = f"{value:.2f}" if self.graded else percent(value)
            return self.scored("report.headline.one", road=shown, share=share, n=road["n"])
        choice = self.word("road", verdict["choice"]) if verdict["choice"] else ""
        points = round(100 * verdict["detectable_difference"])
        values = {"choice": choice, "n": verdict["n"], "points": points}
        values |= verdict.get("values", {}) | {"best": self.word("road", verdict["best"])}
        told = values.get("told", verdict["best"])
        values |= {"told": self.word("road", told), "what": measure(self.graded, self.lang)}
        return self.t(verdict["says_id"], **values).strip()

    def cautions(self) -> list[str]:
        """What the reader must know before believing the figures."""
        notes = []
        n = self.roads[0]["n"]
        if n and n < 50:
            notes.append(self.t("report.caution.indicative", n=n))
        scores = [road["metrics"]["correct"] for road in self.roads if "correct" in road["metrics"]]
        if n and scores and max(score["value"] for score in scores) == 0:
            most = max(score["high"] for score in scores)
            notes.append(self.t("report.caution.nothing-right", n=n, most=percent(most)))
        if any(road["config"].get("model") == "starter" for road in self.roads):
            notes.append(self.t("report.caution.starter"))
        for road in self.roads:
            for change in road.get("changes", ()):
                told = self.t(f"finetune.memory.{change['step']}", **change)
                notes.append(f"{self.word('road', road['name'])}: {told}")
            found = road.get("forgetting")
            if found and found["light"] == "red":
                told = self.t("forgetting.light.red", **found["bounds"])
                notes.append(f"{self.word('road', road['name'])}: {told}")
        before = self.document.get("before") or {}
        if leaked := before.get("leaks_dropped"):
            notes.append(self.t("report.caution.leaks-dropped", n=len(leaked)))
        if missing := before.get("without_gold"):
            notes.append(self.t("report.caution.without-gold", n=missing))
        for name, why in (self.document.get("failed") or {}).items():
            notes.append(self.t("report.caution.failed", road=self.word("road", name), why=why))
        return notes

    def before_after(self) -> str:
        """What became of the advice; of an escalation, or an older report, in short.

        Empty where one road was measured alone: that says nothing about which one to take.
        """
        from executors.report.advice import told

        if update := self.document.get("recommendation_update"):
            return told(update, self)
        before = self.document["recommendation_before"]
        after = self.document["recommendation_after"]
        if before is None or after is None or len(self.roads) < 2:
            return ""
        key = "report.before-after.same" if before == after else "report.before-after.changed"
        return self.t(key, before=self.word("approach", before), after=self.word("approach", after))

    def bars(self) -> list[dict[str, Any]]:
        choice = (self.document["verdict"] or {}).get("choice")
        rows = []
        for road in self.roads:
            metric = road["metrics"].get("correct")
            if metric and metric["value"] is not None:
                rows.append(
                    {
                        "name": self.word("road", road["name"]),
                        "chosen": road["name"] == choice,
                        **metric,
                    }
                )
        return rows

    def target(self) -> str:
        """How the steps of an escalation were judged; empty for anything else."""
        target = self.document.get("target")
        if target is None:
            return ""
        score, latency = f"{target['score']:g}", f"{target['latency_s']:g}"
        values = {"score": score, "latency": latency, "looks": target["looks"]}
        return self.t("escalate.rule", what=measure(self.graded, self.lang), **values)

    def step_header(self) -> list[str]:
        names = ("at-least", "seconds", "yen", "gain", "target")
        first = [self.t("escalate.column.road"), self.scored("escalate.column.score")]
        return first + [self.t(f"escalate.column.{name}") for name in names]

    def step_rows(self) -> list[list[str]]:
        """The steps of an escalation in order: those measured, and why the others were not."""
        return [
            [self.word("road", step["name"]), *self._step_figures(step), self._step_says(step)]
            for step in self.document.get("steps", ())
        ]

    def _step_figures(self, step: Mapping[str, Any]) -> list[str]:
        if "score" not in step:
            return ["-"] * 5
        wait, gain, cost = step["latency_s"], step["gain"], step["cost_jpy"]
        yen = [cost[key] for key in ("spent", "per_1000_answers")]
        return [
            interval(step["score"]),
            f"{step['at_least']:.2f}",
            f"{wait['p50']:.2f} / {wait['p95']:.2f}" if wait else "-",
            " / ".join(number(one["likely"]) if one else "?" for one in yen),
            "-"
            if gain is None
            else f"{gain['difference']:+.2f} [{gain['low']:+.2f}, {gain['high']:+.2f}]",
        ]

    def _step_says(self, step: Mapping[str, Any]) -> str:
        if "score" not in step:
            why = step["why"] or {"ref": "", "text": ""}
            id_ = f"escalate.skip.{why['ref']}"
            text = self.t(id_) if has_text(id_) else why["text"]
            return self.t(f"escalate.state.{slug(step['state'])}", why=text).strip()
        said = [self.t(f"escalate.score.{slug(step['score_says'])}")]
        if step["latency_says"] == "missed":
            said.append(self.t("escalate.too-slow"))
        return self.t("escalate.and").join(said)

    def score_header(self) -> list[str]:
        names = ("answerable", "unanswerable", "seconds", "against", "why")
        first = [self.t("report.column.road"), self.scored("report.column.correct")]
        return first + [self.t(f"report.column.{name}") for name in names]

    def score_rows(self) -> list[list[str]]:
        return [self._score_row(road) for road in self.roads]

    def _score_row(self, road: Mapping[str, Any]) -> list[str]:
        causes = [self.word("lost", slug(why)) for why in road.get("lost_because", ())]
        return [
            self.word("road", road["name"]),
            interval(road["metrics"].get("correct")),
            self._answerable(road),
            interval(road["by_kind"].get("unanswerable")),
            f"{road['seconds_per_answer']:.2f}",
            self._against(road),
            " / ".join(causes) or "-",
        ]

    def _answerable(self, road: Mapping[str, Any]) -> str:
        """All answerable questions together; kind by kind in reports from before they were."""
        if "answerable" in road:
            return interval(road["answerable"])
        kinds = road["by_kind"].items()
        return " / ".join(interval(v) for kind, v in kinds if kind != "unanswerable") or "-"

    def judgement(self, road: Mapping[str, Any]) -> str:
        """The road beside the best one in a word; a dash where nothing was compared."""
        against = road.get("against_best")
        if against is None or len(self.roads) < 2:
            return "-"
        if road["name"] == self.document["verdict"]["best"]:
            return self.t("judgement.best")
        return self.word("judgement", slug(against["verdict"]))

    def _against(self, road: Mapping[str, Any]) -> str:
        against, word = road.get("against_best"), self.judgement(road)
        if against is None or len(self.roads) < 2:
            return word
        if road["name"] == self.document["verdict"]["best"]:
            return word
        gap = f"{against['difference']:+.2f} [{against['low']:+.2f}, {against['high']:+.2f}]"
        return f"{word} {gap}"

    def diagnostic_header(self) -> list[str]:
        first = [self.t("report.column.diagnostic"), self.scored("report.column.correct")]
        return [*first, self.t("report.column.beside")]

    def diagnostic_rows(self) -> list[list[str]]:
        """The runs that are no candidates: their score, and how far each road stays behind."""
        rows = []
        for one in self.document.get("diagnostics", ()):
            gaps = [
                f"{self.word('road', name)} {gap['difference']:+.2f}"
                f" [{gap['low']:+.2f}, {gap['high']:+.2f}]"
                for name, gap in one["beside"].items()
            ]
            name = self.t(f"diagnostic.{one['name']}")
            rows.append([name, interval(one["correct"]), " / ".join(gaps) or "-"])
        return rows

    def metric_rows(self) -> tuple[list[str], list[list[str]]]:
        """Every figure of every road."""
        names = sorted({name for road in self.roads for name in road["metrics"]})
        header = [
            self.t("report.column.figure"),
            *(self.word("road", r["name"]) for r in self.roads),
        ]
        rows = [
            [self.figure_name(name), *(interval(r["metrics"].get(name)) for r in self.roads)]
            for name in names
        ]
        return header, rows

    def estimate_rows(self) -> tuple[list[str], list[list[str]]]:
        """Estimate beside actual, road by road."""
        header = [
            self.t(f"report.column.{n}")
            for n in ("road", "estimate", "range", "actual", "range-held", "basis")
        ]
        rows = []
        for road in self.roads:
            for key, estimate in road["estimate"].items():
                if not estimate["high"]:
                    continue
                measured, factor = ACTUAL_FOR.get(key, (key, 1.0))
                value = road["actual"].get(measured)
                value = None if value is None else value * factor
                unit = estimate["unit"]
                range_ = Estimate(**{**estimate, "terms": ()})
                rows.append(
                    [
                        self.word("road", road["name"]),
                        self.word("estimate-name", key),
                        span(range_, self.lang),
                        "-" if value is None else amount(value, unit, self.lang),
                        verdict(range_, value, self.lang),
                        str(estimate["basis"]),
                    ]
                )
        return header, rows

    def abstentions(self) -> list[tuple[str, Mapping[str, Any], list[list[str]]]]:
        """Roads that decline, with where their line was drawn and what it lets through."""
        found = []
        for road in self.roads:
            line = road.get("abstention")
            if line is None:
                continue
            figures = (("coverage", "n_answerable"), ("false_answers", "n_unanswerable"))
            figures += (("false_answers_left_out", "n_left_out"),)
            rows = [
                [
                    self.t(f"report.abstention.{slug(key.replace('_', '-'))}"),
                    percent(line.get(key)) if line.get(key) is not None else "-",
                    str(line.get(n, 0)),
                ]
                for key, n in figures
            ]
            found.append((self.word("road", road["name"]), line, rows))
        return found

    def abstention_header(self) -> list[str]:
        names = ("figure", "share", "questions")
        return [self.t(f"report.column.{name}") for name in names]

    def abstention_says(self, line: Mapping[str, Any]) -> str:
        """Where the line stands and why."""
        return self.t(f"report.abstention.{line['basis']}", line=f"{line['value']:.2f}")

    def asked_rows(self) -> list[list[str]]:
        """What the company answered, in the questionnaire's own words where there are some."""
        return [
            [self.word("question-name", key), self.word(f"answer.{key}", value)]
            for key, value in self.document["asked"].items()
        ]

    def setting_rows(self, road: Mapping[str, Any]) -> list[list[str]]:
        why = road["config_why"]
        return [
            [key, "-" if value == "" else str(value), why.get(key, "")]
            for key, value in road["config"].items()
        ]

    def reasons(self) -> list[dict[str, Any]]:
        """The recommendation's options with their reasons, as they stood before the run."""
        recommendation = self.document.get("recommendation") or {}
        return [
            {**option, "reasons": [self._reason(reason) for reason in option["reasons"]]}
            for option in list(recommendation.get("options", ()))[:4]
        ]

    def _reason(self, reason: Mapping[str, Any]) -> dict[str, Any]:
        """The reason in the reader's language, where its text needs no figures of its own."""
        id_ = f"rule.{reason.get('rule')}"
        if self.lang == self.document["language"] or not has_text(id_):
            return dict(reason)
        return {**reason, "text": self.t(id_)}


def percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def interval(metric: Mapping[str, Any] | None) -> str:
    """Value [low, high] n=…, or a dash."""
    if not metric or metric["value"] is None:
        return "-"
    return f"{metric['value']:.2f} [{metric['low']:.2f}, {metric['high']:.2f}] n={metric['n']}"


def slug(text: str) -> str:
    return text.replace(" ", "-")
