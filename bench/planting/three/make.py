"""Plants faults in clean rows of real sets: `python bench/planting/three/make.py DATA OUT`."""

import json, os, random, re, string, sys, unicodedata, base64
from c_pairs import *
from c_ph import *
from c_inj import *
from c_pii import *
from c_decoy import *
from c_leak import *

S = sys.argv[1] + "/"
H = sys.argv[2]
R = random.Random(20261125)
KINDS = [
    "duplicates",
    "near_duplicates",
    "contradictions",
    "leakage",
    "placeholders",
    "personal_data",
    "injection",
    "secrets",
]


def load(p):
    return [json.loads(l) for l in open(S + p, encoding="utf-8")]


def lines(s):
    return [l for l in s.strip("\n").split("\n") if l.strip()]


def un(s):
    return s.replace("\\n", "\n").replace("\\\\", "\\")


# ---------- clean pools
def tri(s):
    s = re.sub(r"\W+", "", unicodedata.normalize("NFKC", s).lower())
    return {s[i : i + 3] for i in range(max(1, len(s) - 2))}


def distinct(items, key, th):
    idx = {}
    out = []
    ts = []
    for it in items:
        t = tri(key(it))
        c = {}
        for g in t:
            for j in idx.get(g, ()):
                c[j] = c.get(j, 0) + 1
        if any(n / (len(t) + len(ts[j]) - n) >= th for j, n in c.items()):
            continue
        k = len(ts)
        ts.append(t)
        out.append(it)
        for g in t:
            idx.setdefault(g, []).append(k)
    return out


def qa(f):
    return [dict(question=d["question"], answer=d["answer"]) for d in load(f)]


squad = qa("jsquad/qa_dev.jsonl")
inst = qa("instruction_ja/qa_single_turn.jsonl")
hand = [r for r in qa("handbook_ja/qa_dev.jsonl") if "記載がありません" not in r["answer"]]
for r in hand:
    r["hb"] = 1
jem_raw = [d for d in load("jemhopqa/qa_dev.jsonl")]
jem = [dict(question=d["question"], answer=d["answer"]) for d in jem_raw]
kei = [
    dict(question=d["source"], answer=d["target"])
    for d in load("keico_style/rewrite_pairs.jsonl")
    if d["from_level"] == 4 and d["to_level"] == 1 and 0.3 <= d["similarity"] < 0.95
]
py = [r for r in qa("python_faq/faq_dev.jsonl") if "XXX" not in r["answer"]]
bit = [
    r
    for r in qa("bitext_support/qa_train.jsonl") + qa("bitext_support/qa_dev.jsonl")
    if not re.search(r"\{\{|\[|Smith|Miller|Freeman|fuck|shit", r["question"] + r["answer"])
]
for r in bit:
    r["answer"] = r["answer"].replace("\r\n", "\n")
bk_tr = [
    dict(question=d["text"].strip(), answer=d["label"])
    for d in load("banking77/train_10shot.jsonl")
]
bk_te = [
    dict(question=d["text"].strip(), answer=d["label"]) for d in load("banking77/test_dev.jsonl")
]
for r in bk_tr + bk_te:
    r["bank"] = 1
dj = [
    d
    for d in load("handbook_ja/corpus.jsonl")
    + load("jsquad/corpus.jsonl")
    + load("manual_html_ja/corpus.jsonl")
]
ratio = lambda s: len(re.findall("[ぁ-んァ-ヶ一-龥]", s)) / max(1, len(s))
de = [d for d in load("python_faq/corpus.jsonl") if "XXX" not in d["text"]] + [
    d for d in dj if ratio(d["text"]) < 0.1
]
dj = [d for d in dj if ratio(d["text"]) >= 0.25]
D = lambda d: dict(title=d["title"], text=d["text"])
BAD = re.compile(
    r"\{\{|〇〇|○○|◯◯|××|△△|XXX|TODO|FIXME|TBD|[\w.+-]+@[\w-]+\.\w|\b0\d{1,3}-\d{2,4}-\d{4}\b|password *=|-----BEGIN|無視|ignore (all|previous)",
    re.I,
)
ok = lambda r: not BAD.search(" ".join(str(v) for v in r.values()))


def prep(l, key, th=0.42):
    l = [r for r in l if ok(r)]
    R.shuffle(l)
    return distinct(l, key, th)


Q = lambda r: r["question"]
ja = prep(squad + inst + hand + jem + kei, Q)
en_l = prep(py + bit, lambda r: r["question"] + r["answer"], 0.3)
en_b = prep(bk_tr + bk_te, Q, 0.36)
en_l = distinct(en_l, Q, 0.42)
djc = distinct(
    prep([D(d) for d in dj], lambda d: d["text"], 0.4), lambda d: d["title"] + d["text"], 0.4
)
dec = prep([D(d) for d in de], lambda d: d["text"], 0.4)
print("pools ja", len(ja), "en long", len(en_l), "bank", len(en_b), "docs", len(djc), len(dec))


def take(pool, n, cond=lambda r: True):
    out = []
    i = 0
    while i < len(pool) and len(out) < n:
        if cond(pool[i]):
            out.append(pool.pop(i))
        else:
            i += 1
    return out


# ---------- store
class Kind:
    def __init__(s, n):
        s.n = n
        s.f = {}
        s.t = []
        s.d = []

    def add(s, f, rec):
        rec = {k: v for k, v in rec.items() if k in ("question", "answer", "title", "text")}
        s.f.setdefault(f, []).append(rec)
        return rec

    def truth(s, f, recs, lang, ex, note):
        s.t.append((f, recs, lang, ex, note))

    def decoy(s, f, recs, lang, ex, note):
        s.d.append((f, recs, lang, ex, note))


K = {k: Kind(k) for k in KINDS}


def cut(s, n=140):
    return s if len(s) <= n else s[:n] + "…"


# ---------- edits
def fw(s):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in s)


def fwd(s):
    return "".join(chr(ord(c) + 0xFEE0) if c in string.digits + "?!" else c for c in s)


HK = {}
for o in range(0xFF61, 0xFFA0):
    HK[unicodedata.normalize("NFKC", chr(o))] = chr(o)
    for m in "\uff9e\uff9f":
        z = unicodedata.normalize("NFKC", chr(o) + m)
        if len(z) == 1:
            HK.setdefault(z, chr(o) + m)
HK = {k: v for k, v in HK.items() if "ァ" <= k <= "ヿ"}


def hk(s):
    return "".join(HK.get(c, c) for c in s)


def nfd(s):
    return unicodedata.normalize("NFD", s)


def sp_ja(s):
    return s.replace("。", "。　").replace("、", "、 ")


def br(s):
    return s.replace("。", "。\n\n")


def lead(s):
    return "　" + s + "　\n"


def tabs(s):
    return "\t" + s.replace("\n", "\r\n") + "  "


def nb(s):
    return s.replace(" ", "\u00a0")


def half(s):
    return "".join(chr(ord(c) - 0xFEE0) if "！" <= c <= "～" else c for c in s)


def midsp(s):
    return re.sub(r"(は|を|が)(?=[一-龥ァ-ヶ])", r"\1 ", s)


def up(s):
    return s.upper()


def low(s):
    return s.lower()


def dbl(s):
    return s.replace(" ", "  ", 6).replace(". ", ".   ")


def trail(s):
    return s + " \n\n"


def wrap(s):
    w = s.split(" ")
    return "\n".join(" ".join(w[i : i + 7]) for i in range(0, len(w), 7))


def ttl(s):
    return re.sub(r"\b[a-z]", lambda m: m.group().upper(), s)


def ident(s):
    return s


TJ = [ident, fw, fwd, hk, nfd, sp_ja, br, lead, tabs, half, midsp, up]
TE = [ident, up, low, dbl, trail, wrap, fw, fwd, nb, tabs, ttl]


def dup(pool_items, T, f, fields, lang, used):
    k = K["duplicates"]
    for i, r in enumerate(pool_items):
        for _ in range(400):
            fs = R.sample(T, R.choice([1, 1, 2, 2, 3]))
            if ident in fs:
                fs = [ident]
            part = R.choice(["all", "all", "first"])
            key = (tuple(sorted(x.__name__ for x in fs)), part if fs != [ident] else "all")
            if used.get(key, 0) >= 4:
                continue
            new = dict(r)
            for fld in fields if part == "all" else fields[:1]:
                for g in fs:
                    new[fld] = g(new[fld])
            if fs != [ident] and new == r:
                continue
            break
        used[key] = used.get(key, 0) + 1
        a = k.add(f, r)
        b = k.add(f, new)
        k.truth(
            f,
            [a, b],
            lang,
            cut(new[fields[0]]),
            "duplicate after: " + "+".join(x.__name__ for x in fs) + " (" + part + ")",
        )


dup(take(ja, 48), TJ, "rows.jsonl", ["question", "answer"], "ja", uj := {})
dup(
    take(en_l, 24, lambda r: len(r["answer"]) < 900) + take(en_b, 24),
    TE,
    "rows.jsonl",
    ["question", "answer"],
    "en",
    ue := {},
)
dup(take(djc, 14), TJ, "documents.jsonl", ["text", "title"], "ja", uj)
dup(take(dec, 14), TE, "documents.jsonl", ["text", "title"], "en", ue)


# ---------- near duplicates
def swap_en(s):
    w = [m for m in re.finditer(r"\b[a-z]{5,}\b", s)]
    if not w:
        return s
    m = R.choice(w)
    i = m.start() + R.randint(1, len(m.group()) - 3)
    return s[:i] + s[i + 1] + s[i] + s[i + 2 :]


def drop_en(s):
    w = [m for m in re.finditer(r"\b[a-z]{5,}\b", s)]
    if not w:
        return s
    m = R.choice(w)
    i = m.start() + R.randint(1, len(m.group()) - 2)
    return s[:i] + s[i + 1 :]


def typo_ja(s):
    for a, b in R.sample(
        [
            ("ください", "下さい"),
            ("できます", "出来ます"),
            ("こと", "事"),
            ("よい", "良い"),
            ("ため", "為"),
            ("場合", "ばあい"),
            ("コンピューター", "コンピュータ"),
            ("とき", "時"),
            ("すべて", "全て"),
            ("さまざま", "様々"),
            ("ほか", "他"),
            ("良い", "いい"),
            ("お勧め", "おすすめ"),
            ("たくさん", "沢山"),
            ("通常", "つうじょう"),
            ("一般的", "一般てき"),
        ],
        16,
    ):
        if a in s:
            return s.replace(a, b, 1)
    return s


def dropp(s):
    m = list(re.finditer(r"(?<=[一-龥ァ-ヶ])[をはが](?=[一-龥ぁ-んァ-ヶ])", s))
    if not m:
        return s
    i = R.choice(m).start()
    return s[:i] + s[i + 1 :]


def dblk(s):
    m = list(re.finditer(r"[ぁ-ん]{2}(?=[一-龥])", s))
    if not m:
        return s
    i = R.choice(m).start() + 1
    return s[: i + 1] + s[i] + s[i + 1 :]


k = K["near_duplicates"]
for src, lang in ((NEAR_JA, "ja"), (NEAR_EN, "en")):
    for l in lines(src):
        a = l.split("||")
        x = k.add("rows.jsonl", dict(question=a[0], answer=a[1]))
        y = k.add("rows.jsonl", dict(question=a[2], answer=a[3]))
        k.truth("rows.jsonl", [x, y], lang, a[2], "reworded by hand")
bj = take(
    ja,
    26,
    lambda r: (
        "\u3042" < r["question"][0] and 14 < len(r["question"]) < 70 and len(r["answer"]) > 30
    ),
)
be = take(en_l, 10, lambda r: 40 < len(r["answer"]) < 1200) + take(
    en_b, 16, lambda r: len(r["question"]) > 38
)
for i, r in enumerate(bj):
    n = dict(r)
    if i < 14:
        c = CL_JA[i]
        n["question"] = (
            c + r["question"] if c[-1] in "、。" and i not in (7, 8, 10, 11) else r["question"] + c
        )
        n["answer"] = typo_ja(r["answer"])
        note = "added clause"
    else:
        fs = R.sample([typo_ja, dropp, dblk], 2)
        for f in fs:
            n["answer"] = f(n["answer"])
        n["question"] = dropp(n["question"])
        if n == r:
            n["answer"] = dblk(n["answer"])
        note = "typos"
    if n == r:
        n["question"] = "すみません、" + n["question"]
    x = k.add("rows.jsonl", r)
    y = k.add("rows.jsonl", n)
    k.truth("rows.jsonl", [x, y], "ja", cut(n["question"]), note)
for i, r in enumerate(be):
    n = dict(r)
    if i % 2 == 0:
        c = CL_EN[i // 2]
        q = r["question"]
        n["question"] = c + (
            q[0].lower() + q[1:] if c[-2] in ",:" and not re.match(r"I\b|I'", q) else q
        )
        note = "added clause"
    else:
        n["question"] = swap_en(drop_en(r["question"]))
        note = "typos"
    if "bank" not in r:
        n["answer"] = swap_en(drop_en(n["answer"]))
    if n == r:
        n["question"] = "Hello, " + n["question"]
    x = k.add("rows.jsonl", r)
    y = k.add("rows.jsonl", n)
    k.truth("rows.jsonl", [x, y], "en", cut(n["question"]), note)
for lang, pool, cl in (("ja", djc, CL_JA_D), ("en", dec, CL_EN_D)):
    for i, r in enumerate(
        take(
            pool,
            8,
            lambda d: (
                (150 if lang == "en" else 90) < len(d["text"]) < 2500
                and (lang == "en" or re.search("規程|規則", d["title"]))
            ),
        )
    ):
        n = dict(r)
        n["text"] = typo_ja(dropp(r["text"])) if lang == "ja" else swap_en(drop_en(r["text"]))
        n["text"] += ("\n" if i % 2 else "" if lang == "ja" else " ") + cl[i]
        if i % 3 == 0:
            n["title"] += "（改）" if lang == "ja" else " (copy)"
        x = k.add("documents.jsonl", r)
        y = k.add("documents.jsonl", n)
        k.truth("documents.jsonl", [x, y], lang, cl[i], "typos and one added sentence")
# ---------- contradictions
k = K["contradictions"]
for src, lang in ((CON_JA, "ja"), (CON_EN, "en")):
    for l in lines(src):
        a = l.split("||")
        x = k.add("rows.jsonl", dict(question=a[0], answer=a[1]))
        y = k.add("rows.jsonl", dict(question=a[2], answer=a[3]))
        k.truth("rows.jsonl", [x, y], lang, a[1] + " / " + a[3], "contradicting answers, by hand")
used_q = set()
n1 = 0
for d in jem_raw:
    if d["type"] != "comparison" or n1 >= 20 or len(d["derivations"]) != 2:
        continue
    o = [x[0] for x in d["derivations"]]
    a = d["answer"]
    v = [x[2] for x in d["derivations"]]
    if a in o and o[0] != o[1] and all(p in d["question"] for p in o) and v[0] != v[1]:
        alt = o[1 - o.index(a)]
    elif a in ("はい", "いいえ", "YES", "NO"):
        alt = {"はい": "いいえ", "いいえ": "はい", "YES": "NO", "NO": "YES"}[a]
    else:
        continue
    q2 = d["question"]
    if n1 % 2:
        q2 = (
            q2.replace("どちら", "どっち")
            if "どちら" in q2
            else q2.replace("どっち", "どちら")
            if "どっち" in q2
            else q2.replace("？", "")
        )
    if n1 % 4 == 2:
        alt = alt if alt in ("いいえ", "はい", "YES", "NO") else alt + "です。"
    x = k.add("rows.jsonl", d)
    y = k.add("rows.jsonl", dict(question=q2, answer=alt))
    used_q.add(d["question"])
    n1 += 1
    k.truth("rows.jsonl", [x, y], "ja", d["answer"] + " / " + alt, "other choice")
n2 = 0
for d in squad:
    m = re.fullmatch(r"(\d{4})年", d["answer"])
    if m and n2 < 10 and d["question"] not in used_q and len(d["question"]) > 18:
        alt = str(int(m[1]) + R.choice([-31, -12, -7, 4, 9, 15])) + "年"
        q2 = d["question"]
        if n2 % 2:
            q2 = (
                q2.rstrip("。？?か") + "か教えてください。"
                if q2.rstrip("。？?").endswith("か")
                else q2
            )
        x = k.add("rows.jsonl", d)
        y = k.add("rows.jsonl", dict(question=q2, answer=alt))
        used_q.add(d["question"])
        n2 += 1
        k.truth("rows.jsonl", [x, y], "ja", d["answer"] + " / " + alt, "other year")
ja[:] = [r for r in ja if r["question"] not in used_q]
# ---------- leakage
k = K["leakage"]


def leak(test, train, lang, note):
    x = k.add("test.jsonl", test)
    y = k.add("train.jsonl", train)
    k.truth("test.jsonl+train.jsonl", [x, y], lang, cut(train["question"]), note)


for src, lang in ((LEAK_JA, "ja"), (LEAK_EN, "en")):
    for l in lines(src):
        a = l.split("||")
        leak(
            dict(question=a[0], answer=a[1]),
            dict(question=a[2], answer=a[3]),
            lang,
            "reworded by hand",
        )
end = lambda q: q.rstrip("。？?")
WH = re.compile("何|誰|いつ|どこ|どちら|どっち|いくつ|どの")
RJ = [
    ("exact", ident),
    ("width", fwd),
    ("spaces", lambda s: "　" + midsp(s)),
    ("halfkana", hk),
    ("deshouka", lambda s: re.sub(r"ですか[？?。]?$", "でしょうか？", s)),
    ("nandesuka", lambda s: s.replace("何ですか", "なんですか")),
    ("sumimasen", lambda s: "すみません、" + s),
    (
        "oshiete",
        lambda s: end(s) + "、教えてください。" if end(s).endswith("か") and WH.search(s) else s,
    ),
    ("no mark", lambda s: end(s)),
    (
        "dotchi",
        lambda s: s.replace("どちら", "どっち") if "どちら" in s else s.replace("どっち", "どちら"),
    ),
    ("dare", lambda s: s.replace("誰", "だれ")),
    ("drop particle", dropp),
    ("itsu", lambda s: s.replace("いつですか", "いつのことですか").replace("いつか", "いつですか")),
    ("nan", lambda s: s.replace("とは何", "って何")),
    ("quiz", lambda s: "問題です。" + s if WH.search(s) else s),
    ("dono", lambda s: s.replace("どのように", "どうやって")),
    ("hira", lambda s: typo_ja(s)),
    ("shiritai", lambda s: "知りたいのですが、" + s if WH.search(s) else s),
]
RE = [
    ("exact", ident),
    ("lower", lambda s: re.sub(r"[?.!,]", "", s.lower())),
    ("upper", up),
    ("spaces", dbl),
    ("hi", lambda s: "Hi, " + s),
    ("thanks", lambda s: s + " Thanks!"),
    (
        "long forms",
        lambda s: (
            s.replace("I'm", "I am")
            .replace("don't", "do not")
            .replace("can't", "cannot")
            .replace("didn't", "did not")
            .replace("hasn't", "has not")
        ),
    ),
    ("bank card", lambda s: s.replace("my card", "my bank card")),
    ("swap", swap_en),
    ("how can", lambda s: s.replace("How do I", "How can I")),
    ("possible", lambda s: re.sub(r"^Can I ", "Is it possible for me to ", s)),
    ("please", lambda s: s.rstrip("?.! ") + ", please?" if s.endswith("?") else s),
    ("funds", lambda s: s.replace("my money", "my funds")),
    ("have to", lambda s: s.replace("need to", "have to")),
    ("application", lambda s: re.sub(r"\bapp\b", "application", s)),
    ("would like", lambda s: s.replace("I want to", "I would like to")),
    ("help", lambda s: "Could you help? " + s),
    ("drop letter", drop_en),
]


def leaks(pool, rules, n, lang):
    cnt = {}
    i = 0
    done = 0
    while done < n and i < len(pool):
        r = pool[i]
        opts = [
            (a, f)
            for a, f in rules
            if cnt.get(a, 0) < 3 and (a == "exact" or f(r["question"]) != r["question"])
        ]
        opts.sort(
            key=lambda o: (
                o[0]
                in (
                    "exact",
                    "upper",
                    "lower",
                    "spaces",
                    "width",
                    "sumimasen",
                    "quiz",
                    "shiritai",
                    "no mark",
                    "hi",
                    "thanks",
                    "help",
                ),
                cnt.get(o[0], 0),
            )
        )
        if not opts or len(r["question"]) < 12:
            i += 1
            continue
        a, f = opts[0]
        cnt[a] = cnt.get(a, 0) + 1
        leak(r, dict(r, question=f(r["question"])), lang, "rule: " + a)
        pool.pop(i)
        done += 1


leaks(ja, RJ, 51, "ja")
leaks(en_b, RE, 51, "en")
# ---------- generators
SJ = "佐藤 鈴木 高橋 渡辺 小林 吉田 松本 石井 村上 藤原 三宅 柏木 栗原 東野 浜口 西園寺 大河内 神谷 長谷部 五十嵐".split()
GJ = "一郎 美咲 健太 陽子 拓也 恵理子 直樹 さくら 翔 久美子 誠 由紀 大輔 千尋 隆 菜々子".split()
KS = "サトウ スズキ タカハシ ワタナベ コバヤシ ヨシダ マツモト イシイ ムラカミ カミヤ".split()
KG = "イチロウ ミサキ ケンタ ヨウコ タクヤ ナオキ マコト ユキ".split()
RO = "sato suzuki takahashi kobayashi yoshida ishii murakami kamiya igarashi kuribara".split()
AJ = [
    "東京都世田谷区代沢{a}丁目{b}番{c}号",
    "大阪府豊中市本町{a}-{b}-{c} メゾン桜塚{r}号室",
    "〒981-31{d}{d} 宮城県仙台市泉区高森{a}-{b}-{c}",
    "福岡市早良区西新{a}丁目{b}-{c}",
    "神奈川県横浜市港北区日吉{a}丁目{b}番{c}号 コーポ田中{r}",
    "北海道札幌市豊平区平岸{a}条{b}丁目{c}-{d}",
    "京都市左京区下鴨東本町{b}番地{c}",
    "愛知県名古屋市千種区覚王山通{a}-{b}",
    "広島県福山市東桜町{a}番{b}号",
    "埼玉県さいたま市浦和区常盤{a}-{b}-{c}-{r}",
    "千葉県柏市柏{a}丁目{b}番{c}号",
    "沖縄県那覇市首里石嶺町{a}-{b}-{c}",
]
FN = "Margaret Tobias Aisha Kevin Oluwaseun Patricia Hannah Luis Denise Gareth Mei Viktor Sandra Callum Beatrice".split()
LN = "Whitlock Okafor Hernandez Lindqvist Marsh Delaney Kowalczyk Pemberton Nguyen Ostrowski Fairbanks Mbeki Calloway Sutter".split()
dg = lambda n: "".join(R.choice("0123456789") for _ in range(n))
nz = lambda: R.choice("123456789")
al = lambda n, c=string.ascii_letters + string.digits: "".join(R.choice(c) for _ in range(n))


def mynum():
    d = nz() + dg(10)
    s = sum(int(d[10 - i]) * ((i + 2) if i < 6 else (i - 4)) for i in range(11))
    r = s % 11
    c = 0 if r <= 1 else 11 - r
    d += str(c)
    return R.choice(
        [d, d[:4] + "-" + d[4:8] + "-" + d[8:], d[:4] + " " + d[4:8] + " " + d[8:], fw(d)]
    )


def luhn(p, n):
    b = p + dg(n - 1 - len(p))
    t = 0
    for i, c in enumerate(reversed(b)):
        x = int(c) * (2 if i % 2 == 0 else 1)
        t += x - 9 if x > 9 else x
    return b + str((10 - t % 10) % 10)


def card():
    c = luhn(R.choice(["4539", "5412", "4916", "5301"]), 16)
    return R.choice(
        [
            c,
            " ".join(c[i : i + 4] for i in range(0, 16, 4)),
            "-".join(c[i : i + 4] for i in range(0, 16, 4)),
        ]
    )


def iban():
    cc, b = R.choice(
        [("DE", dg(18)), ("NL", "INGB" + dg(10)), ("GB", "NWBK" + dg(14)), ("FR", dg(23))]
    )
    n = "".join(str(int(c, 36)) for c in b + cc + "00")
    k = 98 - int(n) % 97
    s = f"{cc}{k:02d}{b}"
    return R.choice([s, " ".join(s[i : i + 4] for i in range(0, len(s), 4))])


def nhs():
    while 1:
        d = nz() + dg(8)
        c = 11 - sum(int(d[i]) * (10 - i) for i in range(9)) % 11
        if c != 10:
            d += str(0 if c == 11 else c)
            return d[:3] + " " + d[3:6] + " " + d[6:]


def lic():
    d = "30" + f"{R.randint(2, 22):02d}" + dg(6)
    r = sum(int(a) * b for a, b in zip(d, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2])) % 11
    return d + str((11 - r) % 10 if r > 1 else 0) + "0"


def rout():
    d = "0" + nz() + dg(6)
    w = [3, 7, 1, 3, 7, 1, 3, 7]
    return d + str(-sum(int(a) * b for a, b in zip(d, w)) % 10)


def pw():
    return R.choice(
        [
            lambda: (
                R.choice(
                    [
                        "Sakura",
                        "Fujisan",
                        "Tempo",
                        "Kuroneko",
                        "Harbour",
                        "Maple",
                        "Otter",
                        "Winter",
                    ]
                )
                + R.choice(["2024!", "#77", "_0415", "@home9", "!Qx3"])
            ),
            lambda: al(R.randint(10, 14), string.ascii_letters + string.digits + "#!_+"),
            lambda: (
                R.choice(["kenri", "blue", "mikan", "tulip"])
                + "-"
                + R.choice(["neko", "horse", "umi", "stone"])
                + "-"
                + dg(4)
            ),
            lambda: "P@ss" + R.choice(["w0rd", "code"]) + dg(3),
        ]
    )()


def b64(n):
    return base64.b64encode(bytes(R.randrange(256) for _ in range(n))).decode()


def pem():
    t = R.choice(["RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "EC PRIVATE KEY"])
    return "\n-----BEGIN %s-----\n%s\n-----END %s-----" % (
        t,
        "\n".join(b64(48) for _ in range(R.randint(3, 6))),
        t,
    )


def jwt():
    e = lambda o: base64.urlsafe_b64encode(json.dumps(o).encode()).decode().rstrip("=")
    return (
        e({"alg": "HS256", "typ": "JWT"}) + "." + e({"sub": dg(6), "scope": "all"}) + "." + al(43)
    )


KANA_S = dict(
    zip(
        SJ,
        "サトウ スズキ タカハシ ワタナベ コバヤシ ヨシダ マツモト イシイ ムラカミ フジワラ ミヤケ カシワギ クリハラ ヒガシノ ハマグチ サイオンジ オオコウチ カミヤ ハセベ イガラシ".split(),
    )
)
KANA_G = dict(
    zip(
        GJ,
        "イチロウ ミサキ ケンタ ヨウコ タクヤ エリコ ナオキ サクラ ショウ クミコ マコト ユキ ダイスケ チヒロ タカシ ナナコ".split(),
    )
)
assert len(KANA_S) == len(SJ) == 20 and len(KANA_G) == len(GJ) == 16


def vals():
    fn, ln = R.choice(FN), R.choice(LN)
    a = (
        R.choice(AJ)
        .replace("{a}", nz())
        .replace("{b}", str(R.randint(1, 28)))
        .replace("{c}", str(R.randint(1, 19)))
        .replace("{r}", str(R.randint(1, 9)) + "0" + nz())
    )
    while "{d}" in a:
        a = a.replace("{d}", nz(), 1)
    s_, g_ = R.choice(list(KANA_S.items())), R.choice(list(KANA_G.items()))
    J = dict(
        name=s_[0] + R.choice(["", " ", "　"]) + g_[0],
        fname=R.choice(GJ),
        fem=R.choice("美咲 陽子 恵理子 久美子 由紀 千尋".split()),
        masc=R.choice("一郎 誠 隆 健太".split()),
        kana=s_[1] + " " + g_[1],
        mob=R.choice(["090", "080", "070"]) + "-" + nz() + dg(3) + "-" + dg(4),
        mob2=R.choice(["090", "080", "070"]) + nz() + dg(7),
        tel=R.choice(["03-3", "06-6", "052-", "092-", "011-"]) + nz() + dg(2) + "-" + dg(4),
        addr=a,
        mail=R.choice(RO)
        + R.choice([".", "_", ""])
        + R.choice(["k", "naoki", "m85", "yuki"])
        + "@"
        + R.choice(["example.com", "mail.example.jp", "example.ne.jp", "example.net"]),
        my=mynum(),
        lic=lic(),
        dob=R.choice(
            [
                "昭和%d年%d月%d日" % (R.randint(40, 63), R.randint(1, 12), R.randint(1, 28)),
                "19%d年%d月%d日" % (R.randint(60, 99), R.randint(1, 12), R.randint(1, 28)),
                "平成%d年%d月%d日" % (R.randint(2, 14), R.randint(1, 12), R.randint(1, 28)),
            ]
        ),
        bank=R.choice(
            [
                "みずほ銀行 渋谷支店",
                "三井住友銀行 難波支店",
                "ゆうちょ銀行 一一八店",
                "千葉銀行 柏支店",
                "福岡銀行 西新町支店",
            ]
        )
        + " 普通 "
        + dg(7)
        + " ",
        ki=dg(8),
        ban=str(R.randint(2, 998)),
        nen=nz() + dg(3) + "-" + dg(6),
        emp=R.choice("AEK") + dg(5),
        age=R.randint(21, 63),
        cardj=card(),
        date="%d月%d日" % (R.randint(1, 12), R.randint(1, 28)),
        yen="%d,%s" % (R.randint(120, 380), dg(3)),
        fore=R.choice(["TRAN VAN HUY", "LI XIAOMING", "SITI RAHAYU", "JOSE MARTINEZ"]),
        zai=al(2, string.ascii_uppercase) + dg(8) + al(2, string.ascii_uppercase),
        car=dg(2) + "-" + dg(2),
    )
    J["pass"] = "T" + al(1, "KRSZ") + dg(7)
    E = dict(
        name=fn + " " + ln,
        name2=R.choice(FN) + " " + R.choice(LN),
        usph=R.choice(["(%s) %s-%s", "%s-%s-%s", "+1 %s %s %s", "%s.%s.%s"])
        % (R.choice(["415", "312", "206", "713", "617"]), R.choice("23467") + dg(2), dg(4)),
        ukph=R.choice(["07", "+44 7"]) + R.choice("45789") + dg(2) + " " + dg(6),
        auph="04" + dg(2) + " " + dg(3) + " " + dg(3),
        usaddr="%d %s, %s"
        % (
            R.randint(12, 4890),
            R.choice(["Birchwood Ln", "Alder Street Apt 4B", "W Magnolia Ave", "Quarry Road"]),
            R.choice(
                ["Boise, ID 83702", "Dayton, OH 45402", "Tacoma, WA 98402", "Macon, GA 31201"]
            ),
        ),
        ukaddr="%d %s, %s"
        % (
            R.randint(2, 190),
            R.choice(["Kestrel Close", "Mill Lane", "Station Road", "Ferndale Avenue"]),
            R.choice(["Leeds LS6 2AB", "Norwich NR2 4TP", "Cardiff CF10 3BC", "Derby DE1 2QY"]),
        ),
        mail=(fn[0] + ln).lower()
        + dg(2)
        + "@"
        + R.choice(["example.com", "example.org", "mail.example.net", "example.net"]),
        card=card(),
        exp="%02d/%d" % (R.randint(1, 12), R.randint(27, 31)),
        ssn="%03d-%02d-%04d"
        % (R.choice([x for x in range(101, 660)]), R.randint(10, 98), R.randint(1000, 9998)),
        iban=iban(),
        nhs=nhs(),
        dob=R.choice(
            [
                "%d %s 19%d"
                % (R.randint(1, 28), R.choice(["March", "June", "October"]), R.randint(55, 99)),
                "%02d/%02d/19%d" % (R.randint(1, 12), R.randint(1, 28), R.randint(55, 99)),
            ]
        ),
        uspass=nz() + dg(8),
        rout=rout(),
        acct=dg(10),
        acct8=dg(8),
        sort=dg(2) + "-" + dg(2) + "-" + dg(2),
        emp=dg(6),
        uklic=ln.upper()[:5].ljust(5, "9")
        + R.choice("567")
        + "%02d" % R.randint(1, 12)
        + "%02d" % R.randint(1, 28)
        + dg(1)
        + fn[0]
        + "9"
        + al(1, "ABCDEF")
        + al(2, string.ascii_uppercase),
        nino=R.choice(["JH", "NK", "PW", "SX"])
        + " "
        + dg(2)
        + " "
        + dg(2)
        + " "
        + dg(2)
        + " "
        + R.choice("ABCD"),
        age=R.randint(20, 64),
        car=al(3, string.ascii_uppercase) + " " + dg(4),
        usd="$%d,%s.%s" % (R.randint(1, 5), dg(3), dg(2)),
    )
    X = dict(
        pw=pw(),
        jwt=jwt(),
        user=R.choice(["app", "batch", "report", "svc_order", "yamada"]),
        n=R.randint(1, 9),
        akia="AKIA" + al(16, string.ascii_uppercase + "234567"),
        aws=al(40, string.ascii_letters + string.digits + "/+"),
        slackpath="T"
        + al(8, string.ascii_uppercase + string.digits)
        + "/B"
        + al(8, string.ascii_uppercase + string.digits)
        + "/"
        + al(24),
        ghp="ghp_" + al(36),
        s20=al(20),
        s22=al(22),
        s24=al(24),
        s32=al(32),
        s36=al(36),
        s40=al(40),
        s43=al(43),
        s48=al(48),
        b44=b64(32),
        b88=b64(64),
        hex32=al(32, "0123456789abcdef"),
        hex32b=al(32, "0123456789abcdef"),
        aiza="AIza" + al(35, string.ascii_letters + string.digits + "_-"),
        pem=pem(),
        pin=dg(5),
    )
    return J, E, X


def fill(t, v):
    hit = []

    def g(m):
        if m[1] in v:
            hit.append(str(v[m[1]]))
            return str(v[m[1]])
        return m[0]

    t = re.sub(r"\{(\w+)\}", g, t)
    return t.replace("{{", "{").replace("}}", "}"), hit


def put(kn, line, lang, v, note):
    typ, q, a = line.split("||", 2)
    q, h1 = fill(un(q), v)
    a, h2 = fill(un(a), v)
    kk = K[kn]
    hits = [x.strip() for x in h1 + h2]
    if typ == "R":
        f = "rows.jsonl"
        r = kk.add(f, dict(question=q, answer=a))
    else:
        f = "documents.jsonl"
        r = kk.add(f, dict(title=q, text=a))
    kk.truth(f, [r], lang, cut(" | ".join(hits) if hits else a, 200), note)


for kn, sj, se, sel in (("personal_data", PII_JA, PII_EN, None), ("secrets", SEC_JA, SEC_EN, None)):
    for lang, src in (("ja", sj), ("en", se)):
        for l in lines(src):
            for _ in range(2):
                J, E, X = vals()
                v = X if kn == "secrets" else (J if lang == "ja" else E)
                put(
                    kn,
                    l,
                    lang,
                    v,
                    "slots: "
                    + ",".join(dict.fromkeys(x for x in re.findall(r"\{(\w+)\}", l) if x in v)),
                )
k = K["placeholders"]
for lang, src in (("ja", PH_JA), ("en", PH_EN)):
    for l in lines(src):
        body, ex = l.rsplit("##", 1) if not l.endswith("##") else (l, "")
        if body.endswith("#"):  # excerpt itself starts with #
            m = re.search(r"##(#.*)$", l)
            if "###CODE###" in l:
                body, ex = l[: l.index("#####CODE###")], "###CODE###"
            else:
                body, ex = l[: m.start()], m[1]
        if "###CODE###" in l:
            i = l.index("#####CODE###")
            body, ex = l[:i], "###CODE###"
        typ, q, a = body.split("||", 2)
        a = un(a)
        assert ex and ex in a, (l, ex)
        if typ == "R":
            f = "rows.jsonl"
            r = k.add(f, dict(question=q, answer=a))
        else:
            f = "documents.jsonl"
            r = k.add(f, dict(title=q, text=a))
        k.truth(f, [r], lang, ex, "unfilled slot")
# ---------- injection: hosts are real clean documents
k = K["injection"]


def inject(host, t, mode, lang):
    s = host["text"]
    if mode == 0:
        return s + "\n\n" + t
    if mode == 1:
        return t + "\n" + s
    p = [
        m.end()
        for m in re.finditer(r"。|\n\n" if lang == "ja" else r"\n\n|(?<=[a-z]{2}\.)\s", s)
        if m.end() < len(s) - 5
    ]
    i = p[len(p) // 2] if p else len(s)
    return s[:i] + ("\n" if lang == "en" else "") + t + ("\n" if lang == "en" else "") + s[i:]


for lang, src, pool in (("ja", INJ_JA, djc), ("en", INJ_EN, dec)):
    L = [x.strip() for x in lines(src)]
    plain = [x for x in L if x[0] not in "<[/#{(（※"]
    R.shuffle(plain)
    todo = [(x, 0) for x in L] + [(x, 1) for x in plain[:22]]
    W = [
        lambda t: "<!-- " + t + " -->",
        lambda t: '<span style="font-size:0">' + t + "</span>",
        lambda t: "※" + t if lang == "ja" else "P.S. " + t,
        lambda t: "> " + t,
        lambda t: '<div style="color:#fff;background:#fff">' + t + "</div>",
        lambda t: "[hidden]" + t + "[/hidden]",
        lambda t: "**" + t + "**",
        lambda t: "{# " + t + " #}",
    ]
    for i, (t, second) in enumerate(todo):
        if second:
            t = W[i % len(W)](t)
        h = dict(
            take(
                pool,
                1,
                lambda d: (
                    len(d["text"]) > 80
                    and (lang == "en" or i % 2 or re.search("規程|規則", d["title"]))
                ),
            )[0]
        )
        h["text"] = inject(h, t, i % 3, lang)
        r = k.add("documents.jsonl", h)
        k.truth("documents.jsonl", [r], lang, t, ["at end", "at start", "in the middle"][i % 3])


# ---------- decoys
def dec_pairs(src, kn, f1="rows.jsonl", f2="rows.jsonl"):
    for l in lines(src):
        lang, a, b, c, d = l.split("||")
        kk = K[kn]
        x = kk.add(f1, dict(question=a, answer=b))
        y = kk.add(f2, dict(question=c, answer=d))
        kk.decoy(
            f1 if f1 == f2 else f1 + "+" + f2,
            [x, y],
            lang,
            a + " / " + c,
            "alike but different and consistent",
        )


dec_pairs(DUP, "duplicates")
dec_pairs(DUP, "near_duplicates")
dec_pairs(CONT, "contradictions")
dec_pairs(LEAK, "leakage", "train.jsonl", "test.jsonl")
for kn, src in (("placeholders", PH), ("personal_data", PII), ("injection", INJ), ("secrets", SEC)):
    for l in lines(src):
        typ, lang, q, a = l.split("||", 3)
        kk = K[kn]
        a = un(a)
        if typ == "R":
            f = "rows.jsonl"
            r = kk.add(f, dict(question=q, answer=a))
        else:
            f = "documents.jsonl"
            r = kk.add(f, dict(title=q, text=a))
        kk.decoy(f, [r], lang, cut(a), "legitimate")
# ---------- clean rest, shared out evenly
nclean = {}


def share(pool, name):
    n = len(pool) // 8
    for i, kn in enumerate(KINDS):
        part = pool[i * n : (i + 1) * n]
        for j, r in enumerate(part):
            if "hb" in r and kn in ("contradictions", "near_duplicates"):
                continue  # house rules could clash with the hand-written company
            f = "documents.jsonl" if name == "d" else "rows.jsonl"
            if kn == "leakage":
                if name == "d":
                    continue
                f = "test.jsonl" if j % 3 == 0 else "train.jsonl"
            K[kn].add(f, r)
            nclean[(kn, f)] = nclean.get((kn, f), 0) + 1


share(ja, "r")
share(en_l, "r")
share(en_b, "r")
share(djc, "d")
share(dec, "d")
# ---------- write
NAMES = {
    "duplicates": "exact_duplicate",
    "near_duplicates": "near_duplicate",
    "contradictions": "contradiction",
    "leakage": "leakage",
    "placeholders": "placeholder",
    "personal_data": "personal_data",
    "injection": "injection",
    "secrets": "secrets",
}
for kn in KINDS:
    kk = K[kn]
    name = NAMES[kn]
    os.makedirs(f"{H}/{name}", exist_ok=True)
    place = {}
    for f, rs in sorted(kk.f.items()):
        R.shuffle(rs)
        doc = f == "documents.jsonl"
        file = f"{name}/corpus.jsonl" if doc else f"{name}/{f}"
        with open(f"{H}/{file}", "w", encoding="utf-8") as o:
            for i, r in enumerate(rs, 1):
                place[id(r)] = {"file": file, "row": i}
                mark = {
                    "train.jsonl": "tr",
                    "test.jsonl": "te",
                    "rows.jsonl": "r",
                    "documents.jsonl": "d",
                }[f]
                o.write(
                    json.dumps({"_id" if doc else "id": f"{mark}{i:05d}", **r}, ensure_ascii=False)
                    + "\n"
                )
    truth = []
    for lst, kind in ((kk.t, name), (kk.d, "decoy")):
        for f, recs, lang, ex, note in lst:
            at = [place[id(r)] for r in recs]
            truth.append(
                {
                    "kind": kind,
                    **at[0],
                    "of": at[1] if len(at) > 1 else None,
                    "detail": f"{lang} {note}",
                    "value": ex[:80],
                }
            )
    json.dump(truth, open(f"{H}/{name}.truth.json", "w", encoding="utf-8"), ensure_ascii=False)
    print(
        name,
        sum(t["kind"] != "decoy" for t in truth),
        "planted",
        sum(t["kind"] == "decoy" for t in truth),
        "decoys",
    )
