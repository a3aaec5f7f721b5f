"""The final tuning of an embedder: the mean of several that differ in their draws."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny import save_tiny_encoder

from advisor.session import Session
from executors.encoder.contrast import Course
from executors.encoder.labelled import labelled
from executors.encoder.tuning import AVERAGED, Tuning
from executors.rag.embedding import SentenceTransformerEmbedder, open_embedder
from knowledge.corpus.types import Example


def test_the_mean_of_the_tunings_is_kept_also_after_a_stop(
    tmp_path: Path, session: Session
) -> None:
    import torch

    class StoppedHere(Exception):
        pass

    examples = [
        Example(
            f"{label}{n}",
            "labelled",
            f"{n}件目の{label}です",
            label,
            label=label,
            source="a",
            where="",
        )
        for label in ("経理", "総務")
        for n in range(10)
    ]
    embedder = open_embedder(str(save_tiny_encoder(tmp_path / "tiny")), session)
    assert isinstance(embedder, SentenceTransformerEmbedder)
    data, course = labelled(examples), Course(steps=3, learning_rate=1e-2, seed=0)

    def tuning(stop: int = 0) -> Tuning:
        def on_step(done: int) -> None:
            if done == stop:
                raise StoppedHere

        return Tuning(embedder, data, course, tmp_path / f"state-{bool(stop)}", on_step)

    def weights() -> dict[str, torch.Tensor]:
        return {name: tensor.clone() for name, tensor in embedder.model.state_dict().items()}

    begun = tuning()
    before, singles = weights(), []
    for seed in range(AVERAGED):
        alone = Course(steps=3, learning_rate=1e-2, seed=seed)
        begun._run(f"alone{seed}", range(len(data.texts)), 2, {}, alone)
        singles.append(weights())
    begun.give_up()
    begun.finish(2)
    found = weights()
    for name, tensor in found.items():
        mean = sum(single[name].double() for single in singles) / AVERAGED
        assert torch.allclose(tensor.double(), mean, atol=1e-7), name
    assert any(not torch.equal(found[name], singles[0][name]) for name in found)
    embedder.model.load_state_dict(before)
    with pytest.raises(StoppedHere):
        tuning(stop=4).finish(2)
    embedder.model.load_state_dict(before)
    again = tuning(stop=99)
    again.finish(2)
    assert all(torch.equal(weights()[name], found[name]) for name in found)
