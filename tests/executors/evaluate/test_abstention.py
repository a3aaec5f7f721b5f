"""Declining is told from answering, in the words people and models use."""

from __future__ import annotations

import pytest

from executors.evaluate.abstention import is_refusal

DECLINES = [
    "資料には記載がありません。",
    "資料に記載はございません。",
    "その件は記載されていません。",
    "規程には書かれておりません。",
    "マニュアルには見当たりません",
    "申し訳ございませんが、分かりかねます。",
    "わかりません",
    "その点についてはわからないです。",
    "お答えできません。",
    "回答いたしかねます。",
    "資料からは確認できません。",
    "該当する情報はありません。",
    "不明です。",
    "記載なし",
    "記載がないため、担当部署にお問い合わせください。",
    "存じません。",
    "資料に記載がないので、お答えできかねます。",
    "The documents do not say.",
    "The document doesn't mention it.",
    "I don’t know.",
    "I cannot find that in the handbook.",
    "This is not mentioned in the rules.",
    "There is no information available on that.",
    "There is not enough information to answer.",
    "I am unable to answer this question.",
    "It is not covered by the documents.",
]
ANSWERS = [
    "",
    "3日前までに届け出てください。",
    "アンケートには社内ポータルから回答できます。",
    "窓口でお答えできます。",
    "ご不明な点は総務部へお問い合わせください。",
    "わからない場合は人事部に確認してください。",
    "お答えできません場合は折り返しご連絡します。",
    "問題はありません。",
    "規定に違反するものではありません。",
    "個人情報はありません。",
    "申請はいりません。",
    "領収書に記載が必要です。",
    "Cosmetic surgery is not covered.",
    "If you are unable to find your badge, call security.",
    "If I cannot answer, I will call back.",
    "If there is no answer in three days, ask again.",
    "The policy does not cover dental care.",
    "Yes, three days before.",
]


@pytest.mark.parametrize("text", DECLINES)
def test_declines(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_answers(text: str) -> None:
    assert not is_refusal(text)


def test_what_the_models_are_told_to_say_counts() -> None:
    from advisor.texts import t

    for lang, quotes in (("ja", "「」"), ("en", "“”")):
        told = t("prompt.qa.system", lang, labels="")  # type: ignore[arg-type]
        said = told.split(quotes[0])[1].split(quotes[1])[0]
        assert is_refusal(said)
