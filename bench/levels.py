"""A judge of Japanese politeness that needs no language model: four levels by characters.

Logistic regression on TF-IDF of one to four characters, learned from the labelled sentences of
keico_style: the endings that make a sentence polite are all on the surface.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

MOST_POLITE, CASUAL = 1, 4


class LevelJudge:
    """Learned without the fields of life that it will judge."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], without: Collection[str]) -> None:
        """Take `text`, `level` and `field` of each row, but for the fields in `without`."""
        kept = [row for row in rows if row["field"] not in without]
        self.learned = len(kept)
        self._model = _model()
        self._model.fit([row["text"] for row in kept], [row["level"] for row in kept])

    def levels(self, texts: Sequence[str]) -> list[int]:
        """1, the most polite, to 4, casual; an empty answer is no rewriting and counts as 4."""
        told = self._model.predict([text or " " for text in texts])
        return [
            CASUAL if not text.strip() else int(level)
            for text, level in zip(texts, told, strict=True)
        ]


def right_on_other_fields(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """How often the judge is right, and right or one level beside, on fields it has not seen."""
    from sklearn.model_selection import GroupKFold, cross_val_predict

    levels = [int(row["level"]) for row in rows]
    told = cross_val_predict(
        _model(),
        [row["text"] for row in rows],
        levels,
        groups=[row["field"] for row in rows],
        cv=GroupKFold(5),
    )
    pairs = list(zip(levels, map(int, told), strict=True))
    return {
        "n": len(pairs),
        "right": round(sum(a == b for a, b in pairs) / len(pairs), 4),
        "within_one": round(sum(abs(a - b) <= 1 for a, b in pairs) / len(pairs), 4),
    }


def _model() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    grams = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), sublinear_tf=True, min_df=2)
    return make_pipeline(grams, LogisticRegression(C=10, max_iter=2000))
