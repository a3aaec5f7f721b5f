# test q||a||train q||train a
LEAK_JA = """
引っ越しの見積もりは無料ですか？||はい、無料です。||お引っ越しの見積りは無料でしょうか？||はい、無料です。
洗濯機の排水ホースの長さは？||1.2mです。||洗濯機に付いている排水ホースの長さはどれくらいですか？||1.2メートルです。
法人契約の最低台数は何台ですか？||5台からです。||法人契約は最低何台からですか？||5台から承ります。
コンタクトの処方箋は必要ですか？||必要です。||コンタクトを買うのに処方箋は要りますか？||はい、必要です。
乗り継ぎ時間は最低何分必要ですか？||国内線は30分です。||乗り継ぎには最低何分かかりますか？（国内線）||30分です。
図書の延滞料はかかりますか？||かかりません。||図書を延滞すると料金がかかりますか？||いいえ、かかりません。
車検の代車は予約できますか？||できます。||車検中の代車って予約できますか？||はい、できます。
試着は何点まで可能ですか？||一度に5点までです。||試着は一度に何点までできますか？||5点までです。
苗の発送時期はいつですか？||4月下旬からです。||苗はいつ発送されますか？||4月下旬から順次です。
家庭教師の体験授業は何分ですか？||60分です。||家庭教師の体験授業の時間は？||60分間です。
宴会の人数変更はいつまで？||前日の正午までです。||宴会の人数を変更できるのはいつまでですか||前日の正午まで承ります。
遺失届はどこで出せますか？||最寄りの駅の窓口です。||遺失届は何処で出せますか？||お近くの駅の窓口で出せます。
"""
LEAK_EN = """
Can I hire a van for one day?||Yes, from 8 to 20.||Is it possible to hire a van for just a day?||Yes, from 8 to 20.
How tall is the step ladder?||1.8 m||What's the height of the step ladder?||1.8 m
Do you sharpen ice skates?||Yes, while you wait.||Do you guys sharpen ice skates?||Yes, while you wait.
Which bus goes to the campus?||Line 14.||What bus do I take to the campus?||Line 14.
Is the sauna mixed?||Yes, except on Mondays.||Is the sauna a mixed one?||Yes, except on Mondays.
How do I bleed a radiator?||Open the valve with the key until water comes.||How can a radiator be bled?||Open the valve with the key until water comes.
When do seedlings ship?||From late April.||When are the seedlings shipped?||From late April on.
May I bring my own wine?||Yes, corkage is 10 euros.||Can I bring my own wine along?||Yes, corkage is 10 euros.
What's the deposit for the hall?||200 pounds.||How much is the deposit for the hall?||200 pounds.
Are refills free?||Coffee refills are free.||Are the refills free of charge?||Coffee refills are free.
Who tunes the piano?||Mr Abel, each spring.||Who is it that tunes the piano?||Mr Abel, every spring.
How old must riders be?||At least ten.||What age must riders be?||Ten at least.
"""
CL_JA = [
    "前から気になっているのですが、",
    "お客様から聞かれました。",
    "新人の者です。",
    "（急ぎではありません）",
    "念のため確認させてください。",
    "ちょっと聞きたいのですが、",
    "友人に聞かれて困っています。",
    "お手数ですがお願いします。",
    "よろしくお願いします。",
    "何度もすみません。",
    "簡単で構いません。",
    "できれば早めに知りたいです。",
    "検索しても見つかりませんでした。",
    "初歩的な質問で恐縮ですが、",
    "家族で話題になりました。",
]
CL_EN = [
    "Quick question: ",
    "Sorry if this was asked before. ",
    "Asking for a colleague: ",
    "I could not find this anywhere. ",
    "New here, so bear with me. ",
    "Hello team, ",
    "One more thing, ",
    "For my own understanding: ",
    "I tried searching already. ",
    "It is not urgent, but ",
    "Just checking: ",
    "Got this from a customer today: ",
    "Good morning! ",
    "Out of curiosity, ",
    "Hope you are well. ",
]
CL_JA_D = [
    "なお、詳細は総務に確認すること。",
    "本条は毎年4月に見直す。",
    "（以上）",
    "不明な点は上長に相談すること。",
    "※社内ポータルにも同じ内容を掲載している。",
    "電子データでの提出も同様とする。",
    "ご不明な点はお問い合わせください。",
    "最終更新は広報が行った。",
]
CL_EN_D = [
    "See also the notes on the wiki.",
    "This entry was last reviewed in spring.",
    "Thanks to everybody who sent corrections.",
    "More details are in the reference.",
    "Feel free to ask on the mailing list.",
    "The same holds on all platforms.",
    "Reposted from the old help site.",
    "This is a frequently read entry.",
]
