"""The schedule of a prompt search: never over its calls, and everybody is heard."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from advisor.estimate.searching import LEAST_QUESTIONS
from executors.prompting.halving import LEAST_EACH, beats, least_calls, schedule


@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 60), st.integers(0, 400))
def test_a_schedule_keeps_to_its_calls_and_questions(
    ways: int, instructions: int, questions: int, calls: int
) -> None:
    planned = schedule(ways, instructions, questions, calls)
    if planned is None:
        few = questions < LEAST_QUESTIONS or ways * instructions < 2
        assert few or calls < least_calls(ways, instructions, questions)
        return
    assert planned.calls <= calls
    assert planned.rungs[0].prompts == ways
    assert LEAST_EACH <= planned.rungs[0].questions
    assert planned.questions <= questions
    asked = [rung.questions for rung in planned.rungs]
    kept = [rung.prompts for rung in planned.rungs]
    assert asked == sorted(asked) and kept == sorted(kept, reverse=True)
    assert kept[-1] == min(ways, 2)
    # What each rung adds, counted one prompt and one question at a time.
    answers = {
        (prompt, question)
        for r in planned.rungs
        for prompt in range(r.prompts)
        for question in range(r.questions)
    }
    assert planned.calls == len(answers) + (instructions - 1) * planned.questions


def test_the_default_hears_every_way_three_times() -> None:
    planned = schedule(6, 3, 30, 64)
    assert planned is not None
    assert [(r.prompts, r.questions) for r in planned.rungs] == [(6, 3), (3, 6), (2, 12)]
    assert planned.calls == 63


def test_more_calls_ask_more_until_there_are_no_more_questions() -> None:
    few, many, all_of_them = (schedule(6, 3, 20, calls) for calls in (64, 200, 5000))
    assert few and many and all_of_them
    assert few.questions < many.questions == all_of_them.questions == 20
    assert all_of_them.rungs[0].questions == 20
    assert all_of_them.calls == 6 * 20 + 2 * 20


def test_only_more_than_a_standard_error_beats_the_plans_own_prompt() -> None:
    assert beats([1, 1, 1, 0], [0, 0, 0, 0])
    assert not beats([1, 0, 0, 0], [0, 0, 0, 0])
    assert not beats([0.5] * 4, [0.5] * 4)
    assert not beats([0, 0], [1, 1])
    assert beats([1, 1], [0, 0])
    assert not beats([1], [0])
