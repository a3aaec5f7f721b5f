"""The page a manager reads: one page, no line too wide, the age of a price beside it."""

from __future__ import annotations

from datetime import date

import pytest

from advisor.estimate import EstimateSettings, estimate
from advisor.estimate.page import page
from advisor.render import cells
from advisor.session import Session

SETUPS = [
    EstimateSettings(model="meta-llama/Llama-3.1-8B"),
    EstimateSettings(model="meta-llama/Llama-3.1-8B", method="full", gpu="T4"),
    EstimateSettings(
        model="mistralai/Mistral-7B-v0.1", gpu="RTX 4090", loss="full", gradient_checkpointing=False
    ),
    EstimateSettings(model="openai/gpt-oss-20b", method="lora", gpu="L40S"),
    EstimateSettings(model="meta-llama/Llama-3.1-405B", method="full"),
    EstimateSettings(model="starter", method="lora", device="cpu", seq_len=256),
    EstimateSettings(
        model="tokyotech-llm/Llama-3.1-Swallow-8B-Instruct-v0.5", method="lora", gpu="L40S"
    ),
]


def lines(settings: EstimateSettings, lang: str, width: int = 100, code: str = "JPY") -> list[str]:
    made = estimate(settings, ram_gib=22.0)
    return page(made, Session(lang=lang), width=width, code=code)  # type: ignore[arg-type]


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("settings", SETUPS, ids=lambda s: f"{s.model}-{s.method}-{s.gpu}")
def test_it_is_one_page_at_100_columns(settings: EstimateSettings, lang: str) -> None:
    assert len(lines(settings, lang)) <= 45


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("settings", SETUPS, ids=lambda s: f"{s.model}-{s.method}-{s.gpu}")
def test_no_line_is_wider_than_the_screen(
    settings: EstimateSettings, lang: str, width: int
) -> None:
    assert [line for line in lines(settings, lang, width) if cells(line) > width] == []


def test_the_answer_stands_before_the_tables() -> None:
    told = lines(EstimateSettings(model="Qwen/Qwen3-8B", method="full", gpu="T4"), "en")
    first = told.index("")
    assert any("does not fit T4" in line for line in told[:first])
    assert any("→ fits" in line for line in told[first:])


def test_an_old_price_says_its_age_beside_the_number() -> None:
    told = lines(EstimateSettings(model="Qwen/Qwen3-8B"), "en")
    free = next(line for line in told if "colab-free-t4" in line)
    age = (date.today() - date(2024, 4, 23)).days
    assert f"2024-04-23: {age} days old" in free
    new = next(line for line in told if "runpod" in line)
    assert "days old" not in new


def test_a_gated_model_says_what_to_accept_first() -> None:
    gated = lines(EstimateSettings(model="meta-llama/Llama-3.1-8B"), "en")
    assert any("accept its terms at https://huggingface.co/meta-llama" in line for line in gated)
    free = lines(EstimateSettings(model="Qwen/Qwen3-8B"), "en")
    assert not any("huggingface.co/" in line for line in free)


def test_columns_of_offers_line_up_under_full_width_headings() -> None:
    told = lines(EstimateSettings(model="Qwen/Qwen3-8B"), "ja")
    start = next(i for i, line in enumerate(told) if line.lstrip().startswith("借り先"))
    column = cells(told[start][: told[start].index("GPU")])
    for row in told[start + 1 : start + 4]:
        assert cells(row[: row.index("T4" if "t4" in row else "RTX")]) == column


def test_money_in_another_currency_is_the_yen_divided_by_its_rate() -> None:
    settings = EstimateSettings(model="Qwen/Qwen3-8B", gpu="RTX 4090")
    told = lines(settings, "en", code="USD")
    assert any("cost (USD)" in line for line in told)
    assert not any(line.rstrip().endswith("yen") for line in told)


def test_people_and_machines_kept_ready_are_named_as_costs() -> None:
    told = "\n".join(lines(EstimateSettings(model="Qwen/Qwen3-8B"), "en"))
    for what in ("writing or checking the examples", "evaluation", "looking after it", "ready"):
        assert what in told
