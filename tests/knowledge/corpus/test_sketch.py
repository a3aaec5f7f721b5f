"""Copies and versions between documents, found from sketches of their sentences."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.corpus.reading import read, survey
from knowledge.corpus.sketch import SIZE, share, sketch

RULES = [f"第{i}条では、手続き{i}番の書類を{i * 3}日前までに提出します。" for i in range(1, 21)]


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return folder


def test_one_text_under_two_names_is_a_copy_whatever_its_spaces(tmp_path: Path) -> None:
    write(tmp_path, a="\n".join(RULES), b="\n\n".join(RULES), c="まったく別の文書です。")
    (problem,) = survey(tmp_path).problems
    assert (problem.id, problem.severity) == ("duplicate-document", "warn")
    assert (problem.places, problem.of) == (("b.md",), ("a.md",))
    assert read(tmp_path).problems == survey(tmp_path).problems


@pytest.mark.parametrize(
    ("changed", "severity"), [(1, "warn"), (5, "info"), (12, None)], ids=["copy", "version", "else"]
)
def test_two_versions_are_told_with_what_they_share(
    tmp_path: Path, changed: int, severity: str | None
) -> None:
    new = [f"新しい決まりの{i}番目をここに書きました。" for i in range(changed)] + RULES[changed:]
    write(tmp_path, v1="\n".join(RULES), v2="\n".join(new))
    problems = survey(tmp_path).problems
    if severity is None:
        assert problems == ()
        return
    (problem,) = problems
    assert (problem.id, problem.severity) == ("near-duplicate-document", severity)
    assert problem.values["shares"] == [round((20 - changed) / (20 + changed), 2)]


def test_a_common_footer_makes_no_copy(tmp_path: Path) -> None:
    footer = "この文書は社外秘です。無断での複製を禁じます。お問い合わせは総務部まで。"
    write(tmp_path, a=f"{RULES[0]}{RULES[1]}{RULES[2]}{RULES[3]}{footer}", b=f"{RULES[5]}{footer}")
    assert survey(tmp_path).problems == ()


@given(
    st.sets(st.integers(0, 400), min_size=150, max_size=250),
    st.sets(st.integers(0, 400), min_size=150, max_size=250),
)
def test_the_estimate_is_near_the_true_share(a: set[int], b: set[int]) -> None:
    texts = ["\n".join(f"sentence number {i} of the manual" for i in sorted(s)) for s in (a, b)]
    one, other = (sketch(text)[1] for text in texts)
    assert len(one) == len(other) == SIZE
    assert abs(share(one, other) - len(a & b) / len(a | b)) < 0.3  # five standard errors
