"""What a prompt search found: read from a run, told on the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advisor.session import Session
from advisor.texts import t
from advisor.types import Language
from executors.evaluate.heldout import ANSWERS, read_answers

FOLDER = "search"
"""Below a run's artifacts: each candidate's answers in a folder of its own."""
ABOUT = "about.json"
SEARCH_FILE = "search.json"


def read_search(artifacts: Path) -> dict[str, Any] | None:
    """What the search of a run tried and chose; None where there was none, or none finished."""
    path = artifacts / SEARCH_FILE
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def search_answers(artifacts: Path) -> list[dict[str, Any]]:
    """Every answer that the search of a run took, finished or not."""
    paths = sorted((artifacts / FOLDER).glob(f"*/{ANSWERS}"))
    return [answer for path in paths for answer in read_answers(path)]


def name_of(candidate: Mapping[str, Any], lang: Language) -> str:
    """A candidate in words."""
    return t(
        "prompting.search.name",
        lang,
        examples=shown_by(candidate, lang),
        instruction=t(f"prompting.search.instruction.{candidate['instruction']}", lang),
    )


def shown_by(candidate: Mapping[str, Any], lang: Language) -> str:
    """Which examples a candidate shows."""
    kind = candidate["choice"] if candidate["shots"] else "none"
    return t(f"prompting.search.shown.{kind}", lang, shots=candidate["shots"])


def score_of(candidate: Mapping[str, Any], lang: Language) -> str:
    """Its validation score with the 95 % interval."""
    if not candidate["n"]:
        return t("prompting.search.too-long", lang)
    return f"{candidate['value']:.2f} [{candidate['low']:.2f}, {candidate['high']:.2f}]"


def outcome(found: Mapping[str, Any], lang: Language) -> str:
    """In a sentence whether the planned prompt stays, and what the chosen one gains."""
    candidates = {candidate["id"]: candidate for candidate in found["candidates"]}
    chosen = name_of(candidates[found["chosen"]], lang)
    gain, calls = found["gain"], found["calls"]
    if found["chosen"] == found["own"]:
        return t("prompting.search.kept", lang, chosen=chosen, n=gain["n"], calls=calls)
    gap = f"{gain['value']:+.2f} [{gain['low']:+.2f}, {gain['high']:+.2f}]"
    return t("prompting.search.better", lang, chosen=chosen, n=gain["n"], gap=gap, calls=calls)


def say_found(found: Mapping[str, Any], session: Session) -> None:
    """Every candidate with its score on the terminal, and what was chosen."""
    for candidate in found["candidates"]:
        session.say(
            "prompting.search.row",
            name=name_of(candidate, session.lang),
            score=score_of(candidate, session.lang),
            n=candidate["n"],
            mark=session.t("prompting.search.mark") if candidate["chosen"] else "",
        )
    session.say("prompting.search.outcome", text=outcome(found, session.lang))
