/* study: the language of a reply, on sentences that stand in no language file. */
#include "study/detect.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(study_detect, .timeout = HANG_S);

enum { EACH = 10 };

struct sample {
    const char *code;
    const char *text[EACH];
};

/* Everyday, history, science, instructions, dialogue: nothing of the scenario. */
static const struct sample samples[] = {
    {"en",
     {"The library closes early on Fridays because the staff take turns cleaning the shelves.",
      "My grandmother kept bees behind the barn and sold the honey to her neighbours.",
      "Water boils at a lower temperature when you climb a high mountain.",
      "Could you please tell me which platform the train to Bristol leaves from?",
      "The first printed maps of the island were drawn by a sailor who had never been there.",
      "He forgot his umbrella again, so we waited under the bridge until the rain stopped.",
      "Most whales travel thousands of miles every year to find warmer seas.",
      "If the battery is empty, connect the charger and wait for the green light.",
      "They painted the kitchen yellow, although everyone had voted for blue.",
      "I would rather walk than take the bus on such a bright morning."}},
    {"de",
     {"Die Bibliothek schließt freitags früher, weil die Mitarbeiter abwechselnd die Regale putzen.",
      "Meine Großmutter hielt Bienen hinter der Scheune und verkaufte den Honig an die Nachbarn.",
      "Auf einem hohen Berg kocht das Wasser bei einer niedrigeren Temperatur.",
      "Können Sie mir bitte sagen, von welchem Gleis der Zug nach Bremen abfährt?",
      "Die ersten gedruckten Karten der Insel zeichnete ein Seemann, der nie dort gewesen war.",
      "Er hat schon wieder seinen Schirm vergessen, also warteten wir unter der Brücke.",
      "Die meisten Wale schwimmen jedes Jahr tausende Kilometer in wärmere Meere.",
      "Wenn der Akku leer ist, schließen Sie das Ladegerät an und warten Sie auf das grüne Licht.",
      "Sie haben den Flur gelb gestrichen, obwohl alle für Blau gewesen waren.",
      "An einem so hellen Morgen gehe ich lieber zu Fuß, als den Bus zu nehmen."}},
    {"fr",
     {"La bibliothèque ferme plus tôt le vendredi, car les employés nettoient les rayons à tour de rôle.",
      "Ma grand-mère élevait des abeilles derrière la grange et vendait le miel aux voisins.",
      "L'eau bout à une température plus basse quand on monte en haute montagne.",
      "Pourriez-vous me dire de quel quai part le train pour Lyon, s'il vous plaît ?",
      "Les premières cartes imprimées de l'île furent dessinées par un marin qui n'y était jamais allé.",
      "Il a encore oublié son parapluie, alors nous avons attendu sous le pont.",
      "La plupart des baleines parcourent des milliers de kilomètres chaque année.",
      "Si la batterie est vide, branchez le chargeur et attendez le voyant vert.",
      "Ils ont peint le couloir en jaune, bien que nous ayons tous préféré le bleu.",
      "Par un matin aussi clair, j'aime mieux marcher que prendre le bus."}},
    {"es",
     {"La biblioteca cierra antes los viernes porque los empleados limpian los estantes por turnos.",
      "Mi abuela criaba abejas detrás del granero y vendía la miel a los vecinos.",
      "El agua hierve a una temperatura más baja cuando se sube a una montaña alta.",
      "¿Me podría decir de qué andén sale el tren para Sevilla, por favor?",
      "Los primeros mapas impresos de la isla los dibujó un marinero que nunca había estado allí.",
      "Ha vuelto a olvidar el paraguas, así que esperamos debajo del puente.",
      "La mayor parte de las ballenas recorre miles de kilómetros todos los años.",
      "Si la batería está vacía, conecte el cargador y espere la luz verde.",
      "Pintaron el pasillo de amarillo, aunque a todos nos gustaba más el azul.",
      "En una mañana tan clara prefiero caminar antes que tomar el autobús."}},
    {"pt",
     {"A biblioteca fecha mais cedo às sextas-feiras porque os funcionários limpam as estantes em turnos.",
      "Minha avó criava abelhas atrás do celeiro e vendia o mel aos vizinhos.",
      "A água ferve a uma temperatura mais baixa quando se sobe uma montanha alta.",
      "Poderia me dizer de que plataforma sai o trem para Campinas, por favor?",
      "Os primeiros mapas impressos da ilha foram desenhados por um marinheiro que nunca esteve lá.",
      "Ele esqueceu o guarda-chuva outra vez, então esperamos debaixo da ponte.",
      "A maior parte das baleias percorre milhares de quilômetros todos os anos.",
      "Se a bateria estiver vazia, ligue o carregador e espere a luz verde.",
      "Pintaram o corredor de amarelo, embora todos nós gostássemos mais de azul.",
      "Numa manhã tão clara eu prefiro caminhar a pegar o ônibus."}},
    {"fi",
     {"Kirjasto sulkeutuu perjantaisin aikaisemmin, koska työntekijät siivoavat hyllyjä vuorotellen.",
      "Isoäitini kasvatti mehiläisiä ladon takana ja myi hunajaa naapureille.",
      "Vesi kiehuu alemmassa lämpötilassa, kun noustaan korkealle vuorelle.",
      "Voisitteko kertoa, miltä raiteelta Tampereen juna lähtee?",
      "Saaren ensimmäiset painetut kartat piirsi merimies, joka ei ollut koskaan käynyt siellä.",
      "Hän unohti taas sateenvarjonsa, joten odotimme sillan alla.",
      "Useimmat valaat uivat joka vuosi tuhansia kilometrejä lämpimämpiin meriin.",
      "Jos akku on tyhjä, liitä laturi ja odota, että vihreä valo syttyy.",
      "He maalasivat käytävän keltaiseksi, vaikka olisimme halunneet sinisen.",
      "Näin kirkkaana aamuna kävelen mieluummin kuin menen bussilla."}},
    {"tr",
     {"Kütüphane cuma günleri erken kapanıyor, çünkü görevliler rafları sırayla temizliyor.",
      "Büyükannem ahırın arkasında arı besler, balını da komşulara satardı.",
      "Yüksek bir dağa çıkıldığında su daha düşük bir sıcaklıkta kaynar.",
      "İzmir treninin hangi perondan kalktığını söyleyebilir misiniz acaba?",
      "Adanın ilk basılı haritalarını oraya hiç gitmemiş bir denizci çizmişti.",
      "Yine şemsiyesini unuttu, biz de köprünün altında yağmurun dinmesini bekledik.",
      "Balinaların çoğu her yıl daha sıcak denizlere doğru binlerce kilometre yüzer.",
      "Pil boşsa şarj aletini takın ve yeşil ışığın yanmasını bekleyin.",
      "Koridoru sarıya boyadılar, oysa bizim gönlümüz maviden yanaydı.",
      "Böyle parlak bir sabahta otobüse binmektense yürümeyi tercih ederim."}},
    {"vi",
     {"Thư viện đóng cửa sớm vào thứ sáu vì nhân viên thay phiên nhau lau các kệ.",
      "Bà tôi nuôi ong sau nhà kho và bán mật cho hàng xóm láng giềng.",
      "Khi leo lên núi cao, nước sôi ở nhiệt độ thấp hơn bình thường.",
      "Làm ơn cho hỏi tàu đi Đà Nẵng khởi hành ở sân ga số mấy?",
      "Những tấm bản đồ in đầu tiên của hòn đảo do một thủy thủ chưa từng đến đó vẽ.",
      "Anh ấy lại quên ô, nên chúng tôi đứng đợi dưới gầm cầu cho đến khi tạnh mưa.",
      "Phần lớn cá voi bơi hàng nghìn cây số mỗi năm để tìm vùng biển ấm hơn.",
      "Nếu pin cạn, hãy cắm bộ sạc và chờ đến khi đèn xanh sáng.",
      "Họ sơn hành lang màu vàng, mặc dù chúng tôi thích màu xanh hơn.",
      "Vào một buổi sáng đẹp trời như thế này, tôi thích đi bộ hơn là đi xe buýt."}},
    {"id",
     {"Perpustakaan tutup lebih awal pada hari Jumat karena para pegawai bergantian membersihkan rak.",
      "Nenek saya memelihara lebah di belakang lumbung dan menjual madunya kepada tetangga.",
      "Air mendidih pada suhu yang lebih rendah bila kita mendaki gunung yang tinggi.",
      "Bisakah Anda memberi tahu dari peron berapa kereta ke Bandung berangkat?",
      "Peta cetak pertama pulau itu digambar oleh seorang pelaut yang belum pernah ke sana.",
      "Dia lupa membawa payung lagi, jadi kami menunggu di bawah jembatan.",
      "Sebagian besar paus berenang ribuan kilometer setiap tahun ke laut yang lebih hangat.",
      "Jika baterai kosong, sambungkan pengisi daya dan tunggu lampu hijau menyala.",
      "Mereka mengecat lorong dengan warna kuning, padahal kami lebih suka biru.",
      "Pada pagi secerah ini saya lebih suka berjalan kaki daripada naik bus."}},
    {"ru",
     {"По пятницам библиотека закрывается раньше, потому что сотрудники по очереди протирают полки.",
      "Моя бабушка держала пчёл за сараем и продавала мёд соседям.", "Высоко в горах вода закипает при более низкой температуре.",
      "Не подскажете ли, с какой платформы отправляется поезд на Тверь?",
      "Первые печатные карты острова нарисовал моряк, который никогда там не бывал.",
      "Он опять забыл зонтик, поэтому мы ждали под мостом, пока не кончился дождь.",
      "Большинство китов каждый год проплывает тысячи километров к тёплым морям.",
      "Если батарея разряжена, подключите зарядное устройство и дождитесь зелёного огонька.",
      "Коридор покрасили в жёлтый цвет, хотя нам больше нравился синий.",
      "В такое ясное утро я лучше пройдусь пешком, чем поеду на автобусе."}},
    {"ar",
     {"تغلق المكتبة أبوابها مبكرًا يوم الجمعة لأن الموظفين يتناوبون على تنظيف الرفوف.",
      "كانت جدتي تربي النحل خلف الحظيرة وتبيع العسل للجيران.", "يغلي الماء عند درجة حرارة أقل حين نصعد جبلًا عاليًا.",
      "هل يمكنك أن تخبرني من أي رصيف ينطلق القطار إلى الإسكندرية؟",
      "رسم أولى الخرائط المطبوعة للجزيرة بحّار لم يزرها قط في حياته.", "نسي مظلته مرة أخرى، فانتظرنا تحت الجسر حتى توقف المطر.",
      "تسبح معظم الحيتان آلاف الكيلومترات كل سنة بحثًا عن بحار أدفأ.",
      "إذا كانت البطارية فارغة فصِل الشاحن وانتظر حتى يضيء المصباح الأخضر.",
      "طلوا الممر باللون الأصفر مع أننا كنا نفضل اللون الأزرق.", "في صباح مشرق كهذا أحب المشي أكثر من ركوب الحافلة."}},
    {"hi",
     {"शुक्रवार को पुस्तकालय जल्दी बंद होता है, क्योंकि कर्मचारी बारी-बारी से अलमारियाँ साफ़ करते हैं।",
      "मेरी दादी खलिहान के पीछे मधुमक्खियाँ पालती थीं और शहद पड़ोसियों को बेचती थीं।", "ऊँचे पहाड़ पर चढ़ने पर पानी कम तापमान पर ही उबलने लगता है।",
      "क्या आप बता सकते हैं कि जयपुर की रेलगाड़ी किस प्लेटफ़ॉर्म से छूटती है?",
      "उस द्वीप के पहले छपे हुए नक़्शे एक ऐसे नाविक ने बनाए थे जो वहाँ कभी गया ही नहीं।",
      "वह फिर अपना छाता भूल गया, इसलिए हम पुल के नीचे बारिश रुकने का इंतज़ार करते रहे।",
      "अधिकतर ह्वेल हर साल गरम समुद्रों की ओर हज़ारों किलोमीटर तैरती हैं।", "बैटरी ख़ाली हो तो चार्जर लगाइए और हरी बत्ती जलने तक रुकिए।",
      "उन्होंने गलियारा पीला रँग दिया, जबकि हमें नीला ज़्यादा पसंद था।", "इतनी सुहानी सुबह में मुझे बस पकड़ने से पैदल चलना अच्छा लगता है।"}},
    {"th",
     {"ห้องสมุดปิดเร็วในวันศุกร์เพราะพนักงานผลัดกันทำความสะอาดชั้นหนังสือ", "คุณยายของฉันเลี้ยงผึ้งไว้หลังโรงนาและขายน้ำผึ้งให้เพื่อนบ้าน",
      "เมื่อปีนขึ้นไปบนภูเขาสูง น้ำจะเดือดที่อุณหภูมิต่ำกว่าปกติ", "ช่วยบอกหน่อยได้ไหมคะว่ารถไฟไปเชียงใหม่ออกจากชานชาลาไหน",
      "แผนที่พิมพ์ชุดแรกของเกาะนี้วาดโดยกะลาสีที่ไม่เคยไปที่นั่นเลย", "เขาลืมร่มอีกแล้ว เราจึงรออยู่ใต้สะพานจนกว่าฝนจะหยุด",
      "วาฬส่วนใหญ่ว่ายน้ำหลายพันกิโลเมตรทุกปีเพื่อไปยังทะเลที่อุ่นกว่า", "ถ้าแบตเตอรี่หมด ให้เสียบสายชาร์จแล้วรอจนไฟสีเขียวติด",
      "พวกเขาทาสีทางเดินเป็นสีเหลือง ทั้งที่เราชอบสีน้ำเงินมากกว่า", "ในเช้าที่สดใสแบบนี้ ฉันชอบเดินมากกว่านั่งรถเมล์"}},
    {"ko",
     {"도서관은 직원들이 돌아가며 책장을 청소하기 때문에 금요일에는 일찍 문을 닫는다.",
      "우리 할머니는 헛간 뒤에서 벌을 치셨고 꿀을 이웃들에게 파셨다.", "높은 산에 올라가면 물은 더 낮은 온도에서 끓기 시작한다.",
      "부산으로 가는 기차가 몇 번 승강장에서 떠나는지 알려 주시겠어요?",
      "그 섬의 첫 인쇄 지도는 한 번도 가 본 적이 없는 뱃사람이 그렸다고 한다.",
      "그가 또 우산을 두고 와서 우리는 비가 그칠 때까지 다리 밑에서 기다렸다.",
      "고래는 대부분 해마다 더 따뜻한 바다를 찾아 수천 킬로미터를 헤엄친다.",
      "배터리가 다 떨어졌으면 충전기를 꽂고 초록 불이 켜질 때까지 기다리세요.",
      "우리는 파란색이 더 좋았는데 그들은 복도를 노랗게 칠해 버렸다.",
      "이렇게 화창한 아침에는 버스를 타는 것보다 걷는 편이 더 좋다."}},
    {"ja",
     {"図書館は金曜日になると早めに閉まる。職員が順番に棚の掃除をするからだと聞いた。",
      "祖母は納屋の裏でミツバチを飼っていて、とれた蜂蜜を近所の人たちに売っていた。",
      "高い山に登ると、水はふだんよりも低い温度で沸騰するようになります。",
      "すみません、仙台行きの電車は何番線から出るのか教えていただけますか。",
      "その島の最初の印刷地図を描いたのは、一度も行ったことのない船乗りだったそうだ。",
      "彼がまた傘を忘れたので、わたしたちは雨がやむまで橋の下で待つことにした。",
      "クジラの多くは、毎年あたたかい海を求めて何千キロメートルも泳いでいく。",
      "電池が切れているときは、充電器をつないで緑のランプがつくまで待ってください。",
      "ぼくらは青のほうがよかったのに、彼らは廊下を黄色に塗ってしまった。",
      "こんなに晴れた朝は、バスに乗るよりも歩いていくほうが気持ちがいい。"}},
    {"zh",
     {"图书馆星期五关门比较早，因为工作人员要轮流打扫书架，还要把旧报纸整理好。",
      "我的外婆在谷仓后面养蜜蜂，每年秋天都把蜂蜜卖给附近的邻居。",
      "爬上高山以后，水在比平时更低的温度下就会沸腾，所以米饭不容易煮熟。",
      "请问开往成都的火车从哪个站台出发？我怕走错了赶不上。", "那座岛最早的印刷地图，是一位从来没有去过那里的水手画的。",
      "他又忘了带伞，于是我们只好站在桥底下，一直等到雨停了才走。", "多数鲸鱼每年都要游几千公里，去寻找更温暖的海洋过冬。",
      "如果电池没电了，请接上充电器，等到绿灯亮起来再使用。", "他们把走廊刷成了黄色，虽然我们几个其实更喜欢蓝色。",
      "这么晴朗的早晨，我宁可走路去上班，也不想去挤公共汽车。"}},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

static struct languages languages;
static struct detector *detector;

static void open_languages(void) {
    struct err e = ERR_INIT;
    cr_assert_eq(languages_read_dir(&languages, "studies/lang", &e), 0, "%s (%s)", e.msg, e.where);
    cr_assert_eq(detector_build(&detector, &languages, 0, 0, &e), 0, "%s", e.msg);
}

static void close_languages(void) {
    detector_free(detector);
    languages_free(&languages);
}

static struct detection ask(const char *s) {
    struct detection r;
    struct err e = ERR_INIT;
    cr_assert_eq(detect_language(detector, s, strlen(s), &r, &e), 0, "%s", e.msg);
    return r;
}

Test(study_detect, own_sentences, .init = open_languages, .fini = close_languages) {
    int right = 0, asked = 0;
    cr_assert_eq((int)SAMPLES, languages.n);
    for (int i = 0; i < SAMPLES; i++) {
        int here = 0;
        for (int k = 0; k < EACH; k++, asked++) {
            struct detection r = ask(samples[i].text[k]);
            int ok = r.best && !strcmp(r.best->code, samples[i].code);
            here += ok;
            if (!ok)
                cr_log_warn("%s: \"%s\" told as %s", samples[i].code, samples[i].text[k], r.best ? r.best->code : "undecided");
        }
        right += here;
        cr_expect_geq(here, EACH - 1, "%s: %d of %d", samples[i].code, here, EACH);
    }
    cr_expect_geq(right * 100, asked * 95, "%d of %d sentences", right, asked);
}

Test(study_detect, left_out_sentences, .init = open_languages, .fini = close_languages) {
    struct detect_score s[64], all = {0};
    struct err e = ERR_INIT;
    cr_assert_leq(languages.n, 64);
    cr_assert_eq(detect_validate(&languages, 5, 40, s, &e), 0, "%s", e.msg);
    for (int i = 0; i < languages.n; i++) {
        all.right += s[i].right, all.wrong += s[i].wrong, all.undecided += s[i].undecided;
        cr_expect_gt(s[i].right, 0, "%s", languages.at[i]->code);
    }
    cr_expect_geq(all.right * 100, (all.right + all.wrong + all.undecided) * 95, "%zu right, %zu wrong, %zu undecided", all.right,
                  all.wrong, all.undecided);
}

Test(study_detect, too_little_is_undecided, .init = open_languages, .fini = close_languages) {
    static const char *const texts[] = {"",
                                        " ",
                                        "...",
                                        "12345",
                                        "OK",
                                        "No.",
                                        "\xff\xfe\xff",
                                        "Σήμερα ο καιρός είναι καλός.",
                                        "დღეს კარგი ამინდია და მზე ანათებს."};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct detection r = ask(texts[i]);
        cr_expect_null(r.best, "\"%s\" told as %s", texts[i], r.best ? r.best->code : "");
    }
}

Test(study_detect, share_tells_a_mixture, .init = open_languages, .fini = close_languages) {
    struct detection pure = ask("今日は天気がいいので、庭で本を読むことにします。"),
                     mixed = ask("今日は天気がいいので、庭で本を読むことにします。 I am reading.");
    cr_assert_not_null(pure.best);
    cr_expect_str_eq(pure.best->code, "ja");
    cr_expect_eq(pure.share, 1.0);
    cr_assert_not_null(mixed.best);
    cr_expect_str_eq(mixed.best->code, "ja");
    cr_expect(mixed.share > 0.5 && mixed.share < 0.8, "%g", mixed.share);
}

Test(study_detect, margin_names_the_second, .init = open_languages, .fini = close_languages) {
    struct detection r = ask("O menino foi para a escola com a sua irmã e voltou de tarde.");
    cr_assert_not_null(r.best);
    cr_expect_str_eq(r.best->code, "pt");
    cr_assert_not_null(r.second);
    cr_expect_neq(r.second, r.best);
    cr_expect(isfinite(r.margin) && r.margin >= DETECT_MARGIN);
    struct detection thai = ask("วันนี้อากาศดีมากและท้องฟ้าแจ่มใส");
    cr_assert_not_null(thai.best);
    cr_expect_null(thai.second, "no other language here is written in Thai letters");
    cr_expect(isinf(thai.margin));
}

Test(study_detect, case_and_width_do_not_matter, .init = open_languages, .fini = close_languages) {
    struct detection a = ask("The library closes early on Fridays."), b = ask("THE LIBRARY CLOSES EARLY ON FRIDAYS!");
    cr_assert(a.best && a.best == b.best);
    cr_expect_eq(a.margin, b.margin);
}
