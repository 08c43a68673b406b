"""`guess_time_forms`: the forms that a cell of a time column may have."""

import re
from collections.abc import Sequence
from itertools import permutations, product

from revin_forecast.data.month_names import (
    ENGLISH,
    LANGUAGES,
    MONTH_NUMBERS,
    WEEKDAY_NUMBERS,
    WORD,
    simplify_name,
)
from revin_forecast.data.reading.times.parse_time_text import (
    WORD_DIRECTIVES,
    ZONE_HOURS,
    compile_form,
)
from revin_forecast.data.time_forms import DIRECTIVE

MAX_CELL_LENGTH = 60
WEEK_WORDS = {"w", "kw", "wk", "week", "cw", "woche", "semaine", "sem", "semana", "settimana"}
FILLER_WORDS = {"de", "del", "of", "den", "le", "el"}
"""Words within a date that have no number."""
UNITS = {"年", "月", "日", "년", "월", "일"}
"""Words of Chinese, Japanese and Korean behind the year, the month and the day."""
CLOCK_WORDS = {"t", "at", "um", "uhr", "h"}
"""Words that are found with a time of day only; 2024H1 is a half year."""
CLOCK = re.compile(
    r"(?<!\d)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?"
    r"(?:(\s?)([AaPp]\.?[Mm]\.?))?(?:(\s?[-\u2013]\s?)\d{1,2}:\d{2}(?!:?\d))?"
    r"(?:(\s?)(?:[+-]\d{2}:?\d{2}|[zZ]$))?"
)
"""Pattern of a time of day, and of the end of its step or its offset from UTC."""
REGION = re.compile(r"(?<=[\s\d])([A-Z][A-Za-z]+/[A-Z][A-Za-z_/+-]+)$")
DIGIT_FORMS = {
    4: ("%Y",),
    6: ("%Y%m",),
    8: ("%Y%m%d",),
    10: ("%Y%m%d%H",),
    12: ("%Y%m%d%H%M",),
    14: ("%Y%m%d%H%M%S",),
}
"""Forms of a cell that is one number, by its digits."""
SEPARATORS = re.compile(r"[\s\-\u2013/.,:'_()|]*")
"""Pattern of the text between the parts of a time."""


def guess_time_forms(cell: str, has_month_first: bool = True) -> list[str]:
    """Return the forms that fit a cell, the most usual first; none if it is not a time.

    Args:
        cell: text without spaces at its ends.
        has_month_first: whether the month comes before the day where both orders are possible.

    >>> guess_time_forms("31.12.24")
    ['%m.%d.%y', '%d.%m.%y', '%y.%m.%d']
    >>> guess_time_forms("Q1 2005")
    ['Q%q %Y']

    The numbers and names of other rows decide about zeros before numbers, and about languages: see
    `refine_form`.
    """
    if len(cell) > MAX_CELL_LENGTH or not any(letter.isdigit() for letter in cell):
        return []
    text, has_clock = _replace_clock(cell)
    text = _replace_zone(text)
    words = _replace_words(text)
    if words is None:
        return []
    text, roles = words
    forms = [
        form
        for form in _replace_numbers(text, roles, has_month_first)
        if re.fullmatch(compile_form(form)[0], cell, re.IGNORECASE)
    ]
    # A time of day needs its date.
    return [
        form
        for form in forms
        if not has_clock or {"d", "u"} & {found[-1] for found in DIRECTIVE.findall(form)}
    ]


def _replace_clock(cell: str) -> tuple[str, bool]:
    """Return a cell with directives for its time of day, and whether it has one."""
    match = CLOCK.search(cell)
    if match is None:
        return cell, False
    _, _, second, fraction, space, half, until, gap = match.groups()
    form = f"%{'I' if half else 'H'}:%M"
    form += ":%S" if second else ""
    form += f"{match[0][match.end(4) - match.start() - len(fraction) - 1]}%f" if fraction else ""
    form += f"{space}%p" if half else ""
    form += f"{until}{{end}}" if until else ""
    form += f"{gap}%z" if gap is not None else ""
    return f"{cell[: match.start()]}{form}{cell[match.end() :]}", True


def _replace_zone(text: str) -> str:
    """Return text with a directive for the name of a time zone at its end."""
    if match := REGION.search(text):
        return f"{text[: match.start()]}%Z"
    last = text.rpartition(" ")[2]
    return f"{text.removesuffix(last)}%Z" if last.upper() in ZONE_HOURS else text


def _replace_words(text: str) -> tuple[str, set[str]] | None:
    """Return text with directives for its words, and their roles; None for an unknown word."""
    roles: set[str] = set()
    parts, position = [], 0
    for match in WORD.finditer(text):
        if text[match.start() - 1 : match.start()] in ("%", "{"):
            continue
        name = simplify_name(match[0])
        directive = _find_directive(name, match, text, roles)
        if directive is None:
            return None
        parts.append(text[position : match.start()] + directive)
        position = match.end()
    return "".join([*parts, text[position:]]), roles


def _find_directive(name: str, match: re.Match[str], text: str, roles: set[str]) -> str | None:
    """Return the directive of a word, or the word if it has no number; None if it is unknown."""
    if match[0] in UNITS:
        return match[0]
    rest = text[match.end() :]
    # A weekday comes first and has a date behind it: "mar." is Tuesday in French, or March.
    if match.start() == 0 and name in WEEKDAY_NUMBERS and re.match(r"[.,]?\s*\D*\d", rest):
        has_month = any(
            simplify_name(word) in MONTH_NUMBERS for word in WORD.findall(rest)
        ) or re.search(r"\d[-/.]\d", rest)
        if has_month:
            return "%a" if _is_short(name, "short_weekdays") else "%A"
    if name in MONTH_NUMBERS and "month" not in roles:
        roles.add("month")
        return "%b" if _is_short(name, "short_months") else "%B"
    if name == "q" or (name == "m" and re.match(r"-?\d", rest)):
        roles.add({"q": "quarter", "m": "number"}[name])
        return match[0]
    if name in WEEK_WORDS and re.match(r"[-\s./]*\d", rest):
        roles.add("week")
        return match[0]
    is_filler = name in FILLER_WORDS or (name in CLOCK_WORDS and "%M" in text)
    return match[0] if is_filler else None


def _is_short(name: str, field: str) -> bool:
    full = {
        simplify_name(word)
        for language in LANGUAGES.values()
        for word in getattr(language, field.removeprefix("short_"))
    }
    return name not in full or len(name) <= 3


def _replace_numbers(text: str, roles: set[str], has_month_first: bool) -> list[str]:
    """Return forms with directives for the numbers of a text, in each possible order."""
    numbers = list(re.finditer(r"\d+", text))
    gaps = re.sub(r"\d+|%[A-Za-z]|\{end\}", "\0", text)
    if not all(SEPARATORS.fullmatch(WORD.sub("", gap)) for gap in gaps.split("\0")):
        return []
    lengths = [len(match[0]) for match in numbers]
    if not roles and len(numbers) == 1 and "%H" not in text:
        return list(DIGIT_FORMS.get(lengths[0], ()))
    forms = []
    for order in _list_orders(lengths, text, roles, has_month_first):
        form, position = "", 0
        for match, directive in zip(numbers, order, strict=True):
            form += text[position : match.start()] + directive
            position = match.end()
        forms.append(form + text[position:])
    return forms


def _list_orders(
    lengths: list[int], text: str, roles: set[str], has_month_first: bool
) -> list[tuple[str, ...]]:
    """Return the directives of the numbers of a text, in each possible order."""
    if "month" in roles:
        parts = ("d",) if len(lengths) == 2 else ()
    elif "quarter" in roles:
        parts = ("q",)
    elif "week" in roles:
        parts = ("V", "u") if len(lengths) == 3 else ("V",)
    elif len(lengths) == 1 and lengths[0] == 8:
        return [("%Y%m%d",)]
    else:
        parts = ("m", "d") if len(lengths) == 3 else ("m",)
    if len(lengths) != len(parts) + 1:
        return []
    year = "G" if "week" in roles else "Y"
    years = [index for index, length in enumerate(lengths) if length == 4]
    if any(length > 2 and length != 4 for length in lengths) or len(years) > 1:
        return []
    # Two small numbers may be anything, unless a slash or a line joins them.
    if not years and not roles and len(lengths) == 2 and not re.search(r"\d[-/]\d", text):
        return []
    wanted = (*parts, year if years else "y")
    orders = [
        order
        for order in permutations(wanted)
        if _is_usual(order, years, year) and _fits_lengths(order, lengths)
    ]
    orders.sort(key=lambda order: _rank_order(order, has_month_first))
    return [tuple(f"%{letter}" for letter in order) for order in orders]


def _is_usual(order: tuple[str, ...], years: list[int], year: str) -> bool:
    """Return whether an order of year, month and day is in use, and has the year in its place."""
    if years and order.index(year) != years[0]:
        return False
    text = "".join(order)
    return text not in ("Ydm", "ydm", "myd", "dym", "GuV", "uVG", "uGV", "VGu", "mYd", "dYm")


def _fits_lengths(order: tuple[str, ...], lengths: list[int]) -> bool:
    return all(
        length == 2 if letter == "y" else length == 1 if letter in "qu" else True
        for letter, length in zip(order, lengths, strict=True)
    )


def _rank_order(order: tuple[str, ...], has_month_first: bool) -> tuple[bool, bool]:
    """Return a key that sorts the usual orders first."""
    begins_with_year = order[0] in "yYG" and "y" in order
    is_month_first = "m" in order and "d" in order and order.index("m") < order.index("d")
    return begins_with_year, is_month_first != has_month_first


def refine_form(form: str, cells: Sequence[str]) -> str:
    """Return a form with the zeros before numbers and the names of months that cells have.

    >>> refine_form("%d. %b %Y", ["9. Februar 2024", "10. Februar 2024"])
    '%-d. %B %Y (German)'
    """
    pattern, directives = compile_form(form)
    rows = [
        match.groups() for cell in cells if (match := re.fullmatch(pattern, cell, re.IGNORECASE))
    ]
    for index, name in enumerate(directives):
        if name in "mdHIV" and any(len(row[index]) == 1 for row in rows):
            form = form.replace(f"%{name}", f"%-{name}")
    names = [
        (name.lower(), row[index].lower())
        for row in rows
        for index, name in enumerate(directives)
        if name in WORD_DIRECTIVES
    ]
    if not names:
        return form
    form = _choose_names(form, names)
    # Names that are not shortened have no point: mars, avr.
    has_points = any(f"{name}." in cell.lower() for _, name in names for cell in cells)
    return form.replace("%b", "%b.") if has_points and "%b." not in form else form


def _choose_names(form: str, names: Sequence[tuple[str, str]]) -> str:
    """Return a form with the language of names, and with their length."""
    best, most = form, -1
    # English has two abbreviations of September.
    words = [(kind, "sep" if word.lower() == "sept" else word.lower()) for kind, word in names]
    for language, lists in LANGUAGES.items():
        short = [word.lower().replace("sept", "sep") for word in lists.short_months]
        months = [short, [word.lower() for word in lists.months]]
        days = [
            [word.lower() for word in names] for names in (lists.short_weekdays, lists.weekdays)
        ]
        for month, day in product((0, 1), (0, 1)):
            count = sum(
                word in (months[month] if kind == "b" else days[day]) for kind, word in words
            )
            if count > most:
                most = count
                best = re.sub("%[bB]", "%" + "bB"[month], form)
                best = re.sub("%[aA]", "%" + "aA"[day], best)
                best += "" if language == ENGLISH else f" ({language})"
    return best
