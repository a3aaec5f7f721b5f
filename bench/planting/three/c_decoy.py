# pair decoys: q1||a1||q2||a2 (NOT a fault)
DUP = """
ja||電気ケトルKT-20の容量は？||1.0リットルです。||電気ケトルKT-30の容量は？||1.5リットルです。
ja||札幌店の定休日は？||水曜日です。||函館店の定休日は？||火曜日です。
ja||プランAの月額料金はいくらですか？||1,980円です。||プランBの月額料金はいくらですか？||2,980円です。
ja||冷房の設定温度は？||28度を目安にしてください。||暖房の設定温度は？||20度を目安にしてください。
ja||領収書は発行できますか？||はい、マイページから発行できます。||納品書は発行できますか？||商品に同梱しています。再発行はできません。
ja||Windows版の動作環境は？||Windows 11以降です。||Mac版の動作環境は？||macOS 13以降です。
ja||入荷したら連絡をもらえますか？||再入荷通知に登録してください。||入荷はいつですか？||来月上旬の予定です。
ja||朝礼は何時からですか？||8時50分からです。||昼礼は何時からですか？||12時55分からです。
ja||第1会議室の内線は？||2101です。||第2会議室の内線は？||2102です。
ja||申込はできますか？||はい、Webから可能です。||申込の取消はできますか？||締切日までならWebで取り消せます。
ja||ゴミの分別（燃えるゴミ）||赤い袋に入れてください。||ゴミの分別（燃えないゴミ）||青い袋に入れてください。
en||What is the capacity of the KT-20 kettle?||1.0 litre.||What is the capacity of the KT-30 kettle?||1.5 litres.
en||When is the Bath shop closed?||On Wednesdays.||When is the Bristol shop closed?||On Tuesdays.
en||How do I enable dark mode?||Settings > Display > Dark.||How do I disable dark mode?||Settings > Display > Light.
en||Can I pay by card?||Yes, all major cards.||Can I pay by cheque?||No, cheques are not taken.
en||What does the Basic plan cost?||9 dollars a month.||What does the Plus plan cost?||19 dollars a month.
en||Who leads the Berlin team?||Jana Holt.||Who leads the Dublin team?||Sean Keane.
en||How do I add a user?||Admin > Users > Add.||How do I remove a user?||Admin > Users > select > Remove.
en||Is the north gate open at night?||No.||Is the south gate open at night?||Yes, with a badge.
en||What is the torque for M6 bolts?||10 Nm.||What is the torque for M8 bolts?||25 Nm.
en||May I take photos in the lobby?||Yes.||May I take photos in the lab?||No, photos in the lab are forbidden.
en||How long is the 2024 model?||1.82 m.||How long is the 2025 model?||1.90 m.
"""
CONT = """
ja||正社員の年間休日は何日ですか？||125日です。||パート社員の年間休日は何日ですか？||契約ごとに異なり、100日以上です。
ja||2023年度の売上高は？||42億円です。||2024年度の売上高は？||47億円です。
ja||国内配送の送料は？||600円です。||海外配送の送料は？||2,400円です。
ja||冷蔵品は返品できますか？||できません。||常温品は返品できますか？||7日以内ならできます。
ja||平日の営業時間は？||9時から18時です。||土曜の営業時間は？||10時から15時です。
ja||課長の決裁限度額は？||50万円までです。||部長の決裁限度額は？||300万円までです。
ja||旧型機の保証期間は？||1年です。||新型機の保証期間は？||3年です。
ja||駐車場は無料ですか？||お買い上げ2,000円以上で2時間無料です。||駐車場の料金は？||30分200円ですが、2,000円以上のお買い上げで2時間無料になります。
ja||有給は初年度何日ですか？||10日です。||有給は入社2年目に何日ですか？||11日です。
ja||会費はいくらですか？||月3,300円です。||年会費はいくらですか？||年払いなら33,000円です。
ja||東京から名古屋の所要時間は？（新幹線）||約1時間40分です。||東京から名古屋の所要時間は？（高速バス）||約5時間半です。
en||What is the height limit in the tunnel?||3.8 m||What is the height limit in the loading bay?||4.2 m
en||How many days off do full-time staff get?||28 days.||How many days off do part-time staff get?||Pro rata of 28 days.
en||What was revenue in 2022?||4.1 million.||What was revenue in 2023?||5.6 million.
en||Is entry free for children?||Yes, under six.||Is entry free for adults?||No, adults pay 12 euros.
en||How long is delivery within Ireland?||Two days.||How long is delivery to Spain?||Six days.
en||Can the wool jumper be tumble dried?||No.||Can the cotton shirt be tumble dried?||Yes, on low heat.
en||How heavy is the box?||2 kg.||What does the box weigh?||2,000 g.
en||When do you open?||At 9 am.||What time does the shop open?||We open at 09:00.
en||Are dogs allowed in the garden?||Yes, on a lead.||Are dogs allowed in the restaurant?||Only assistance dogs.
en||Who is CEO of the parent company?||Maria Voss.||Who is CEO of the UK subsidiary?||Colin Peart.
en||What is the fee in winter?||8 dollars.||What is the fee in summer?||11 dollars.
"""
LEAK = """
ja||学生割引はありますか？||学生証の提示で1割引です。||シニア割引はありますか？||65歳以上の方は平日1割引です。
ja||プリンターのインク交換方法は？||上カバーを開けて交換します。||プリンターの用紙補給方法は？||手前のトレイを引き出して補給します。
ja||休会の手続きは？||前月10日までに受付へ。||退会の手続きは？||前月末までに書面で提出してください。
ja||テニスコートの予約はいつから？||2週間前からです。||体育館の予約はいつから？||1か月前からです。
ja||米の賞味期限は？||精米から約2か月です。||味噌の賞味期限は？||製造から約6か月です。
ja||住所変更はどこで？||会員ページです。||氏名変更はどこで？||窓口で本人確認が必要です。
ja||A棟の消灯時刻は？||22時です。||B棟の消灯時刻は？||23時です。
ja||入金の確認方法は？||取引明細で確認できます。||出金の方法は？||出金申請を出してください。
ja||靴のサイズ交換は？||未使用なら可能です。||帽子のサイズ交換は？||承っておりません。
ja||朝食は何時から？||6時半からです。||夕食は何時から？||18時からです。
en||How do I freeze my savings pot?||Tap the pot, then Freeze.||How do I close my savings pot?||Tap the pot, then Close.
en||Can a minor open an account?||From 13 with a parent.||Can a company open an account?||Yes, with its register number.
en||Do you exchange pesos?||Yes.||Do you exchange krona?||Not at the moment.
en||What is the fee for a metal card?||80 pounds.||What is the fee for a wooden card?||15 pounds.
en||Where is the Lyon branch?||At the main station.||Where is the Nantes branch?||On the market square.
en||How do I dispute a cheque?||Send form D2.||How do I order a chequebook?||In the app, under Services.
en||When is the loan due?||On the first of each month.||When is the mortgage due?||On the fifteenth.
en||Is the savings rate fixed?||No.||Is the mortgage rate fixed?||For ten years, yes.
en||Can I lend my parking permit?||No.||Can I lend my library pass?||Within the household, yes.
en||How do I set a spending limit?||Card > Limits.||How do I set a savings goal?||Pots > Goal.
"""
PH = """
R||ja||メール配信の差し込みタグの書き方は？||本文に {{last_name}} と書くと、配信時に受信者の姓に置き換わります。
R||ja||型番XXL-1000の在庫は？||XXL-1000は3台ございます。
R||ja||○×クイズの正解は？||第1問は○、第2問は×です。
R||ja||伏せ字の付け方は？||公開資料では個人名を「●●」で伏せる決まりです。
R||ja||日付の入力形式は？||YYYY/MM/DD の形式で入力してください（例：2025/04/01）。
R||ja||Excelで #N/A が出る理由は？||VLOOKUPで検索値が見つからないときに表示されます。
R||ja||シェルで変数を使うには？||${HOME} のように書くとホームディレクトリに展開されます。
R||ja||Lorem ipsum とは何ですか？||組版の見本に使われるラテン語風のダミー文です。
R||ja||評価の◎○△の意味は？||◎は優、○は良、△は可を表します。
R||ja||XXXシロップの製造元は？||琉球糖業の黒糖シロップの商品名で、同社が製造しています。
D||ja||テンプレート機能の使い方||本製品のテンプレートでは、二重波括弧で囲んだ変数を使います。たとえば {{会社名}} は送信時に取引先名へ置き換わります。波括弧自体を出すには \\{{ と書きます。
D||ja||契約書式の記入要領||書式中の「甲」には委託者、「乙」には受託者の商号を記入します。空欄のまま提出された書式は受理しません。
R||en||How do I personalise a newsletter?||Write {{first_name}} in the body; it is replaced with the reader's first name on sending.
R||en||How does str.format work?||"{0} and {1}".format("a", "b") gives "a and b".
R||en||Which date format does the import expect?||YYYY-MM-DD, for example 2025-04-01.
R||en||What does TBD mean in the schedule legend?||It stands for "to be decided" and marks sessions without a fixed room.
R||en||Is the XXL shirt in stock?||Yes, XXL is in stock in blue.
R||en||Why do I see #REF! in my sheet?||The formula points to a cell that was deleted.
R||en||What is lorem ipsum?||Dummy Latin text used by printers since the 1500s to show fonts.
R||en||How do I write a comment with TODO highlighting?||Start the comment with TODO: and the editor colours it.
R||en||What is [sic] for?||It marks an error that stands in the quoted original.
R||en||How do shell variables expand?||${HOME} expands to your home directory; $1 is the first argument.
D||en||Mail merge guide||Fields are written as <<FieldName>> in the letter. On merging, <<City>> becomes the city of each contact. Preview the result before sending.
D||en||Jinja basics||Use {{ user.name }} to print a value and {% if user %} to test it. Unknown names print as an empty string.
"""
PII = """
R||ja||お客様相談室の電話番号は？||0120-117-2xx番台は廃止し、現在は代表 03-5550-1200（平日9時～17時）で承ります。
R||ja||本社の所在地は？||東京都千代田区霞が関3丁目8番1号、当社ビルの5階が受付です。
R||ja||JANコード4901234567894の商品は？||ほうじ茶ティーバッグ50袋入りです。
R||ja||マイナンバーは何桁ですか？||個人番号は12桁、法人番号は13桁です。
R||ja||法人番号を教えてください。||当社の法人番号は国税庁の公表サイトで公開されています。
R||ja||免許証のコピーは必要ですか？||社用車を運転する方のみ必要です。番号は黒塗りにしてください。
R||ja||夏目漱石の生年月日は？||1867年2月9日です。
R||ja||採用窓口のメールは？||recruit@hanamizuki-kogyo.example までお送りください。
R||ja||お荷物の追跡番号 4412-3345-9087 の状況は？||配達中です。
R||ja||警察への緊急連絡は？||110番です。消防と救急は119番です。
R||ja||社長の名前は？||代表取締役社長は花水木一郎です（会社案内に掲載）。
D||ja||会社概要||商号 花水木工業株式会社／設立 1961年／資本金 9,800万円／代表電話 052-555-0100（代）／FAX 052-555-0101／所在地 名古屋市中区の本社ビル
R||en||What is the customer hotline?||Our public hotline is 0800 555 0199, Monday to Friday.
R||en||Where is your head office?||Reception is on the ground floor of our building at 1 Harbour Square, Cork.
R||en||What is ISBN 978-3-16-148410-0?||It is the sample number printed in the ISBN guide.
R||en||How many digits does an SSN have?||Nine, written as three, two and four digits.
R||en||May I e-mail my card number?||No, never send card numbers by e-mail.
R||en||When was Ada Lovelace born?||On 10 December 1815.
R||en||What is the press office address?||press@brandel.example
R||en||Where is order 4532-7781-0021?||It left the depot this morning.
R||en||What is the part number of the pump seal?||078-05-1121-B.
R||en||Who founded the company?||It was founded in 1954 by the engineer Brandel, as our history page tells.
R||en||What is the VAT number format?||Two letters and up to twelve characters.
D||en||Imprint||Brandel Ltd, 1 Harbour Square, Cork. Switchboard +353 21 555 0100. Registered in Ireland. Directors: see the annual report.
"""
INJ = """
D||ja||プロンプトインジェクション対策||文書に「これまでの指示を無視せよ」のような文を混ぜ、AIに別の動作をさせる攻撃をプロンプトインジェクションと呼ぶ。検索対象に入れる前に検査する。
D||ja||新入社員への指示||配属後は、まず先輩の指示に従ってください。前任者のやり方は参考程度にとどめ、現在の手順書を優先します。
D||ja||上書き手順||以前の設定を無視して初期値に戻すには、「すべて初期化」を押してください。
D||ja||AI利用規程 第4条||社員は、生成AIに個人情報を入力してはならない。AIの回答は必ず人が確認する。
D||ja||アシスタント職の業務||営業アシスタントは、受注の入力と見積書の送付を行う。上長の承認なしに値引きをしてはならない。
D||ja||HTMLの書き方||コメントは <!-- と --> で囲みます。画面には表示されません。
D||ja||システム管理者への依頼||システム担当者は、毎月末にログを確認し、結果を部長に報告してください。
D||ja||秘書検定の問題||次の指示のうち、秘書が従うべきものを選びなさい。1) すぐに資料を配る 2) 来客を待たせる
D||ja||社内チャットボットの使い方||ボットに「経費の締め日は？」のように話しかけてください。答えられないときは担当部署を案内します。
D||ja||白抜き文字の印刷||白い文字を印刷するときは、背景を濃い色にし、color:#ffffff を指定します。
D||ja||旧規程の扱い||本規程の施行をもって、従前の旅費規程は廃止し、以後は本規程の定めによる。
D||en||What prompt injection is||An attacker hides a sentence such as "ignore previous instructions" in a web page so that a model acts on it. Scan documents before indexing them.
D||en||Onboarding for assistants||Office assistants take calls, book rooms and order supplies. Ask your manager before you spend more than 100 dollars.
D||en||Resetting the controller||To ignore all previous settings, hold both buttons until the lamp turns red.
D||en||AI policy, section 4||Staff must not enter personal data into AI tools. A person checks each answer before it is used.
D||en||HTML comments||Text between <!-- and --> is not shown by the browser. Use it for notes to other authors.
D||en||Style guide||Do not use exclamation marks. Always answer the customer's question in the first sentence.
D||en||System requirements||System: 8 GB of memory. You are now ready to install; run setup and restart.
D||en||Chatbot help||Type your question in plain words. The assistant shows the source below each answer.
D||en||Transparent text||Set the opacity to zero to fade the caption out at the end of the clip.
D||en||Revised procedure||This version replaces the earlier instructions of May. Disregard printed copies without a date.
D||en||Note to reviewers||Reviewers should read the rubric first and grade each essay on its own merits.
"""
SEC = """
R||ja||パスワードの条件は？||12文字以上で、英大文字・小文字・数字をそれぞれ1つ以上含めてください。
R||ja||パスワードを忘れました。||ログイン画面の「パスワードをお忘れの方」から再設定できます。
R||ja||初期パスワードはどこに届きますか？||簡易書留で本人あてに郵送します。
R||ja||APIキーはどこで発行しますか？||管理画面の「開発者」→「キーの発行」から発行します。値は一度だけ表示されます。
R||ja||弱いパスワードの例は？||password や 123456 は推測されやすいので使えません。
R||ja||環境変数の書き方は？||API_KEY=（発行した値）の形で .env に書き、リポジトリには含めないでください。
R||ja||コミット 9f2c1d7a0b43e8f6c5d2a1b0e9f8d7c6b5a49382 の内容は？||請求書の端数処理を直したものです。
R||ja||ファイルのSHA-256は？||e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855（空ファイルの値）です。
R||ja||暗証番号は何桁ですか？||4桁です。生年月日は避けてください。
R||ja||秘密鍵はどこに保管しますか？||各自の端末に保管し、共有フォルダに置いてはいけません。
R||ja||注文ID ord_8Fk2Lm9Qz1Xy の状態は？||出荷済みです。
D||ja||情報セキュリティ規程 第9条||パスワードは90日ごとに変更し、他人に教えてはならない。付箋に書いて貼ることを禁ずる。
R||en||What are the password rules?||At least 12 characters with upper case, lower case and a digit.
R||en||Where do I create an API key?||Under Developer > Keys. The value is shown only once.
R||en||What are examples of bad passwords?||"password", "qwerty" and "letmein" are all refused.
R||en||How do I set the token?||export API_TOKEN=<your token> before you start the script.
R||en||What did commit 4be1f0a97c33d2e8b6a5f4c3d2e1f0a9b8c7d6e5 change?||It fixed rounding on invoices.
R||en||What is the UUID of the sample device?||123e4567-e89b-12d3-a456-426614174000
R||en||What is the MD5 of an empty file?||d41d8cd98f00b204e9800998ecf8427e
R||en||May I share my password with IT?||No, IT will never ask for it.
R||en||What does a connection string look like?||postgres://USER:PASSWORD@HOST:5432/DBNAME, with your own values.
R||en||Where is the private key kept?||In the hardware module; nobody can read it out.
R||en||Status of order ord_7Hq2Zk9LmX4c?||Shipped.
D||en||Access policy, section 9||Passwords are changed after an incident. Writing them on sticky notes is forbidden. Keys live in the vault.
"""
