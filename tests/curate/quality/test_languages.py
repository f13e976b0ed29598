"""Languages: without these, all pages of a language other than English are lost, or kept by the rules of English."""

import sys

import pytest

from lab import params_yaml
from lab.curate.quality import stage as quality
from lab.curate.quality.gopher import Params as GopherParams
from lab.curate.quality.gopher import stop_words
from lab.curate.quality.params import QualityParams, for_language
from lab.curate.text import words
from lab.documents import Document, RowWriter, read_documents
from lab.errors import InputError, ParameterError
from lab.params import EngineParams
from tests.curate.quality.examples import filtered

PARAMS = QualityParams()
GERMAN = """Die Fähre zur Insel fährt um neun Uhr ab und kommt noch vor dem Abendläuten wieder zurück.
Die meisten, die mit ihr fahren, haben drüben Freunde, denen sie Brot, Briefe und Neuigkeiten bringen.
An stürmischen Tagen fährt niemand, so dass unsere halbe Schule leer bleibt und die Kinder Dämme bauen.
Ein Hafenmeister schrieb einmal in sein Buch, der Nebel habe zwei Brüder samt ihrer Kuh verschluckt.
Beide kamen mittags nass, aber fröhlich zurück, denn sie waren im Kreis um eine Boje gerudert."""
CHINESE = """开往小岛的渡船每天早上九点出发，在傍晚的钟声响起以前回来。乘船的人大多在那边有朋友，
他们会带去面包、书信和各种消息。
遇到暴风雨的日子没有人出海，我们的学校有一半是空的，孩子们就在沙滩上修筑堤坝。
有一位港口的管理员曾经在日志里写道，大雾吞没了两个兄弟和他们的牛。到了中午两个人都回来了，虽然浑身湿透，但是非常高兴。
原来他们一直围绕着一个浮标划船。从那以后，每一条船都带着一盏灯和一个哨子。"""
JAPANESE = """島へ向かう船は毎朝九時に出発して、夕方の鐘が鳴る前に戻ってきます。
乗る人の多くは向こうに友達がいて、パンや手紙を届けます。
嵐の日には誰も海に出ないので、学校の半分は空になり、子供たちは砂浜で堤防を作って遊びます。
ある港長は日誌に、霧が二人の兄弟と牛を飲み込んだと書いたことがあります。二人は昼頃にずぶ濡れになって、元気に帰ってきました。
浮標の周りをぐるぐると漕いでいたのです。それからは、どの船も明かりと笛を積むようになりました。"""
THAI = """เรือข้ามฟากไปยังเกาะออกเดินทางทุกเช้าตอนเก้าโมง และกลับมาก่อนเสียงระฆังตอนเย็น
คนส่วนใหญ่ที่ขึ้นเรือมีเพื่อนอยู่ที่นั่น พวกเขานำขนมปัง จดหมาย และข่าวต่างๆ ไปให้
ในวันที่มีพายุไม่มีใครออกทะเล โรงเรียนของเราจึงว่างไปครึ่งหนึ่ง และเด็กๆ ก็สร้างเขื่อนบนชายหาด
ครั้งหนึ่งนายท่าเรือเขียนไว้ในสมุดบันทึกว่า หมอกได้กลืนพี่น้องสองคนพร้อมกับวัวของพวกเขา
ทั้งสองคนกลับมาในตอนเที่ยง เปียกแต่ร่าเริง เพราะพวกเขาพายเรือวนอยู่รอบทุ่น"""


@pytest.mark.parametrize(("language", "text"), [("de", GERMAN), ("zh", CHINESE), ("ja", JAPANESE), ("th", THAI)])
def test_prose_of_a_language_passes_out_of_the_box_and_not_by_english_rules(language, text):
    assert filtered(text, PARAMS, language)[:2] == (text, None)
    assert filtered(text, PARAMS, "en")[1] is not None


def test_english_is_judged_by_the_parameters_as_they_stand():
    assert for_language(PARAMS, "en") is PARAMS and for_language(PARAMS, None) is PARAMS
    german = QualityParams(gopher=GopherParams(stop_words=["der"]), languages={"de": {"gopher": {"min_words": 3}}})
    assert for_language(german, "en") is german


def test_stop_words_of_other_languages_are_their_own():
    text = "\n".join(line.replace(" und ", " the and to of ") for line in GERMAN.split("\n"))
    assert {"der", "und"} <= set(for_language(PARAMS, "de").gopher.stop_words)
    no_german = QualityParams(languages={"de": {"gopher": {"stop_words": ["quak", "muh"]}}})
    assert filtered(text, no_german, "de")[1] == "gopher:min_stop_words"
    assert filtered(text, PARAMS, "de")[1] is None


def test_lists_are_sorted_so_that_outputs_never_depend_on_the_order_of_a_set():
    assert stop_words("fr") == sorted(set(stop_words("fr"))) and "les" in stop_words("fr")


def test_none_are_asked_for_where_none_are_known_unless_given():
    assert stop_words("ka") == [] and for_language(PARAMS, "ka").gopher.min_stop_words is None
    given = QualityParams(languages={"ka": {"gopher": {"stop_words": ["და", "არის"]}}})
    assert for_language(given, "ka").gopher.stop_words == ["და", "არის"]
    assert for_language(given, "ka").gopher.min_stop_words == 2


def test_what_differs_is_laid_over_the_common_thresholds_of_its_language_only():
    given = QualityParams(
        gopher=GopherParams(min_words=7),
        languages={
            "de": {"gopher": {"max_mean_word_length": 12}, "repetition": {"max_top_ngram_share": {2: 0.5}}},
            "en": {"filters": ["gopher", "c4"]},
        },
    )
    german, english, french = (for_language(given, code) for code in ("de", "en", "fr"))
    assert (german.gopher.max_mean_word_length, german.gopher.min_words) == (12, 7)
    assert german.repetition.max_top_ngram_share == {2: 0.5, 3: 0.18, 4: 0.16}
    assert "fineweb" in german.filters and english.filters == ["gopher", "c4"]
    assert english.gopher == given.gopher
    assert french.gopher.max_mean_word_length == 10 and french.gopher.min_words == 7


@pytest.mark.parametrize(
    ("languages", "parts"),
    [
        ({"de": {"gopher": {"min_wrods": 3}}}, ["quality.languages.de.gopher.min_wrods", "'min_words'"]),
        ({"de": {"gofer": {}}}, ["quality.languages.de.gofer", "'gopher'"]),
        ({"de": {"filters": ["gofer"]}}, ["quality.languages.de.filters: there is no filter", "'gopher'"]),
        ({"de": {"c4": {"enabled": False}}}, ["quality.languages.de", "filters: [repetition, gopher, fineweb"]),
        ({"de": {"languages": {}}}, ["quality.languages.de.languages", "no such key"]),
        ({"de": {"c4": {"min_sentences": -1}}}, ["quality.languages.de.c4.min_sentences", "-1"]),
        ({"de": {"c4": 3}}, ["quality.languages.de.c4", "3"]),
        ({"german": {}}, ["quality.languages.german"]),
    ],
)
def test_what_differs_is_checked_before_anything_runs(languages, parts):
    with pytest.raises(ParameterError) as refused:
        params_yaml.check({"quality": {"languages": languages}}, "params.yaml")
    for part in parts:
        assert part in str(refused.value)


def shard(path, *texts: tuple[str, str]) -> None:
    with RowWriter(path) as writer:
        for number, (language, text) in enumerate(texts):
            writer.write(Document(f"{number}", f"http://a.example/{number}", "", "w", number, text, language, 0.9))


def test_the_stage_judges_each_document_by_its_language(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = ("de", GERMAN), ("zh", CHINESE), ("ja", JAPANESE), ("th", THAI), ("de", CHINESE)
    shard(tmp_path / "language" / "part-0.parquet", *texts)
    quality.run(tmp_path / "language", tmp_path / "quality", PARAMS, EngineParams(workers=1))
    kept = [document.language for document in read_documents(tmp_path / "quality/part-0.parquet")]
    assert kept == ["de", "zh", "ja", "th"]


def test_a_missing_segmenter_stops_the_stage_instead_of_costing_all_documents_of_its_language(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "rjieba", None)
    words._segmenting.cache_clear()
    shard(tmp_path / "language" / "part-0.parquet", ("de", GERMAN), ("zh", CHINESE))
    with pytest.raises(InputError, match=r"rjieba is not installed"):
        quality.run(tmp_path / "language", tmp_path / "quality", PARAMS, EngineParams(workers=1))
