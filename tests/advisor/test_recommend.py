"""Made-up companies and what a practitioner would tell them; and what may never happen."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import pytest
from companies import company, data
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.base_model import Estimator
from advisor.flips import flips
from advisor.power import questions_for
from advisor.ranking import rank
from advisor.recommend import as_document, recommend
from advisor.rules import facts_of
from advisor.texts import set_lang
from knowledge.catalog.loader import find_model, load, stamp

GOALS = load("questions")["goal"].choices
CHANGES = load("questions")["data.changes"].choices
HANDBOOK = data(documents=120, qa=60, tokens=400_000)
TONE = data(rewrites=1_200)

# name, needs, chosen approach, method of the first option, roads ruled out with their blocker
COMPANIES = [
    (
        "a hospital's rule book, changed weekly, sources wanted, nothing may leave",
        company(
            HANDBOOK,
            vram_gib=23.5,
            goal="new_facts",
            data__changes="weekly",
            citations="yes",
            confidential="all",
        ),
        "rag",
        None,
        {"full": "few-for-full"},
    ),
    (
        "a small office with papers and no GPU",
        company(data(documents=15, tokens=18_000), goal="new_facts"),
        "rag",
        None,
        {"qlora": "no-gpu", "lora": "no-gpu", "full": "no-gpu"},
    ),
    (
        "a call centre that wants polite answers, 1,200 rewritten pairs, a 12 GB card",
        company(TONE, vram_gib=11.7, goal="style_or_tone"),
        "fine_tuning",
        "qlora",
        {"rag": "no-documents"},
    ),
    (
        "the same with 30 pairs",
        company(data(rewrites=30), vram_gib=11.7, goal="style_or_tone"),
        "prompting",
        None,
        {"qlora": "no-examples"},
    ),
    (
        "a mail room with 3,000 labelled letters of 14 kinds",
        company(data(labelled=3_000, classes=14), vram_gib=7.4, goal="classification"),
        "fine_tuning",
        "encoder",
        {},
    ),
    (
        "the same with 12 labelled letters",
        company(data(labelled=12, classes=3), vram_gib=7.4, goal="classification"),
        "prompting",
        None,
        {"lora": "no-examples"},
    ),
    (
        "a shop that wants answers but has written nothing down",
        company(goal="new_facts", data__kind="none"),
        None,
        None,
        {"rag": "no-documents", "qlora": "no-examples"},
    ),
    (
        "engineers who reason over standards that rarely change, no examples",
        company(
            data(documents=300, tokens=2_000_000),
            vram_gib=47,
            goal="domain_reasoning",
            citations="yes",
        ),
        "rag",
        None,
        {"qlora": "no-examples"},
    ),
    (
        "analysts with solved exercises, hosted models allowed",
        company(data(qa=800), goal="domain_reasoning", apis="yes", confidential="none"),
        "prompting",
        None,
        {"qlora": "no-gpu", "rag": "no-documents"},
    ),
    (
        "a bank with 2,000 forms to fill, all confidential, only Colab at hand",
        company(data(rewrites=2_000), goal="output_format", confidential="all", gpu="colab"),
        "prompting",
        None,
        {"qlora": "confidential-stays-inside"},
    ),
    (
        "the same, some of it confidential",
        company(data(rewrites=2_000), goal="output_format", confidential="some", gpu="colab"),
        "fine_tuning",
        "qlora",
        {},
    ),
    (
        "an FAQ of 300 pairs that changes daily",
        company(
            data(documents=20, qa=300, tokens=60_000),
            vram_gib=15,
            goal="new_facts",
            data__changes="daily",
        ),
        "rag",
        None,
        {},
    ),
    (
        "a maker with a house language of code and 4,000 examples on a large card",
        company(data(qa=4_000), vram_gib=79, goal="code", language="en"),
        "fine_tuning",
        "lora",
        {},
    ),
    (
        "the starter model on a laptop, to try tuning",
        company(data(rewrites=1_000), goal="style_or_tone", model="starter"),
        "fine_tuning",
        "qlora",
        {"full": "few-for-full"},
    ),
]


@pytest.fixture(autouse=True)
def japanese():
    set_lang("ja")
    yield
    set_lang(None)


@pytest.mark.parametrize(
    ("needs", "chosen", "method", "ruled_out"),
    [c[1:] for c in COMPANIES],
    ids=[c[0] for c in COMPANIES],
)
def test_companies(needs, chosen, method, ruled_out):
    found = recommend(needs)
    assert found.chosen == chosen
    if chosen:
        assert (found.options[0].approach, found.options[0].method) == (chosen, method)
        assert not found.options[0].blocked_by
        assert any(reason.effect == "for" for reason in found.options[0].reasons)
    blocked = {o.method or o.variant or o.approach: o.blocked_by for o in found.options}
    for road, why in ruled_out.items():
        assert why in blocked[road], (road, blocked)
    assert found.first_steps


@pytest.mark.parametrize("needs", [c[1] for c in COMPANIES], ids=[c[0] for c in COMPANIES])
def test_every_recommendation_is_complete(needs):
    found = recommend(needs, today=date(2026, 11, 23))
    assert found.review_by == "2027-05-01"
    assert found.knowledge == stamp()
    assert [o.rank for o in found.options] == list(range(1, len(found.options) + 1))
    open_first = [bool(o.blocked_by) for o in found.options]
    assert open_first == sorted(open_first), "ruled-out roads come last"
    for option in found.options:
        assert 0 <= option.confidence <= 0.951
        assert option.base_model
        assert all(r.text and r.sources for r in option.reasons if r.effect != "blocks")
        assert {r.rule for r in option.reasons if r.effect == "blocks"} == set(option.blocked_by)
        for estimate in option.estimates.values():
            assert estimate.low <= estimate.likely <= estimate.high
            assert estimate.unit
            assert estimate.basis
    document = as_document(found)
    keys = {"schema_version", "chosen", "review_by", "options", "changes_if", "unknowns"}
    assert keys | {"knowledge"} <= set(document)


def test_without_open_roads_nothing_is_recommended():
    needs = company(data(rewrites=500), vram_gib=12, goal="style_or_tone", deadline_days=0)
    found = recommend(needs)
    if all(option.blocked_by for option in found.options):
        assert found.chosen is None
    assert (found.chosen is None) == bool(found.options[0].blocked_by)


def test_reasons_cite_studies_and_those_that_disagree():
    found = recommend(company(HANDBOOK, vram_gib=23.5, goal="new_facts"))
    (reason,) = [r for r in found.options[0].reasons if r.rule == "facts-look-them-up"]
    assert any("arxiv.org/abs/2312.05934" in source for source in reason.sources)
    assert len(reason.sources) == len(set(reason.sources))
    assert "食い違う研究" in reason.text


def test_what_would_change_it_really_changes_it():
    """Each condition named is checked by asking again with that fact changed."""
    needs = company(TONE, vram_gib=11.7, goal="style_or_tone")
    estimator = Estimator()
    ranked = rank(needs, estimator)
    found = flips(needs, ranked, estimator)
    (fewer,) = [flip for flip in found if flip.fact == "n_examples"]
    assert recommend(replace(needs, n_examples=fewer.value)).chosen != "fine_tuning"
    assert recommend(needs).changes_if
    assert any(f"{fewer.value:,}" in text for text in recommend(needs).changes_if)


def test_a_missing_answer_that_could_turn_it_is_named_and_costs_certainty():
    vague = company(TONE, goal="style_or_tone", vram_gib=11.7)
    clear = replace(vague, unknowns=())
    assert recommend(vague).unknowns
    assert recommend(vague).options[0].confidence < recommend(clear).options[0].confidence


def test_both_languages_say_the_same_roads():
    needs = company(HANDBOOK, goal="new_facts", vram_gib=15)
    ja = recommend(needs)
    set_lang("en")
    en = recommend(needs)
    assert [o.approach for o in ja.options] == [o.approach for o in en.options]
    assert all(text.isascii() or "±" in text or "“" in text for text in en.first_steps)
    assert not any(text.isascii() for text in ja.first_steps)


def test_a_japanese_company_gets_a_japanese_base_of_a_size_that_fits():
    for vram_gib, largest in ((79, 15e9), (15, 9e9), (7.4, 9e9), (3, 4e9)):
        needs = company(TONE, vram_gib=vram_gib, goal="style_or_tone")
        first = recommend(needs).options[0]
        model = find_model(first.base_model)
        assert model is not None
        assert "ja" in model.languages
        assert model.params <= largest
        assert first.estimates["vram_gib"].high <= vram_gib


def test_code_gets_a_code_model_and_english_an_english_one():
    code = company(data(qa=2_000), vram_gib=23, goal="code", language="en")
    general = company(TONE, vram_gib=23, goal="style_or_tone", language="en")
    assert "code" in find_model(recommend(code).options[0].base_model).purposes
    assert "en" in find_model(recommend(general).options[0].base_model).languages


def test_no_model_is_offered_whose_licence_forbids_business():
    needs = company(data(rewrites=500), vram_gib=23, goal="style_or_tone", model="Qwen/Qwen2.5-3B")
    assert all("licence" in option.blocked_by for option in recommend(needs).options)
    for option in recommend(replace(needs, model=None)).options:
        assert "licence" not in option.blocked_by


def test_hosted_models_only_with_leave():
    asked = company(data(qa=800), goal="domain_reasoning", apis="yes", confidential="some")
    places = {option.place for option in recommend(asked).options}
    assert "api" in places
    kept = company(data(qa=800), goal="domain_reasoning", confidential="all")
    assert {option.place for option in recommend(kept).options} == {"local"}


# ---- What may never happen ---------------------------------------------------------------------


@st.composite
def companies(draw):
    documents = draw(st.sampled_from([0, 1, 50]))
    pairs = draw(st.sampled_from([0, 5, 60, 150, 300, 1_200, 6_000]))
    labels = draw(st.sampled_from([0, 10, 150, 2_000]))
    tokens = draw(st.sampled_from([1_000, 30_000, 3_000_000]))
    facts = data(
        documents=documents,
        qa=pairs,
        rewrites=pairs,
        labelled=labels,
        classes=min(labels, 5),
        tokens=tokens if documents else 0,
    )
    return company(
        facts,
        vram_gib=draw(st.sampled_from([0.0, 2.8, 7.4, 15.0, 47.0])),
        goal=draw(st.sampled_from(GOALS)),
        data__changes=draw(st.sampled_from(CHANGES)),
        citations=draw(st.sampled_from(["yes", "no"])),
    )


def open_roads(needs):
    return {item.road.key for item in rank(needs, Estimator()) if not item.blockers}


@settings(max_examples=25, deadline=None)
@given(companies(), st.sampled_from([3.0, 8.0, 24.0, 80.0]))
def test_more_memory_never_removes_an_option(needs, more):
    larger = replace(needs, vram_gib=max(needs.vram_gib, more), gpu="vram-80")
    assert open_roads(needs) <= open_roads(larger)


@settings(max_examples=25, deadline=None)
@given(companies(), st.sampled_from(["none", "colab", "cloud", "vram-12"]), st.booleans())
def test_stricter_confidentiality_never_adds_an_option(needs, gpu, apis):
    from companies import answers, machine

    from advisor.needs import needs as normalise

    def with_secrecy(level):
        given_ = {"apis": "yes"} if apis and level != "all" else {}
        found = answers(goal=needs.goal, gpu=gpu, confidential=level, data__path="data", **given_)
        return open_roads(normalise(found, machine(), needs.data))

    assert with_secrecy("all") <= with_secrecy("some") <= with_secrecy("none")


@settings(max_examples=25, deadline=None)
@given(companies(), st.integers(1, 20_000))
def test_more_examples_never_lower_tuning(needs, more):
    estimator = Estimator()

    def scores(n):
        ranked = rank(replace(needs, n_examples=n), estimator)
        return {i.road.key: i.score for i in ranked if i.road.approach == "fine_tuning"}

    before, after = scores(needs.n_examples or 0), scores((needs.n_examples or 0) + more)
    assert all(after[key] >= before[key] - 1e-9 for key in before)


def place(ranked, *approaches):
    """Where the first open road of these approaches stands; after everything if none is open."""
    open_ = [item.road.approach for item in ranked if not item.blockers]
    return next((at for at, one in enumerate(open_) if one in approaches), math.inf)


@settings(max_examples=60, deadline=None)
@given(companies(), st.integers(1, 20_000))
def test_more_examples_never_put_tuning_lower_in_a_recommendation(needs, more):
    """Alone or with retrieval; estimates stay, as a longer training may cost too much."""
    estimator, n = Estimator(), needs.n_examples or 0
    fewer = rank(replace(needs, n_examples=n), estimator)
    larger = rank(replace(needs, n_examples=n + more), estimator)
    tuned = ("fine_tuning", "hybrid")
    assert place(larger, *tuned) <= place(fewer, *tuned)
    open_ = {i.road.key for i in fewer if not i.blockers and i.road.approach in tuned}
    assert open_ <= {i.road.key for i in larger if not i.blockers}


@settings(max_examples=60, deadline=None)
@given(companies())
def test_faster_change_never_puts_retrieval_lower_in_a_recommendation(needs):
    estimator = Estimator()
    places = [place(rank(replace(needs, changes=changes), estimator), "rag") for changes in CHANGES]
    assert places == sorted(places, reverse=True)


@settings(max_examples=25, deadline=None)
@given(companies())
def test_faster_change_never_lowers_retrieval(needs):
    scores, estimator = [], Estimator()
    for changes in CHANGES:
        ranked = rank(replace(needs, changes=changes), estimator)
        scores += [item.score for item in ranked if item.road.approach == "rag"]
    assert scores == sorted(scores)


@settings(max_examples=20, deadline=None)
@given(companies())
def test_no_company_is_left_without_an_answer(needs):
    found = recommend(needs)
    assert found.options
    assert found.first_steps
    assert (found.chosen is None) or not found.options[0].blocked_by
    assert facts_of(needs)["goal"] == needs.goal


# ---- Roads that cannot be run yet, and pilots --------------------------------------------------


def test_every_road_is_ranked_and_says_whether_it_can_be_run():
    needs = company(
        data(documents=20, qa=300, tokens=30_000), vram_gib=23, goal="new_facts", apis="yes"
    )
    found = {(o.approach, o.method, o.variant): o.runnable for o in recommend(needs).options}
    assert found["prompting", None, "whole_corpus"]
    without_gpu = recommend(replace(needs, vram_gib=0.0))
    whole = next(o for o in without_gpu.options if o.variant == "whole_corpus")
    assert not whole.runnable, "the starter only repeats what it is given"
    assert found["prompting", None, "many_shot"] is False
    assert found["hybrid", None, None]
    assert found["rag", None, None]
    assert found["fine_tuning", "qlora", None]
    first = recommend(needs)
    assert (first.chosen, first.options[0].variant) == ("prompting", "whole_corpus")
    assert not any("okakae plan" in step for step in first.first_steps)
    says_what_to_run = any("okakae plan" in step for step in without_gpu.first_steps)
    assert says_what_to_run is not without_gpu.options[0].runnable


def test_pairs_alone_are_advised_to_be_searched_but_cannot_be_yet():
    needs = company(data(qa=20_000), goal="new_facts", data__changes="weekly", vram_gib=23)
    best = recommend(needs).options[0]
    assert (best.approach, best.runnable) == ("rag", False)


def test_a_pilot_where_a_costlier_road_leads_by_little():
    needs = company(data(rewrites=400), vram_gib=11.7, goal="style_or_tone")
    found = recommend(needs)
    assert found.chosen == "fine_tuning"
    assert found.pilot is not None
    assert found.pilot.compare == ("qlora", "few_shot")
    assert found.pilot.questions == questions_for(found.pilot.detectable_difference)
    assert found.pilot.cost_jpy is None or found.pilot.cost_jpy.low <= found.pilot.cost_jpy.high
    assert any(f"{found.pilot.questions}" in step for step in found.first_steps)
    assert as_document(found)["pilot"]["questions"] == found.pilot.questions


def test_no_pilot_where_the_evidence_separates_the_roads():
    clear = company(data(documents=900, tokens=5_000_000), goal="new_facts", data__changes="weekly")
    assert recommend(clear).pilot is None


@pytest.mark.parametrize(("difference", "questions"), [(0.1, 151), (0.2, 42), (0.05, 577)])
def test_questions_of_a_pilot(difference, questions):
    """(1.96 + 0.84)² · 0.42² / d², rounded up."""
    assert questions_for(difference) == questions


def test_a_small_classifier_needs_no_gpu_and_a_licence_for_business():
    needs = company(data(labelled=1_200, classes=12), goal="classification")
    best = recommend(needs).options[0]
    assert (best.method, best.blocked_by, best.runnable) == ("encoder", (), True)
    record = load("embedders")[best.base_model]
    assert load("licences")[record.licence].commercial == "yes"
    assert "ja" in record.languages
    assert best.estimates["hours"].high < 24, "a small encoder is trained on processors"
    assert best.estimates["ram_gib"].basis.startswith(("traced:bert", "formula:"))


def test_a_cheaper_hosted_model_where_the_dearest_breaks_the_budget():
    def model(budget):
        needs = company(
            data(documents=400, tokens=250_000),
            goal="new_facts",
            apis="yes",
            confidential="none",
            traffic_per_day=50_000,
            budget_jpy=budget,
        )
        (rag,) = [o for o in recommend(needs).options if o.approach == "rag"]
        return rag

    rich, poor = model(10_000_000_000), model(2_000_000)
    assert not rich.blocked_by
    assert not poor.blocked_by
    assert poor.estimates["cost_jpy"].low < rich.estimates["cost_jpy"].low


def test_examples_that_nobody_counted_make_tuning_less_sure():
    counted = company(data(rewrites=3_000), goal="style_or_tone", vram_gib=15)
    vague = replace(counted, data=None, n_examples=None)
    assert recommend(vague).options[0].confidence < recommend(counted).options[0].confidence


def test_the_base_model_is_given_with_size_and_licence():
    japanese = company(TONE, vram_gib=15, goal="style_or_tone")
    best = recommend(japanese).options[0]
    assert best.base_model in best.base_why
    assert "日本語向け" in best.base_why
