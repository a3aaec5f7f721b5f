"""Asks the general probe around a training, keeps what it found in the run, and says it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from advisor.files import write_json
from advisor.plan import input_path
from advisor.session import Session
from advisor.types import Method, Plan, Scalar
from executors.base import Context, RunData
from executors.evaluate.forgetting import Bounds, Compared, document, named, words_of
from executors.evaluate.general import SAMPLE, Measured, Probe, load_probe, measure
from executors.finetune.replay import Replayed, apart, general_examples, replay_share
from executors.models import LoadedModel
from executors.rundir import RunDir
from knowledge.corpus.types import Example

FORGETTING = "forgetting.json"
BEFORE = "general_before.json"
OFF = "off"
PLACES_KEPT = 100


def planned_probe(plan: Plan, run: RunDir) -> Probe | None:
    """The probe that a plan names; None where it names none, as plans of earlier versions.

    Raises:
        UsageError: the user's probe cannot be read.
    """
    named = str(plan.config.get("finetune.general_probe", OFF))
    if named == OFF:
        return None
    return load_probe(None if named == SAMPLE else _own(plan, run, "probe"))


def planned_rows(plan: Plan, run: RunDir, data: RunData, session: Session) -> list[Example]:
    """The general rows to draw from, read before any model is loaded; none where none are mixed.

    Those that repeat a held-out question or an item of the probe are dropped, and said. Asked in
    the process that knows the test questions; the one that trains is given what is left.

    Raises:
        UsageError: the user's rows or probe cannot be read.
    """
    if not replay_share(plan.config):
        return []
    own = plan.config.get("finetune.replay", SAMPLE) != SAMPLE
    found = general_examples(_own(plan, run, "replay") if own else None)
    probe = planned_probe(plan, run)
    held_out = [example.prompt for example in (*data.split.validation, *data.split.test)]
    asked = [choice.question for choice in probe.choices] if probe else []
    texts = [item.text for item in probe.texts] if probe else []
    kept = apart(found, [*held_out, *asked], texts)
    if len(kept) < len(found):
        learned = set(map(id, kept))
        places = [example.where for example in found if id(example) not in learned]
        told = {"n": len(places), "total": len(found)}
        run.event("replay-repeats", **told, places=places[:PLACES_KEPT])
        session.say("forgetting.replay-repeats", **told, place=places[0])
    return kept


def _own(plan: Plan, run: RunDir, role: str) -> Path | None:
    from executors.apply import planned_in

    return input_path(plan, planned_in(run.plan_path), role)


def before_training(
    loaded: LoadedModel, method: Method, probe: Probe | None, work: Path, context: Context
) -> Measured | None:
    """The base's figures where a training overwrites it; an adapter is switched off later.

    Kept in `work`, so that a resumed training need not ask again.
    """
    if probe is None or method != "full":
        return None
    key = {"base": loaded.digest, "probe": probe.sha256, "dtype": str(loaded.dtype)}
    try:
        kept = json.loads((work / BEFORE).read_text(encoding="utf-8"))
        if kept["of"] == key:
            return Measured(kept["loss"], kept["right"])
    except (OSError, ValueError, KeyError):
        pass
    found = _ask(loaded, probe, context.session)
    write_json(work / BEFORE, {"schema_version": 1, "of": key, **asdict(found)})
    return found


def after_training(
    tuned: LoadedModel,
    probe: Probe | None,
    before: Measured | None,
    replay: Replayed,
    config: Mapping[str, Scalar],
    run: RunDir,
    context: Context,
) -> str | None:
    """Ask the tuned model, write `forgetting.json` among the artifacts and say the light.

    Args:
        before: the base's figures; None asks the same model with its adapter off.

    Returns:
        The light, or None without a probe and where nothing could be judged.
    """
    if probe is None:
        return None
    compared: Compared = "before-and-after"
    if before is None:
        compared = "adapter-off-and-on"
        with tuned.model.disable_adapter():
            before = _ask(tuned, probe, context.session)
    after = _ask(tuned, probe, context.session)
    bounds = Bounds(
        float(config["finetune.general_loss_bound"]), float(config["finetune.general_choice_bound"])
    )
    found = document(probe, before, after, bounds, compared, asdict(replay))
    write_json(run.artifacts / FORGETTING, found)
    told = {"light": found["light"], "compared": compared}
    run.event("forgetting", **told)
    context.session.say(f"forgetting.light.{named(found['light'])}", **found["bounds"])
    for part in found["parts"]:
        context.session.say("forgetting.line", **words_of(part, context.session.lang))
    light: str | None = found["light"]
    return light


def _ask(loaded: LoadedModel, probe: Probe, session: Session) -> Measured:
    with session.progress(session.t("forgetting.asking"), total=len(probe)) as progress:
        return measure(loaded, probe, progress)
