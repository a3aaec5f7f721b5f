# q1||a1||q2||a2 ; handwritten
NEAR_JA = """
有給休暇の申請は何日前までに必要ですか？||原則として3営業日前までに勤怠システムから申請してください。||有休の申請は何日前までに必要でしょうか？||原則3営業日前までに、勤怠システムで申請してください。
社員証を紛失した場合はどうすればいいですか？||総務部に電話で連絡し、再発行申請書を提出してください。再発行には1,000円かかります。||社員証を失くしてしまった場合、どうすればよいですか？||総務部へ電話連絡のうえ、再発行申請書を出してください。再発行手数料は1,000円です。
返品の送料はどちらの負担になりますか？||不良品の場合は当社、お客様都合の場合はお客様のご負担です。||返品時の送料は誰が負担しますか？||不良品であれば当社負担、お客様のご都合による場合はお客様負担となります。
領収書の宛名は変更できますか？||発行前であれば、マイページの注文詳細から変更できます。||領収書の宛て名を変えることはできますか？||発行前でしたらマイページの注文詳細画面から変更可能です。
営業所の駐車場は使えますか？||はい、正面に5台分ございます。満車の場合は近くのコインパーキングをご利用ください。||営業所に駐車場はありますか？使えますか？||はい、正面に５台分あります。満車のときは近隣のコインパーキングをご利用下さい。
名刺の追加発注はどこに頼めばよいですか？||社内ポータルの「備品・名刺」から発注できます。納期は約1週間です。||名刺を追加で発注したいのですが、どこに頼めばよいですか？||社内ポータルの「備品・名刺」メニューから発注できます。納期はおよそ1週間です。
健康診断の結果はいつ届きますか？||受診からおよそ3週間後にご自宅へ郵送します。||健康診断の結果はいつごろ届きますか？||受診後、約3週間でご自宅に郵送されます。
プリンターの紙詰まりが直りません。||背面カバーを開けて紙片が残っていないか確認し、電源を入れ直してください。||プリンタの紙詰まりがなおりません。||背面カバーを開け、紙片が残っていないかを確認のうえ、電源を入れなおしてください。
在宅勤務の日に交通費は出ますか？||在宅勤務日は通勤手当の対象外です。||在宅勤務日の交通費は支給されますか？||いいえ、在宅勤務の日は通勤手当の対象になりません。
定期購入を一度だけ休むことはできますか？||次回お届け日の7日前までにマイページでスキップを選んでください。||定期購入を一回だけお休みできますか？||マイページで、次回お届け日の7日前までに「スキップ」を選択してください。
経費の締め日はいつですか。||毎月末日です。翌月3営業日までに承認を受けてください。||経費の締め日はいつですか。急ぎで知りたいです。||毎月末日が締めです。翌月3営業日までに承認を受けて下さい。
会議室の予約方法を教えてください。||グループウェアの「施設予約」から空き枠を選びます。||会議室の予約の仕方を教えて下さい。||グループウェアの「施設予約」で空いている枠を選択してください。
バッテリーの保証期間は？||お買い上げ日から1年間です。||バッテリーの保障期間は？||ご購入日から1年間となります。
配送先を複数指定できますか？||できます。カートで「お届け先を分ける」を押してください。||配送先を複数に分けて指定することは可能ですか？||可能です。カート画面の「お届け先を分ける」を押してください。
アプリが起動直後に落ちます。||最新版に更新し、それでも落ちる場合は再インストールをお試しください。||アプリが起動してすぐ落ちてしまいます。||最新版へ更新してください。改善しない場合は再インストールをお試しください。
慶弔休暇を取るのに証明書は要りますか？||はい、招待状や会葬礼状の写しを添付してください。||慶弔休暇の取得に証明書は必要ですか？||はい。招待状または会葬礼状のコピーを添付してください。
見積書の有効期限はどのくらいですか？||発行日から30日間です。||お見積書の有効期限はどれくらいでしょうか？||発行日より30日間有効です。
インボイスの登録番号はどこに載っていますか？||請求書の右上、社名の下に記載しています。||インボイス登録番号はどこに書いてありますか？||請求書右上の社名の下に記載がございます。
電話の保留音がうるさいのですが。||設定→音声→保留音で音量を下げられます。||電話の保留音が大きくてうるさいのですが…||「設定」→「音声」→「保留音」から音量を小さくできます。
採用面接の服装に決まりはありますか？||特にありません。普段の服装でお越しください。||採用面接のとき、服装の決まりはありますか？||とくにございません。ふだんの服装でお越しください。
入館カードを家に忘れました。||1階受付で当日限りのゲストカードを借りてください。||入館カードを自宅に忘れてきました。||１階の受付で、当日のみ有効なゲストカードを借りてください。
源泉徴収票の再発行は可能ですか？||可能です。人事部あてに再発行依頼フォームをお送りください。||源泉徴収票を再発行してもらえますか？||はい、可能です。再発行依頼フォームを人事部宛てに送ってください。
冷蔵便は日時指定できますか？||できます。ご注文から4日後以降をお選びください。||クール便（冷蔵）は日時指定が出来ますか？||はい、ご注文の4日後以降からお選びいただけます。
ポイントの有効期限はありますか？||最後に利用した日から1年で失効します。||ポイントに有効期限はあるのでしょうか？||最終利用日から1年経つと失効します。
工場見学は子どもも参加できますか？||小学生以上で、保護者同伴なら参加できます。||工場見学に子供も参加できますか？||小学生以上かつ保護者の同伴があれば参加可能です。
VPNに繋がらないときは？||まず社外ネットワークか確認し、クライアントを再起動してください。||ＶＰＮにつながらない時は？||まずは社外ネットワークかどうかを確認して、クライアントを再起動して下さい。
住民税の切替手続きは誰がしますか？||入社時に人事部が行います。前職の通知書を提出してください。||住民税の切り替え手続は誰が行うのですか？||入社時に人事部で行いますので、前職の通知書をご提出ください。
ギフト包装はしてもらえますか？||1点330円で承ります。||ギフトラッピングはしてもらえますか？||はい、1点につき330円で承っております。
契約を途中で解約したら違約金はかかりますか？||最低利用期間の12か月を過ぎていればかかりません。||途中解約すると違約金はかかりますか？||最低利用期間（12か月）を過ぎていれば、違約金はかかりません。
チャットの履歴はいつまで残りますか？||90日間保存されます。||チャット履歴はいつまで残るのですか？||90日間、保存されます。
夜間の緊急連絡先はどこですか？||防災センターの内線119番です。||夜間に緊急の場合の連絡先はどこですか？||防災センター（内線119番）です。
タイヤ交換の予約は必要？||必要です。お電話かWebでご予約ください。||タイヤ交換は予約が必要？||はい、必要です。電話またはWebで予約してください。
子の看護休暇は時間単位で取れますか？||1時間単位で取得できます。||子の看護休暇を時間単位で取ることはできますか？||はい、1時間単位で取れます。
口座の名義が旧姓のままですが支払えますか？||お支払いはできますが、早めに名義変更をお願いします。||口座名義が旧姓のままなのですが、支払えますか？||お支払い自体は可能です。お早めに名義変更をお願いいたします。
植木の水やりの頻度を教えて。||春と秋は週2回、夏は毎日、冬は10日に1回が目安です。||植木の水遣りの頻度を教えて||目安として、春と秋は週2回、夏は毎日、冬は10日に1回です。
監視カメラの映像は何日保存されますか？||30日間で自動的に上書きされます。||監視カメラの映像は何日間保存されているんですか？||30日で自動的に上書きされます。
"""
NEAR_EN = """
How do I reset the thermostat to factory settings?||Hold the centre button for ten seconds until the display blinks twice.||How can I reset the thermostat to factory defaults?||Press and hold the centre button for ten seconds until the display blinks twice.
Who approves overtime on weekends?||Your line manager approves it in the time-sheet tool before Friday noon.||Who has to approve weekend overtime?||Your line manager has to approve it in the time-sheet tool before noon on Friday.
Can I bring my dog to the office?||Dogs are welcome on Fridays on the second floor, if they are registered with Facilities.||Am I allowed to bring my dog into the office?||Dogs are welcome on the second floor on Fridays, provided they're registered with Facilities.
What is the weight limit for the loading ramp?||The ramp carries 750 kg at most, including the trolley.||whats the weight limit of the loading ramp||The ramp carries at most 750 kg, trolley included.
Where do I find my payslip?||Payslips are under Documents > Pay in the HR portal.||Where can I find my pay slip?||You'll find payslips in the HR portal under Documents > Pay.
Do you ship to Norway?||Yes, we ship to Norway; delivery takes five to seven working days.||Do you guys ship to Norway?||Yes, we do ship to Norway. Delivery takes 5-7 working days.
My invoice shows the wrong VAT rate. What should I do?||Reply to the invoice e-mail with the right rate and we will send a corrected one.||My invoice is showing the wrong VAT rate, what should I do now?||Just reply to the invoice email stating the correct rate and we'll send you a corrected invoice.
How often is the cold room inspected?||It is inspected every Tuesday and after each power cut.||How often do you inspect the cold room?||Every Tuesday, and after every power cut.
Is the gym open to contractors?||Contractors may use the gym after the safety induction.||Is the gym open for contractors too?||Contractors can use the gym once they have done the safety induction.
The scanner says "lamp warm-up" and never stops.||Unplug it for a minute; if it still hangs, the lamp must be replaced.||The scaner says "lamp warm up" and never stops||Unplug the scanner for a minute. If it's still hanging, the lamp needs to be replaced.
How long are job applications kept?||We keep them for six months after the position is filled.||For how long do you keep job applications?||They are kept for six months after the position has been filled.
Can two people share one licence?||No, each licence is bound to one named user.||Can one licence be shared by two people?||No. Every licence is tied to a single named user.
When does the canteen close on Fridays?||It closes at 14:30 on Fridays.||When does the canteen close on a Friday?||On Fridays it closes at 14:30.
How can I change the delivery slot?||Open the order and tap Change slot up to 12 hours before delivery.||How do I change my delivery slot?||Open your order and tap "Change slot"; this works until 12 hours before delivery.
Is there a discount for schools?||Schools get 20 percent off all annual plans.||Do you have a discount for schools?||Yes, schools receive 20% off on all annual plans.
What happens if I miss the training?||You can watch the recording and take the quiz within two weeks.||What happens when I miss the training session?||You may watch the recording and do the quiz within two weeks.
Which form do I need for a company car?||Use form FL-12 and have it signed by your department head.||Which form is needed to get a company car?||Use form FL-12, signed by the head of your department.
Does the warranty cover water damage?||No, water damage is not covered by the standard warranty.||Does the guarantee cover water damage?||No, the standard warranty does not cover damage caused by water.
How do I export the contact list?||Go to Contacts, choose all and click Export CSV.||How can I export my contact list?||Go to Contacts, select all, then click on Export CSV.
Why was my card charged twice?||One of the two charges is a pre-authorisation that disappears within five days.||Why has my card been charged twice??||One of the two is only a pre-authorisation; it will disappear within five days.
Are there vegetarian meals on the night shift?||Yes, ask the kitchen before 18:00.||Do you have vegetarian meals during the night shift?||Yes, please ask the kitchen before 6 pm.
How do I report a near miss?||Fill in the orange card and drop it in the box by the gate.||How should I report a near-miss?||Fill out the orange card and put it into the box at the gate.
What size are the moving boxes?||They measure 60 x 40 x 40 cm.||What are the dimensions of the moving boxes?||The boxes measure 60 x 40 x 40 cm.
Can I cancel a workshop booking?||Yes, free of charge until seven days before the date.||Is it possible to cancel a workshop booking?||Yes, cancellation is free until seven days before the date.
Who do I call when the lift is stuck?||Press the bell button; the lift company answers around the clock.||Who should I call if the lift gets stuck?||Press the bell button in the lift. The lift company answers 24 hours a day.
How many days of parental leave can I split?||You can split up to 24 months into three blocks.||How many days of parental leave am I able to split up?||Up to 24 months can be split into three blocks.
Where is the nearest defibrillator?||It hangs next to reception on the ground floor.||Where's the nearest defibrilator?||Next to reception on the ground floor.
My badge does not open the bike cellar.||Access to the bike cellar has to be activated by Facilities; send them your badge colour.||My badge won't open the bike cellar door||Facilities must activate access to the bike cellar. Send them the colour of your badge.
How do I mute the meeting room panel?||Tap the speaker icon in the lower left corner.||How can I mute the panel in the meeting room?||Tap on the speaker icon at the lower left.
Do gift vouchers expire?||They are valid for three years from the date of purchase.||Do your gift vouchers ever expire?||Gift vouchers stay valid for three years after the purchase date.
Can I pay by bank transfer?||Yes, choose Prepayment at the checkout.||Can i pay via bank transfer||Yes, just choose "Prepayment" at checkout.
What do I do with empty toner cartridges?||Put them in the green bin in the copy room.||What should I do with the empty toner cartridges?||They go into the green bin in the copy room.
Is the API rate limited?||Yes, to 100 requests per minute and key.||Is your API rate-limited?||Yes, it is limited to 100 requests per minute per key.
How is the holiday bonus calculated?||It is half a month's base pay, in proportion to the months worked.||How do you calculate the holiday bonus?||It's half a monthly base salary, pro rata for the months worked.
Can I reorder spare blades?||Yes, item 4410 comes in packs of five.||Can I re-order spare blades for it?||Yes. Item 4410 is sold in packs of five.
Does the heater switch off by itself?||It switches off after eight hours without a change.||Does the heater turn off by itself?||It turns itself off after eight hours without any change.
"""
CON_JA = """
試用期間は何か月ですか？||試用期間は3か月です。||試用期間はどのくらいですか？||入社から6か月間が試用期間です。
定年は何歳ですか？||満60歳の誕生日の属する月の末日です。||定年は何歳ですか？||定年は満65歳です。
副業は認められていますか？||届け出れば認められます。||副業は認められていますか？||副業は一切禁止です。
タイムカードの打刻忘れは誰に連絡しますか？||総務の佐々木課長に連絡してください。||打刻を忘れたときは誰に連絡すればよいですか？||経理の大野主任に連絡してください。総務では受け付けません。
返品は何日以内ならできますか？||商品到着後14日以内です。||返品できるのは何日以内ですか？||到着から7日以内に限ります。
本社の移転日はいつですか？||4月1日です。||本社の移転はいつですか？||5月7日に移転します。
夏季休業はいつからですか？||2025年8月9日からです。||2025年の夏季休業はいつからですか？||2025年8月13日からです。
送料無料になる金額は？||税込5,000円以上です。||送料無料になるのはいくらからですか？||税込8,000円以上のお買い上げで無料です。
ペットを連れて入店できますか？||はい、キャリーに入っていれば入店できます。||ペット同伴で入店できますか？||申し訳ありませんが、キャリー入りでもご入店いただけません。
出張の日帰り手当はいくらですか？||一律2,000円です。||日帰り出張の手当の金額を教えてください。||一律3,500円です。
保険証の提出先はどこですか？||人事部です。||保険証はどこに提出しますか？||総務部です。人事部では受け取れません。
会議室Aの定員は？||12名です。||会議室Aは何人まで入れますか？||8名までです。
解約は電話でできますか？||できません。マイページからのみ受け付けます。||電話で解約できますか？||はい、お電話で承ります。
社内報の発行は月何回ですか？||毎月1回です。||社内報は月に何回出ますか？||月2回、1日と15日に発行します。
制服のクリーニング代は誰が払いますか？||会社が全額負担します。||制服のクリーニング代は誰が負担しますか？||各自の自己負担です。
バーコードリーダーの充電時間は？||約2時間で満充電です。||バーコードリーダーはどれくらいで充電できますか？||満充電まで約6時間かかります。
原材料に卵は含まれますか？||含まれていません。||原材料に卵は入っていますか？||はい、卵を使用しています。
入社式の会場はどこですか？||大阪本社10階ホールです。||入社式はどこで行いますか？||神戸の研修センターです。
通勤手当の上限は？||月額5万円です。||通勤手当に上限はありますか？||上限はありません。実費を全額支給します。
請求書の支払期限は？||請求日の翌月末です。||請求書はいつまでに支払えばいいですか？||請求日から10日以内にお支払いください。
受付の電話は何時までつながりますか？||18時までです。||電話受付は何時まで？||20時まで受け付けています。
この洗剤は食洗機に使えますか？||お使いいただけます。||この洗剤を食洗機で使ってもいいですか？||食洗機には絶対に使用しないでください。
産業医の面談は誰でも受けられますか？||全社員が受けられます。||産業医面談はだれでも申し込めますか？||残業が月80時間を超えた人だけが対象です。
創業は何年ですか？||1968年です。||当社の創業年を教えてください。||1974年の創業です。
非常口のドアは普段施錠していますか？||常に開錠しています。||非常口のドアは普段、鍵がかかっていますか？||普段は施錠しており、警備員が鍵を持っています。
有休の繰り越しは何年できますか？||翌年度まで1年間です。||有休は何年繰り越せますか？||繰り越しはできません。
キャッシュレス決済は使えますか？||QRコード決済とカードが使えます。||キャッシュレスで支払えますか？||現金のみの取り扱いです。
製品の消費電力は何Wですか？||最大450Wです。||この製品の消費電力は？||最大1,200Wです。
昇給は年に何回ありますか？||年1回、4月です。||昇給は年何回ですか。||年2回、4月と10月です。
工場長は誰ですか？||田端工場長です。||いまの工場長はどなたですか？||現在の工場長は水谷です。
リモートデスクトップは私物PCから使えますか？||使えます。申請は不要です。||私物のパソコンからリモートデスクトップを使えますか？||私物PCからの利用は禁止です。
アレルギー表示は何品目ですか？||特定原材料8品目のみです。||アレルギー表示の対象は何品目ですか？||28品目すべてを表示しています。
入院給付金は何日目から出ますか？||入院1日目から支給します。||入院給付金は入院何日目から支払われますか？||5日目からのお支払いです。
忘れ物の保管期間は？||1か月です。||忘れ物はどれくらい保管されますか？||2週間で処分します。
予約のキャンセル料は前日なら？||前日は無料です。||前日に予約をキャンセルすると料金はかかりますか？||前日は料金の50%を申し受けます。
Wi-Fiは来客も使えますか？||使えます。受付でパスワードをお渡しします。||来客もWi-Fiを使えますか？||来客用のWi-Fiはありません。
"""
CON_EN = """
How many sick days are paid per year?||Ten days are paid in full.||How many paid sick days do I get in a year?||You get five paid sick days a year.
Is lunch provided on site?||Yes, lunch is free for all staff.||Is lunch provided on site?||No, staff must bring or buy their own lunch.
What is the mileage rate for private cars?||0.42 euro per kilometre.||What rate is paid per kilometre for private cars?||We pay 0.30 euro per kilometre.
Who signs contracts above 50,000 dollars?||Only the CFO signs those.||Who signs contracts over 50,000 dollars?||Any regional director may sign them.
When does the fiscal year start?||On 1 April.||When does our fiscal year begin?||It begins on 1 October.
Can I return opened software?||No, opened software cannot be returned.||Can opened software be returned?||Yes, within 30 days, opened or not.
Is the Leeds depot open on Sundays?||No, it is closed on Sundays.||Is the Leeds depot open on Sundays?||Yes, from 9 to 13 on Sundays.
What is the maximum payload of the T40 trolley?||400 kg.||What's the max payload for the T40 trolley?||The T40 carries up to 250 kg.
Do interns get a laptop?||Every intern gets a laptop.||Do interns receive a laptop?||Interns have to use their own machine.
Where is the emergency assembly point?||In the car park behind building C.||Where is the emergency assembly point?||On the lawn in front of building A; never go to the car park.
How often must passwords be changed?||Every 90 days.||How often do I have to change my password?||Passwords do not expire; change them only after an incident.
Which courier do we use for hazardous goods?||Nordfracht.||Which courier is used for hazardous goods?||All hazardous goods go with BlueParcel.
Is the Pro plan billed monthly?||Yes, it is billed every month.||Is the Pro plan billed monthly?||The Pro plan is billed once a year only.
What temperature must the vaccine fridge hold?||Between 2 and 8 degrees Celsius.||At what temperature does the vaccine fridge have to be kept?||Keep it at minus 20 degrees.
Do I need a visa letter for the Osaka office?||No letter is needed.||Do I need a visa letter for the Osaka office?||Yes, ask HR for a visa letter four weeks before you leave.
How long is the notice period?||Three months to the end of a quarter.||How long is my notice period?||Four weeks to the end of a month.
Can I forward company mail to a private account?||Yes, with the rule in the settings.||May I forward company mail to my private account?||Forwarding to private accounts is strictly forbidden.
Who is the data protection officer?||Ms Halloran.||Who is our data protection officer?||It is Mr Brandt.
What does express shipping cost?||12 dollars.||How much is express shipping?||Express shipping costs 25 dollars.
Are tips shared with the kitchen?||Tips are pooled and shared with the kitchen.||Are tips shared with the kitchen staff?||No, waiters keep their own tips.
When was the Mark II valve discontinued?||In 2017.||When was the Mark II valve discontinued?||Production ended in 2021.
Is the pool heated in winter?||It is heated all year.||Is the pool heated during winter?||The pool is not heated between November and March.
How many guests may use the lounge?||Up to two guests per member.||How many guests can a member bring to the lounge?||Members can't bring any guests.
What is the minimum order quantity?||50 pieces.||What is the minimum order quantity?||200 pieces.
Does the trial need a credit card?||No card is needed.||Is a credit card needed for the trial?||You must enter a credit card to start the trial.
Which floor is Payroll on?||Fourth floor.||What floor is Payroll on?||Payroll sits on the first floor.
Can the jacket be tumble dried?||Yes, on low heat.||Can the jacket be tumble-dried?||Never tumble dry this jacket.
How many vacation days can be carried over?||Five days.||How many vacation days may I carry over?||Unused days lapse on 31 December; none can be carried over.
When do bonuses get paid?||With the March salary.||When are bonuses paid?||With the December salary.
Is glass accepted at the recycling yard?||Yes, sorted by colour.||Does the recycling yard take glass?||The yard does not accept glass.
Who repairs the forklifts?||Our own workshop.||Who repairs the forklifts?||Repairs are done only by the dealer; our workshop must not touch them.
What is the boarding age for solo children?||Twelve and older.||From what age may children travel alone?||Children may travel alone from the age of five.
How many characters may a username have?||Up to 20.||What is the max length of a username?||Up to 64 characters.
Is double-sided printing the default?||Yes, on all printers.||Is double-sided printing the default?||No, single-sided is the default on all printers.
Where was the first shop opened?||In Galway.||Where did the company open its first shop?||The first shop opened in Cork.
Do you price-match online shops?||Yes, on identical items.||Do you price match with online stores?||We don't match prices of online stores.
What time is the last shuttle to the airport?||22:40.||When does the last airport shuttle leave?||The last shuttle leaves at 21:15.
Is it safe to dilute the cleaner with hot water?||Yes, up to 60 degrees.||Can I dilute the cleaner with hot water?||Use cold water only; hot water releases harmful fumes.
Do part-timers join the pension plan?||They join after one year.||Are part-timers in the pension plan?||Part-time staff are excluded from the pension plan.
How long does a refund take?||Three working days.||How long will a refund take?||Refunds take up to four weeks.
May drones be flown on the site?||Only with the written consent of Security.||May drones be flown on the site?||Everybody is free to fly drones on the site, no consent needed.
Which database does the booking system run on?||PostgreSQL.||What database does the booking system use?||It runs on Oracle.
Is the warranty transferable?||Yes, to the next owner.||Is the warranty transferable?||The warranty ends when the product is sold on.
How high is the deductible?||500 dollars per claim.||How high is the deductible per claim?||1,000 dollars.
Who chairs the safety committee?||Priya Natarajan.||Who chairs the safety committee?||The chair is Tom Eklund.
Can the tent stand a storm?||It stands winds up to 100 km/h.||What wind can the tent stand?||Take it down above 40 km/h.
Do we accept cheques?||Yes, under 2,000 dollars.||Do we accept cheques?||We stopped taking cheques of any amount.
How many people work in Tallinn?||About 40.||How many employees are in the Tallinn office?||Some 310 people work in Tallinn.
What colour is the wire for ground?||Green and yellow.||What colour is the ground wire?||The ground wire is brown.
Is the museum free for students?||Entry is free with a student card.||Do students pay at the museum?||Students pay 8 euros.
When must timesheets be handed in?||By Monday 10:00.||By when must time sheets be handed in?||By Friday 17:00 of the same week.
Can I install software on my work PC?||Yes, you have admin rights.||Can I install software on my work PC myself?||No, only IT may install software.
How long can milk be kept after opening?||Three days.||How long does the milk keep once opened?||Ten days.
Does the premium include roadside help?||Yes, Europe-wide.||Is roadside help included in the premium?||Roadside help costs extra.
Where are the archives kept?||In the basement in Bristol.||Where are our archives kept?||In a warehouse in Swindon.
Are headphones allowed on the shop floor?||Yes, one ear only.||Are headphones allowed on the shop floor?||Headphones of any kind are banned on the shop floor.
What is the file size limit for uploads?||25 MB.||What's the upload size limit?||Uploads may be up to 2 GB.
Does the machine need distilled water?||Only distilled water.||Does the machine need distilled water?||Tap water is fine; never use distilled water.
How is the CEO elected?||By the supervisory board.||Who elects the CEO?||The shareholders elect the CEO directly; the board has no vote.
Is Good Friday a working day?||No, it is a holiday.||Do we work on Good Friday?||Good Friday is a normal working day.
What is the age limit for the apprenticeship?||There is no age limit.||Is there an age limit for the apprenticeship?||Applicants must be under 25.
What is the speed limit on the yard?||10 km/h.||How fast may I drive on the yard?||30 km/h.
"""
