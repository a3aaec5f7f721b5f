"""The encoder road: an embedder, tuned where that helps, and a trained head that names a class."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.errors import RunError
from advisor.types import Plan
from executors.base import Context, Lack, RunData
from executors.encoder.crossval import Judged, final_head, folds_of
from executors.encoder.frozen import Frozen, judged_frozen
from executors.encoder.head import Head, load_head
from executors.encoder.labelled import Labelled, labelled
from executors.encoder.surface import fit_surface, load_surface
from executors.encoder.system import EncoderSystem, probe, same_embedder
from executors.encoder.unknown import threshold
from executors.encoder.vectors import embedded
from executors.encoder.views import Views, length, side_by_side
from executors.finetune.survive import Clock, limit_reached
from executors.hardware import peak_ram_gib
from executors.permitted import learnable
from executors.rag.embedding import (
    Embedder,
    SentenceTransformerEmbedder,
    choose,
    lacks,
    open_embedder,
    refuse_wrong_language,
)
from executors.rundir import RunDir

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from executors.encoder.tuning import Verdict

EMBEDDER = "embedder"
"""Folder of the artifacts that holds a tuned embedder."""
WORK = "checkpoints"
PACKAGES = ("torch", "safetensors")
_SAMPLE_TEXTS = 50


@dataclass(frozen=True, slots=True)
class Settings:
    """The plan's settings of this road."""

    embedder: str
    tune: bool
    steps: int
    learning_rate: float
    class_weights: str
    unknown_below: float
    surface: bool
    seed: int

    @classmethod
    def of(cls, plan: Plan) -> Settings:
        config = plan.config
        return cls(
            str(config["encoder.embedder"]),
            bool(config["encoder.tune"]),
            int(config["encoder.steps"]),
            float(config["encoder.learning_rate"]),
            str(config["encoder.class_weights"]),
            float(config["encoder.unknown_below"]),
            bool(config.get("encoder.surface", False)),  # plans of earlier versions have none
            int(config["seed"]),
        )


class EncoderExecutor:
    name = "encoder"

    def check(self, plan: Plan, data_root: Path | None) -> list[Lack]:
        """Missing packages or embedder; nothing is loaded."""
        found = [Lack("package-missing", {"package": p}) for p in PACKAGES if not find_spec(p)]
        if missing := lacks(str(plan.config["encoder.embedder"])):
            found.append(Lack("embedder-missing", {"embedder": missing}))
        return found

    def rehearse(self, plan: Plan, data: RunData, context: Context) -> None:
        """Refuse examples that a run would refuse."""
        found = _learned(data, context)
        context.session.say("encoder.learning", n=found.examples, labels=len(found.labels))

    def build(self, plan: Plan, run: RunDir, data: RunData, context: Context) -> dict[str, float]:
        """Embed, tune where it is shown to help, fit the head and calibrate it.

        Training and validation examples are learned from together: whatever is chosen is chosen
        by cross-validation over both, since a tenth of a few hundred texts shows nothing.
        """
        started = time.perf_counter()
        settings, session = Settings.of(plan), context.session
        learned = _learned(data, context)
        session.say("encoder.learning", n=learned.examples, labels=len(learned.labels))
        choice = choose(settings.embedder)
        embedder = open_embedder(choice.id, session)
        _refuse_language(embedder, learned)
        run.event("embedder", id=choice.id, reason=choice.reason)
        session.say("encoder.embedder", embedder=choice.id)
        _say_cut(embedder, learned, context)
        work = run.path / WORK
        label = session.t("encoder.progress.embed")
        with session.progress(label, total=float(len(learned.texts))) as bar:
            vectors = embedded(learned.texts, embedder, work, bar.update)
        embed_seconds = time.perf_counter() - started
        folds = folds_of(learned.own.tolist(), learned.groups, seed=settings.seed)
        frozen, learned = judged_frozen(
            vectors, learned, folds, weighting=settings.class_weights, surface=settings.surface
        )
        judged = frozen.judged
        verdict = _tuned(embedder, learned, folds, frozen, settings, plan, run, context)
        if verdict is not None and verdict.better:
            judged = verdict.judged
            vectors = embedder.passages(learned.texts)
        vectors = vectors[: len(learned.texts)]
        views = _views(embedder, vectors, learned, frozen.weight)
        if views.surface is not None:
            vectors = side_by_side(vectors, views.surface.vectors(learned.texts), views.factor)
            views.surface.save(run.artifacts)
        head = final_head(
            vectors, learned.classes, learned.labels, judged, weighting=settings.class_weights
        )
        below = settings.unknown_below or _threshold(judged, head, views, learned)
        if below:
            session.say("encoder.unknown-below", below=f"{below:.2f}")
        tuned = verdict is not None and verdict.better
        told: dict[str, Any] = {
            "embedder": EMBEDDER if tuned else choice.id,
            "base_embedder": choice.id,
            "tuned": tuned,
            "examples": learned.examples,
            "names_learned": len(learned.texts) > learned.examples,
            "strength": judged.strength,
            "surface_weight": frozen.weight,
            "surface_factor": views.factor,
            "unknown_below": below,
            "probe": probe(embedder, learned.labels).tolist(),
            "held_out": _figures(learned, frozen.judged, verdict),
        }
        if tuned:
            assert isinstance(embedder, SentenceTransformerEmbedder)
            embedder.save(run.artifacts / EMBEDDER)
        head.save(run.artifacts, told)
        shutil.rmtree(work, ignore_errors=True)
        run.event("encoder-judged", tuned=tuned, **told["held_out"])
        figures = {k: v for k, v in told["held_out"].items() if isinstance(v, float)}
        return {
            **figures,
            "embed_seconds": embed_seconds,
            "build_seconds": time.perf_counter() - started,
            "hours": (time.perf_counter() - started) / 3600,
            "peak_ram_gib": peak_ram_gib(),
        }

    def open(self, run: RunDir, context: Context) -> EncoderSystem:
        """The head with its embedder, which must be the one that it was trained on.

        Raises:
            RunError: the artifacts are damaged, or the embedder is another one now.
        """
        head, about = load_head(run.artifacts)
        name = str(run.artifacts / EMBEDDER) if about["tuned"] else str(about["embedder"])
        embedder = open_embedder(name, context.session)
        if not same_embedder(embedder, head.labels, about["probe"]):
            raise RunError("encoder-changed", where=str(run.path), embedder=name)
        nothing = context.session.t("encoder.unknown")
        factor = float(about.get("surface_factor", 0.0))
        surface = load_surface(run.artifacts) if factor else None
        views = Views(embedder, surface, factor)
        return EncoderSystem(head, views, float(about["unknown_below"]), nothing)


def _learned(data: RunData, context: Context) -> Labelled:
    parts = learnable(data, context.session).split
    return labelled([*parts.train, *parts.validation])


def _refuse_language(embedder: Embedder, learned: Labelled) -> None:
    from collections import Counter

    from knowledge.corpus.languages import language

    told = Counter(map(language, learned.texts))
    shares = {name: n / len(learned.texts) for name, n in told.items()}
    refuse_wrong_language(embedder, shares, "\n".join(learned.texts[:_SAMPLE_TEXTS]))


def _say_cut(embedder: Embedder, learned: Labelled, context: Context) -> None:
    """Texts longer than the embedder reads are told apart by their beginnings: say so."""
    # A token is at least one character as a rule, so short texts need no counting.
    long = [text for text in learned.texts if len(text) > embedder.max_tokens]
    cut = sum(embedder.count_tokens(text) > embedder.max_tokens for text in long)
    if cut:
        context.session.say("encoder.cut", n=cut, tokens=embedder.max_tokens)


def _views(
    embedder: Embedder, vectors: NDArray[np.float32], learned: Labelled, weight: float
) -> Views:
    """What the finished road looks at; the surface fitted on all texts that are learned from."""
    surface = fit_surface(learned.texts) if weight else None
    return Views(embedder, surface, weight * length(vectors) if surface else 0.0)


def _tuned(
    embedder: Embedder,
    learned: Labelled,
    folds: NDArray[np.int64],
    frozen: Frozen,
    settings: Settings,
    plan: Plan,
    run: RunDir,
    context: Context,
) -> Verdict | None:
    """Tune and judge; the embedder is left tuned where that is better, else as it was.

    Returns:
        None where no tuning was tried.
    """
    from executors.encoder.contrast import Course
    from executors.encoder.tuning import Tuning, worth_trying

    session = context.session
    if not settings.tune or not isinstance(embedder, SentenceTransformerEmbedder):
        return None
    if not worth_trying(learned):
        session.say("encoder.not-tried", per_class=round(learned.per_class))
        return None
    course = Course(settings.steps, settings.learning_rate, settings.seed)
    total = settings.steps * (len(set(folds.tolist())) + 1)
    with session.progress(session.t("encoder.progress.tune"), total=1.0) as bar:
        watch = _watch(plan, total, bar.update, context)
        tuning = Tuning(embedder, learned, course, run.path / WORK, watch)
        verdict = tuning.verdict(
            folds, frozen.judged, weighting=settings.class_weights, beside=frozen.beside
        )
        if verdict.better:
            tuning.finish(verdict.steps)
        else:
            tuning.give_up()
    session.say(
        "encoder.tuned" if verdict.better else "encoder.kept-frozen",
        frozen=f"{frozen.judged.accuracy(learned.own):.3f}",
        tuned=f"{verdict.judged.accuracy(learned.own):.3f}",
        n=learned.examples,
    )
    return verdict


def _watch(
    plan: Plan, total: int, update: Callable[[float], None], context: Context
) -> Callable[[int], None]:
    """Moves the bar after each step, and stops where time or money of plan or caller is spent."""
    left_h, started = Clock(plan, context).left_hours(), time.perf_counter()

    def on_step(done: int) -> None:
        update(done / total)
        if left_h is not None and time.perf_counter() - started > left_h * 3600:
            context.limits.check()  # where it was the caller's limit, it is the caller's to tell of
            raise limit_reached(plan, done)

    return on_step


def _threshold(judged: Judged, head: Head, views: Views, learned: Labelled) -> float:
    from executors.encoder.head import softmax

    if not learned.outside:
        return 0.0
    held_out = softmax(judged.scores / judged.temperature)
    outside = head.probabilities(views.of(learned.outside))
    right = held_out.argmax(axis=1) == learned.own
    return threshold(held_out.max(axis=1), right, outside.max(axis=1))


def _figures(learned: Labelled, frozen: Judged, verdict: Verdict | None) -> dict[str, float]:
    """Accuracy on held-out folds, before and after the tuning, with what the difference shows."""
    told = {
        "accuracy_frozen": frozen.accuracy(learned.own),
        "log_loss_frozen": frozen.log_loss,
    }
    if verdict is not None:
        told |= {
            "accuracy_tuned": verdict.judged.accuracy(learned.own),
            "log_loss_tuned": verdict.judged.log_loss,
            "gain_low": verdict.gain.low,
            "gain_high": verdict.gain.high,
            "gain_p": verdict.p,
            "tuned_steps": float(verdict.steps),
        }
    return told
