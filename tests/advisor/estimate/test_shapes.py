"""Shapes: exact parameter counts, and what a config.json must hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advisor.errors import UsageError
from advisor.estimate.shapes import count_params, find_shapes, of_model
from knowledge.catalog.loader import load

LLAMA_1B = {
    "model_type": "llama",
    "num_hidden_layers": 16,
    "hidden_size": 2048,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "intermediate_size": 8192,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "tie_word_embeddings": True,
}


@pytest.mark.parametrize("model", load("models").values(), ids=lambda model: model.id)
def test_parameters_of_known_families_are_counted_exactly(model: object) -> None:
    shapes = of_model(model)  # type: ignore[arg-type]
    if not shapes.counted:
        assert shapes.params == model.params  # type: ignore[attr-defined]
        assert shapes.linear_weights <= shapes.params
        return
    assert count_params(shapes) == model.params  # type: ignore[attr-defined]


def test_most_of_the_catalog_is_counted() -> None:
    counted = [of_model(model).counted for model in load("models").values()]
    assert sum(counted) / len(counted) > 0.7


def test_a_config_gives_the_same_as_the_catalog(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LLAMA_1B), encoding="utf-8")
    for ref in (str(path), str(tmp_path)):
        assert find_shapes(ref).params == 1_235_814_400


def test_a_gpt2_config_speaks_its_own_language(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    config = {"model_type": "gpt2", "n_layer": 24, "n_embd": 1024, "n_head": 16}
    config |= {"n_positions": 1024, "vocab_size": 32000}
    path.write_text(json.dumps(config), encoding="utf-8")
    assert find_shapes(str(path)).params == 336_128_000


def test_a_nested_text_config_is_found(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(
        json.dumps(
            {"model_type": "gemma3", "text_config": LLAMA_1B | {"model_type": "gemma3_text"}}
        ),
        encoding="utf-8",
    )
    assert find_shapes(str(path)).family.norms_per_layer == 4


def test_missing_keys_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    left = {
        k: v for k, v in LLAMA_1B.items() if k not in ("hidden_size", "vocab_size", "model_type")
    }
    path.write_text(json.dumps(left), encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        find_shapes(str(path))
    assert {fault.where for fault in raised.value.faults} == {
        "hidden_size | n_embd",
        "vocab_size",
        "model_type",
    }


@pytest.mark.parametrize("content", ["", "[]", "{", "\x00"])
def test_what_is_no_config_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError):
        find_shapes(str(path))


def test_an_unknown_model_gets_near_ids() -> None:
    with pytest.raises(UsageError) as raised:
        find_shapes("meta-llama/Llama-3.1-8")
    assert "meta-llama/Llama-3.1-8B" in raised.value.values["near"]


def test_targets_are_layers_of_this_family() -> None:
    shapes = find_shapes("rinna/japanese-gpt-neox-3.6b")
    assert {t.name for t in shapes.targets("all-linear")} == {
        "query_key_value",
        "dense",
        "dense_h_to_4h",
        "dense_4h_to_h",
    }
    with pytest.raises(UsageError) as raised:
        shapes.targets("q_proj,dense,x")
    assert [fault.where for fault in raised.value.faults] == ["q_proj", "x"]


def test_an_encoders_shapes_come_to_its_published_parameters() -> None:
    known = [one for one in load("embedders").values() if one.architecture]
    assert len(known) >= 5
    for one in known:
        # Published as a round number in millions by one maker, exactly by the others.
        rounded = {"rel": 0.005} if (one.params or 0) % 1_000_000 == 0 else {"abs": 0}
        assert find_shapes(one.id).params == pytest.approx(one.params, **rounded)
