"""Whether an answer says that it does not know, in Japanese or English."""

from __future__ import annotations

import re
import unicodedata

# Each phrase stands for one way people and models decline; the list itself is tested.
_JA = (
    r"記載(?:が|は)?(?:ござい|あり)ません",
    r"記載され(?:てい|ており)?ません",
    r"書かれて(?:い|おり)?ません",
    r"(?:資料|規程|規定|文書|マニュアル)(?:の中)?に(?:は)?(?:見つかり|見当たり|あり|ござい)ません",
    r"(?:わかり|分かり|判り)(?:かね|ません)",
    r"(?:お答え|回答)(?:でき|いたしかね|しかね)",
    r"情報(?:が|は)(?:ござい|あり|見つかり)ません",
    r"定め(?:が|は|られて)(?:ござい|あり|い)?ません",
    r"不明です",
    r"記載なし",
)
_EN = (
    r"(?:documents?|papers?|rules?|manuals?|context|passages?) do(?:es)? not"
    r" (?:say|mention|state|contain|cover)",
    r"(?:is|are) not (?:mentioned|stated|covered|specified|documented)",
    r"i (?:do not|don't|cannot|can't) (?:know|say|answer|find|tell)",
    r"no (?:information|mention|answer) (?:is |was )?(?:available|found|given|in)",
    r"not (?:enough|sufficient) information",
    r"unable to (?:answer|find)",
)
_REFUSAL = re.compile("|".join((*_JA, *_EN)))


def is_refusal(answer: str) -> bool:
    """Whether the answer declines; an empty answer does not count as saying so."""
    text = unicodedata.normalize("NFKC", answer).lower()
    return bool(_REFUSAL.search(re.sub(r"\s+", " ", text)))
