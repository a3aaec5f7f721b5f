"""The report and the model card say what a training cost, in both languages, with the light."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made import PlanMaker, write_company

from advisor.plan import tree_digest
from advisor.types import PlanInput
from executors.compare.roads import road
from executors.evaluate.forgetting import Bounds, document
from executors.evaluate.general import Measured, load_probe
from executors.report.document import build_document
from executors.report.html import render_html
from executors.report.markdown import render_markdown
from executors.report.model_card import write_model_card
from executors.rundir import RunDir

RISE = {"green": 0.0, "yellow": 0.05, "red": 0.4}
LIGHTS = [*RISE, "none"]


@pytest.fixture
def tuned(tmp_path: Path, plan_for: PlanMaker) -> Any:
    """A finished tuning on disk whose loss on general text rose by so much.

    "none" has questions alone, of which the model guessed the answers before.
    """

    def make(light: str) -> tuple[RunDir, dict[str, Any]]:
        data = write_company(tmp_path / "company", pairs=0, rewrites=20)
        inputs = (PlanInput("data", data.name, *tree_digest(data)),)
        run = RunDir.create(tmp_path / "run", plan_for("finetune", inputs=inputs), data)
        run.artifacts.mkdir()
        probe = load_probe()
        texts = [] if light == "none" else probe.texts
        loss = {f"{x.lang}/{x.id}": 3.0 + n / 100 for n, x in enumerate(texts)}
        every = 4 if light == "none" else 2
        right = {f"{x.lang}/{x.id}": float(n % every == 1) for n, x in enumerate(probe.choices)}
        rise = RISE.get(light, 0.0)
        worse = {
            key: value + rise * (1 + n % 2) / 1.5 for n, (key, value) in enumerate(loss.items())
        }
        found = document(
            probe,
            Measured(loss, right),
            Measured(worse, right),
            Bounds(0.1, 0.05),
            "adapter-off-and-on",
            {"rows": 7, "share": 0.1, "source": "sample"},
        )
        assert found["light"] == (None if light == "none" else light)
        (run.artifacts / "forgetting.json").write_text(json.dumps(found), encoding="utf-8")
        about = {
            "method": "lora",
            "base_model": "starter",
            "base_digest": "b" * 64,
            "licence": "https://ai.google.dev/gemma/terms",
            "template_sha256": "c" * 64,
            "dtype": "torch.bfloat16",
            "dtype_reason": "set by hand",
            "rows": 63,
            "replay": {"rows": 7},
            "eval_loss_first": 3.25,
            "eval_loss_best": 1.5,
        }
        (run.artifacts / "tuned.json").write_text(json.dumps(about), encoding="utf-8")
        run.finish("done")
        one = road(run.path, [])
        return run, build_document([one], None, folder=run.path, recommended=None)

    return make


WORDS = {
    "ja": {
        "green": "一般能力: 青",
        "yellow": "一般能力: 黄",
        "red": "一般能力: 赤",
        "none": "一般能力: 判定できません",
    },
    "en": {n: f"General ability: {n}" for n in RISE}
    | {"none": "General ability: could not be judged"},
}


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("light", LIGHTS)
def test_both_pages_show_the_light_and_its_figures(tuned: Any, light: str, lang: str) -> None:
    _, made = tuned(light)
    html, text = render_html(made, lang), render_markdown(made, lang)
    for page in (html, text):
        assert WORDS[lang][light] in page
        assert not any(WORDS[lang][other] in page for other in LIGHTS if other != light)
        assert "+0.400 [" in page if light == "red" else "+0.400 [" not in page
    assert f'class="light {light}"' in html
    # Only what is red stands at the top, before any figure.
    assert (WORDS[lang]["red"] in html.split("<h2>")[0]) is (light == "red")


@pytest.mark.parametrize("light", ["yellow", "none"])
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_card_names_base_licence_data_settings_figures_and_light(
    tuned: Any, lang: str, light: str
) -> None:
    run, made = tuned(light)
    path = write_model_card(run, made["roads"][0], lang)
    assert path == run.path / "MODEL_CARD.md"
    card = path.read_text(encoding="utf-8")
    head = card.split("---\n")[1]
    assert 'base_model: "starter"' in head and "license: other" in head
    assert "library_name: peft" in head
    data = run.plan.inputs[0].digest
    for said in ("https://ai.google.dev/gemma/terms", "b" * 64, data, run.plan.seal, "3.250"):
        assert said in card
    assert "| finetune.learning_rate | 0.01 |" in card
    assert WORDS[lang][light] in card and "# Model card: style_or_tone" not in card


@pytest.mark.parametrize(
    ("licence", "head", "said"),
    [
        ("apache-2.0", "apache-2.0", "Apache License 2.0 (https://www.apache.org/licenses/"),
        ("qwen-research", "other", "Qwen Research License (https://"),
        ("apache-2.0,gemma", "other", "Apache License 2.0 (https://www.apache.org"),
        ("LICENSE.txt", "other", "| see LICENSE.txt beside the model |"),
        (None, "other", "unknown (the model names none)"),
    ],
)
def test_card_states_the_licence_of_the_base(
    tuned: Any, licence: str | None, head: str, said: str
) -> None:
    run, made = tuned("green")
    file = run.artifacts / "tuned.json"
    about = json.loads(file.read_text(encoding="utf-8")) | {"licence": licence}
    file.write_text(json.dumps(about), encoding="utf-8")
    card = write_model_card(run, made["roads"][0], "en").read_text(encoding="utf-8")  # type: ignore[union-attr]
    assert f"\nlicense: {head}\n" in card
    assert said in card


def test_a_road_that_tuned_nothing_has_no_card(tmp_path: Path, plan_for: PlanMaker) -> None:
    run = RunDir.create(tmp_path / "run", plan_for("prompting"), None)
    assert write_model_card(run, {}, "en") is None and not (run.path / "MODEL_CARD.md").exists()
