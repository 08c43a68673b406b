"""`guess_encoding`: the encoding of text that is neither UTF-8 nor Latin, if its words show it.

Values and dates are ASCII, so a wrong guess would change the names of columns and series only.
Even so, an encoding is guessed only if the letters are usual ones in tables of its language, and
those of all other encodings are not.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping

JAPANESE = (
    "日付年月時分秒曜刻週間期数量金額売上高値気温度湿降水店舗商品名客別地域県市区町村東京大阪合計平均最低在庫出荷入"
    "注文単価利用者人口電力需要発価格指円個件率前後本部国道路線駅番号社員実績予測目標"
)
CHINESE = (
    "日期时间年月周天分秒季度销售量额数金价格值温气湿产品商店门名称城市地区省北京上海广州深圳合计总平均最高低库存订单号"
    "客户流用电负荷发收入支出利润人口元个件率编类型站点货物位实际预测目标备注"
)
TAIWANESE = (
    "日期時間年月週天分秒季度銷售量額數金價格值溫氣濕產品商店門名稱城市地區省臺台北高雄合計總平均最低庫存訂單號客戶流用"
    "電負載發收入支出利潤人口元個件率編類型站點貨物位實際預測目標備註"
)
KOREAN = (
    "날짜일자시간년월분초주요기온도습매출판수량금액가격값상품점포지역명이름서울부산합계평균최고저재주문번호객전력사용발인구원"
    "개건율군단위실제예측목표비"
)
KANA = "".join(map(chr, range(0x3041, 0x30FF)))
COMMON_LETTERS: Mapping[str, frozenset[str]] = {
    "cp932": frozenset(JAPANESE + KANA),
    "euc_jp": frozenset(JAPANESE + KANA),
    "gb18030": frozenset(CHINESE),
    "cp950": frozenset(TAIWANESE),
    "cp949": frozenset(KOREAN),
}
"""Letters that are frequent in the tables of a language, by encoding."""
MIN_COMMON_LETTERS = 2
MIN_COMMON_SHARE = 0.3
MIN_LEAD = 3
"""Least ratio of the share of common letters to that in any other encoding."""
CYRILLIC_ENCODINGS = ("cp1251", "koi8_r", "cp866")
CYRILLIC_STEMS = re.compile(
    r"дат[аы]|врем|месяц|год|день|недел|час|продаж|сумм|колич|цен[аы]|знач|темп|объ[её]м|выруч|"
    r"товар|магазин|склад|город|спрос|расход|доход|показат|номер|итог|курс|потреб|остат|заказ|"
    r"регион|област|кільк|місяц|рік"
)
"""Beginnings of words that are frequent in tables with Cyrillic letters."""
SUGGESTED_ENCODINGS = ("cp1252", "cp1250", "cp1251", "cp1253", "cp932", "gb18030", "cp950", "cp949")
SIGNS = frozenset("€£¥©®°±²³µ·§«»№\u00a0\u2013\u2014\u2019\u201c\u201d")
MAX_SUGGESTIONS = 3
SAMPLE_BYTES = 2**16
SEARCH_BYTES = 2**24
"""Largest part of a file in which lines for the sample are looked for."""


def guess_encoding(data: bytes) -> str | None:
    """Return the only encoding in which the text has usual words of a table; None: not certain."""
    sample = _take_sample(data)
    certain = list(_find_east_asian(sample))
    certain += [name for name in CYRILLIC_ENCODINGS if _is_russian(_decode_strictly(sample, name))]
    if len(certain) != 1 or _decode_strictly(data, certain[0]) is None:
        return None
    return certain[0]


def suggest_encodings(data: bytes) -> str:
    """Return the options among which the user can choose, each with a word as it would be read."""
    sample = _take_sample(data)
    shown = []
    for encoding in SUGGESTED_ENCODINGS:
        text = _decode_strictly(sample, encoding)
        words = re.findall(r"[^\s,;|\"]*[^\x00-\x7f][^\s,;|\"]*", text or "")
        if words and all(map(_is_readable, words)):
            shown.append(f"--encoding {encoding} (which reads {words[0][:20]!r})")
    shown = shown[:MAX_SUGGESTIONS] or ["--encoding cp1252"]
    return f"{' or '.join(shown)}, or the name of another encoding"


def _is_readable(word: str) -> bool:
    others = [letter for letter in word if not letter.isascii()]
    return all(unicodedata.category(letter)[0] == "L" or letter in SIGNS for letter in others)


def _take_sample(data: bytes) -> bytes:
    """Return the first lines that are not ASCII."""
    sample, size = [], 0
    for match in re.finditer(rb"[^\r\n]+", data):
        if not match[0].isascii():
            sample.append(match[0])
            size += len(match[0])
        if size > SAMPLE_BYTES or match.start() > SEARCH_BYTES:
            break
    return b"\n".join(sample)


def _decode_strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _find_east_asian(sample: bytes) -> Iterator[str]:
    shares, counts = {}, {}
    for encoding, common in COMMON_LETTERS.items():
        text = _decode_strictly(sample, encoding) or ""
        letters = [letter for letter in text if not letter.isascii() and letter.isalpha()]
        counts[encoding] = sum(letter in common for letter in letters)
        shares[encoding] = counts[encoding] / max(1, len(letters))
    for encoding, share in shares.items():
        others = max(value for name, value in shares.items() if name != encoding)
        if counts[encoding] >= MIN_COMMON_LETTERS and share >= max(
            MIN_COMMON_SHARE, MIN_LEAD * others
        ):
            yield encoding


def _is_russian(text: str | None) -> bool:
    """Return whether all letters are Cyrillic in usual case, and a word begins like a usual one."""
    if text is None:
        return False
    words = re.findall(r"[^\W\d_]+", text)
    words = [word for word in words if not word.isascii()]
    is_usual = all(re.fullmatch(r"[\u0400-\u042f]*[\u0430-\u045f]*", word) for word in words)
    others = {letter for letter in text if not letter.isascii() and not letter.isalpha()}
    return (
        is_usual and others <= SIGNS and any(CYRILLIC_STEMS.match(word.lower()) for word in words)
    )
