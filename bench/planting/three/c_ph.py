# placeholders: "R||question||answer" row, "D||title||text" document; third/fourth marker after ## is the excerpt
PH_JA = r"""
R||返金はいつ振り込まれますか？||お申し込みから〇営業日以内に、ご指定の口座へお振り込みいたします。##〇営業日
R||担当者は誰ですか？||貴社の担当は営業部の○○でございます。ご不明点は直接お問い合わせください。##○○
R||支店の電話番号を教えてください。||梅田支店の電話番号は 06-XXXX-XXXX です。##06-XXXX-XXXX
R||契約の更新料は？||更新料は●●円（税込）です。##●●円
R||申請書の提出先はどこですか？||【部署名を記入】の【担当者名】までご提出ください。##【部署名を記入】
R||お荷物はいつ届きますか？||{{顧客名}}様のお荷物は{{配送予定日}}にお届け予定です。##{{顧客名}}
R||注文の状況を知りたい。||ご注文番号：%ORDER_NO% は現在、出荷準備中です。##%ORDER_NO%
R||マニュアルはどこにありますか？||共有フォルダの（※パスは後で記入）に置いてあります。##（※パスは後で記入）
R||夏季休暇は何日ありますか？||夏季休暇は（要確認）日間です。##（要確認）
R||保守契約の連絡先を教えて。||保守窓口：TEL ＿＿＿-＿＿＿＿-＿＿＿＿（平日9:00～17:30）##＿＿＿-＿＿＿＿-＿＿＿＿
R||料金プランを知りたいです。||スタンダードプランは月額¥X,XXXからご利用いただけます。##¥X,XXX
R||説明会の日時は？||20XX年△月△日（△）14時から開催します。##20XX年△月△日（△）
R||会員登録は完了していますか？||$姓$ 様、このたびは会員登録ありがとうございます。##$姓$
R||申込書はどこに送ればいいですか？||申込書は＜住所を入力＞までお送りください。氏名と日付は楷書でお願いします。##＜住所を入力＞
R||キャンペーンの終了日はいつですか？||キャンペーンは[終了日]までです。お早めにお申し込みください。##[終了日]
R||社用車の予約は？||社用車の予約はTBDのシステムから行います（名称決まり次第差し替え）。##TBDのシステム
R||故障時の修理費用は？||修理費用の目安は■■■円、期間は■■日ほどです。##■■■円
R||健診の予約サイトは？||http://xxxxx.xxxxx.co.jp/ から予約してください。##http://xxxxx.xxxxx.co.jp/
R||この製品の重さは？||本体重量：ここに数値を入れる kg##ここに数値を入れる
R||先日の問い合わせの返信はまだですか？||«宛名» 様\nいつもお世話になっております。«差出人»でございます。##«宛名»
R||保証書の番号はどこ？||保証書番号は本体底面のシールに記載の「０００００００」…（写真差し替え予定、文面も仮）##（写真差し替え予定、文面も仮）
R||店舗の営業時間は？||平日は○時～○時、土日は○時～○時です。##○時～○時
R||問い合わせの返事が来ません。||お待たせして申し訳ございません。受付番号 #{ticket_id} にて確認中です。###{ticket_id}
R||契約書の送付先は？||〒●●●-●●●● 東京都●●区●● 契約管理係あて##〒●●●-●●●●
R||アンケートの謝礼は？||謝礼としてギフト券（金額未記入）円分を進呈します。##（金額未記入）
R||採用の結果はいつわかる？||[[候補者氏名]]様の選考結果は、面接から10日以内にご連絡します。##[[候補者氏名]]
R||機器の型番を教えてください。||型番は ${model_name} です。ラベルをご確認ください。##${model_name}
R||退会の流れは？||ここにダミーテキストが入ります。ここにダミーテキストが入ります。##ここにダミーテキスト
R||予約の確認をしたい。||undefined様のご予約は、NaN名様で承っております。##undefined様
R||登録したのに認証メールが来ません。||__NAME__様、以下のURLから認証を完了してください。__URL__##__NAME__
R||クーポンの割引率は？||クーポン利用で {0}% 割引、さらに会員は {1}% 割引となります。##{0}%
R||研修の講師は誰ですか？||講師：★講師名★（★所属★）が担当します。##★講師名★
R||受付の場所は？||ビルの◯階、エレベーターを降りて右手です（フロア決定後に◯を直すこと）。##◯階
R||支払い遅延の利息は？||年■％の遅延損害金を申し受けます。##年■％
R||イベントの定員は何名？||定員はnull名、先着順です。##null名
R||送り状の備考欄は？||備考：@@備考@@##@@備考@@
D||製品不具合のお詫び（案）||平素より格別のご高配を賜り厚く御礼申し上げます。このたび弊社製品「（製品名）」におきまして、（不具合内容）が判明いたしました。対象は（期間）に製造された製品です。##「（製品名）」
D||議事録 営業定例||日時：　　年　　月　　日\n場所：第2会議室\n出席者：（記入）\n議題1：来期の販売計画について、前回から据え置きとすることを決定した。##　　年　　月　　日
D||業務委託契約書（締結済み）||株式会社＿＿＿＿＿＿（以下「甲」という。）と株式会社＿＿＿＿＿＿（以下「乙」という。）は、次のとおり業務委託契約を締結した。委託料は月額金＿＿＿＿円とする。締結日より効力を生じる。##株式会社＿＿＿＿＿＿
D||店長からのごあいさつ||あいさつ文が入ります。あいさつ文が入ります。あいさつ文が入ります。（200字程度）##あいさつ文が入ります。
D||入社案内||<社員名>さん、ご入社おめでとうございます。初日は<日付>の9時に<集合場所>へお越しください。持ち物は筆記用具です。##<社員名>
D||緊急連絡網||本部長：090-0000-0000（仮）\n副本部長：氏名未定（仮）\n連絡は上から順に回し、つながらない場合は次の人に進んでください。##090-0000-0000（仮）
D||FAQ ひな形から移行||Q. 定休日はいつですか？\nA. 毎週○曜日です。\nQ. 予約は必要ですか？\nA. 不要です。直接ご来店ください。##毎週○曜日
D||お知らせ 価格改定||〇〇年〇月〇日ご注文分より、商品代金を改定させていただきます。改定後の価格は別表をご覧ください。##〇〇年〇月〇日
D||出荷のご連絡||*|LNAME|* 様\nご注文の品を本日出荷しました。伝票番号は *|TRACKING|* です。##*|LNAME|*
D||安全衛生方針||当社は、[会社名]の全従業員の安全を最優先とする。責任者は代表取締役[氏名]とする。年に一度見直しを行う。##[会社名]
D||障害報告書||発生日時：YYYY/MM/DD HH:MM\n影響範囲：決済処理の遅延\n原因：（調査後に追記）\n対応：再起動により復旧##YYYY/MM/DD HH:MM
D||施設のご案内||Lorem ipsum dolor sit amet, consectetur adipiscing elit. 館内の設備は写真の通りです。##Lorem ipsum dolor sit amet
D||店舗マニュアル 第3章||レジ締めは閉店後に行う。釣銭準備金は［金額］円とし、差異が［許容額］円を超えた場合は店長に報告する。##［金額］円
D||社長メッセージ||※※※社長コメント待ち。差し替えまでこのまま※※※ 今年度は新たに二つの拠点を開設しました。##※※※社長コメント待ち
D||交通アクセス||最寄り駅：△△線「××駅」東口より徒歩☆分。駐車場はございません。##△△線「××駅」
D||個人情報の取扱い||お問い合わせ窓口：（会社名・部署・電話番号を入れてください）\n開示の請求には所定の用紙をお使いください。##（会社名・部署・電話番号を入れてください）
D||通知書||{%氏名%} 殿\n貴殿の等級を{%新等級%}に変更します。適用は翌月分給与からとします。##{%氏名%}
D||保守手順||1. 電源を切る。\n2. TODO: ここ誰か書く\n3. カバーを閉めて電源を入れる。##TODO: ここ誰か書く
D||催事チラシ原稿||キャッチコピー（20字）キャッチコピー（20字）\n期間中は全品10%引き。##キャッチコピー（20字）
D||退職手続き||退職希望者はXXヶ月前までに上長へ申し出ること。貸与品は最終出社日に返却する。##XXヶ月前
D||メール署名 統一案||━━━━━━━━\n株式会社サンプル工業　部署名部署名\n氏名氏名（しめいしめい）\n━━━━━━━━##部署名部署名
D||講習会修了証の交付記録||下記の者に修了証を交付した。\n受講者：（　　　　　）\n修了番号：第（　　　）号\n交付日は3月15日である。##第（　　　）号
D||お見舞い文||このたびの（災害名）により被災された皆様に、心よりお見舞い申し上げます。##（災害名）
D||価格表||A型　12,000円\nB型　15,500円\nC型　#N/A\nD型　#REF!##C型　#N/A
D||規約改定||第8条の手数料をｘｘ％からｘｘ％へ改定します。施行日は追って通知します。##ｘｘ％からｘｘ％
"""
PH_EN = r"""
R||Who is my account manager?||Your account manager is [Account Manager Name], reachable on [phone].##[Account Manager Name]
R||When will my parcel arrive?||Hi {{first_name}}, your parcel will arrive on {{delivery_date}}.##{{first_name}}
R||What is the support number?||You can reach us on 1-800-XXX-XXXX around the clock.##1-800-XXX-XXXX
R||How much is the late fee?||The late fee is $XX.XX per day.##$XX.XX
R||Which form do I need?||Please use form <form number> and return it to <department>.##<form number>
R||How do I contact HR?||E-mail HR at INSERT_EMAIL_HERE or visit the desk.##INSERT_EMAIL_HERE
R||How long is the warranty?||The warranty period is TBD months from purchase.##TBD months
R||When is the town hall?||The town hall takes place on DD/MM/YYYY at HH:MM in the atrium.##DD/MM/YYYY
R||Can you confirm my booking?||Dear %FIRSTNAME%, your booking %BOOKING_REF% is confirmed.##%FIRSTNAME%
R||What is the address of the new office?||Our new office is at ____________________, please use the side entrance.##____________________
R||Who do I send the invoice to?||Send it to ${billing_contact} with the PO number in the subject.##${billing_contact}
R||What does the upgrade cost?||Upgrading costs [$ amount] per seat and month.##[$ amount]
R||Is there a discount?||Yes, use code ###CODE### at checkout.#####CODE###
R||How do I reset my PIN?||TODO write answer##TODO write answer
R||Where can I download the driver?||Download it from http://www.yourcompany.com/CHANGE-ME.##CHANGE-ME
R||What are the opening hours?||We are open from XX:00 to XX:00, Monday to Saturday.##XX:00 to XX:00
R||Do you deliver to islands?||Lorem ipsum dolor sit amet, consectetur adipiscing elit.##Lorem ipsum
R||How many seats are left?||There are undefined seats left for this course.##undefined seats
R||What's my balance?||Your balance is NaN points as of null.##NaN points
R||Who wrote the safety manual?||It was written by [NAME - ask Legal if we can say] in 2019.##[NAME - ask Legal if we can say]
R||How do I cancel?||Write to us at *|LIST:EMAIL|* before the next cycle.##*|LIST:EMAIL|*
R||What is the return window?||You can return goods within {n} days.##{n} days
R||When was the device serviced?||The device was last serviced on <<last_service_date>>.##<<last_service_date>>
R||Which clinic is nearest?||The nearest partner clinic is #{clinic.name} in #{clinic.city}.###{clinic.name}
R||What is the maximum load?||Maximum load: ??? kg (check with engineering before publishing).##??? kg
R||Can I get a quote?||Thanks for reaching out to __COMPANY__. A quote will follow within 2 days.##__COMPANY__
R||Why was my claim refused?||Your claim was refused because [select reason from list].##[select reason from list]
R||Who approved the change?||The change was approved by xxxxx xxxxxxx on behalf of the board.##xxxxx xxxxxxx
R||How long does onboarding take?||Onboarding takes (number) days and is led by (buddy).##(number) days
R||What is the meter reading?||Your last reading was %s kWh, taken on %s.##%s kWh
R||Did you get my ticket?||Hello FNAME LNAME, we got your ticket and will reply soon.##FNAME LNAME
R||Where is the meeting?||It is in the @@ROOM@@ room; take the lift to floor @@FLOOR@@.##@@ROOM@@
R||What is the penalty clause?||The penalty is [●] per cent of the contract value.##[●] per cent
R||What is the serial number format?||Answer goes here.##Answer goes here.
R||How do I register?||[object Object] can be registered in the portal under My devices.##[object Object]
R||Which bank do you use?||Payments go to [BANK], sort code [SORT CODE].##[SORT CODE]
D||Offer letter||Dear [Candidate],\nWe are pleased to offer you the position of [Job Title] at an annual salary of [Salary]. Your first working day will be a Monday.##[Candidate]
D||Press release draft||CITY, Month XX, 20XX - The company today announced a new product line for small workshops.##Month XX, 20XX
D||Mutual NDA (signed copy)||This agreement is made on the ___ day of ________ 20__ between the parties. Each party keeps the other's information secret for five years.##___ day of ________ 20__
D||Store opening page||Your headline here. Our new store has a repair desk and a café on the first floor.##Your headline here
D||Incident report 12||Root cause: <to be filled in by on-call>\nImpact: orders delayed by two hours\nFix: queue restarted##<to be filled in by on-call>
D||Newsletter March||Hi |*FIRST*|, spring is here and so are our new hoses. View the list below.##|*FIRST*|
D||Privacy notice||The controller is [INSERT LEGAL ENTITY], registered under [INSERT NUMBER]. You may ask for access at any time.##[INSERT LEGAL ENTITY]
D||Team page||John Placeholder, Role Role Role. Short bio of about 50 words goes in here. Short bio of about 50 words goes in here.##Short bio of about 50 words goes in here
D||Shift handover||Outgoing lead: ........................\nIncoming lead: ........................\nMachine 4 runs hot, watch the gauge.##Outgoing lead: ........................
D||Letter sent on 3 June||Dear {EmployeeName}, your employment ends on {EndDate}. Please hand in your badge at reception.##{EmployeeName}
D||Price sheet||Starter 19 per month\nTeam 49 per month\nScale #VALUE! per month\nAll plans include phone support.##Scale #VALUE!
D||Site induction||Emergency contact: NAME TO FOLLOW (mobile 07XXX XXXXXX). Hard hats are worn everywhere outside the office.##07XXX XXXXXX
D||Grant report||The project reached XX participants in YY regions, more than planned. Surveys show high satisfaction.##XX participants in YY regions
D||Welcome mail as received by a customer||Welcome to $$PRODUCT$$! Open the link in this mail within a day to confirm your address.##$$PRODUCT$$
D||Recall notice||Batches [batch no. from QA] must not be sold. Return them to the supplier at no cost.##[batch no. from QA]
D||Board minutes||Present: (fill in)\nApologies: (fill in)\nThe board approved the accounts for the year.##Present: (fill in)
D||Release notes||Version x.y.z\n- Fixed a crash on start\n- [describe change]\n- Faster search##[describe change]
D||Lease summary||The tenant is REPLACE_ME. The rent is due on the third working day of each month.##REPLACE_ME
D||Donation receipt||Thank you, ~DonorName~, for your gift of ~Amount~ to the library fund.##~DonorName~
D||Reference letter||<Employee> has worked with us since <year>. He/she [delete as applicable] is punctual and friendly.##He/she [delete as applicable]
D||Intranet: travel||Book trains at https://example.com/LINK-TO-COME. Second class is standard for trips under four hours.##LINK-TO-COME
D||Case study||"Quote from happy customer goes here," says Firstname Lastname, CTO of Company.##Quote from happy customer goes here
D||Audit letter||We examined the records for the period ended [date], [year] and found no material error.##[date], [year]
D||Catering order||Number of guests: #\nDate: TBC by Anna, do not send yet\nMenu: two hot dishes, one vegan##TBC by Anna, do not send yet
D||Help text||Click on the ICON_NAME_HERE icon, then choose Export. The file lands in your download folder.##ICON_NAME_HERE
"""
