"""Names of months and weekdays in the languages in which tables are read and written."""

import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """Names of the months and weekdays of a language."""

    months: tuple[str, ...]
    """Twelve names, January first."""
    short_months: tuple[str, ...]
    """Twelve abbreviations without a point."""
    weekdays: tuple[str, ...]
    """Seven names, Monday first."""
    short_weekdays: tuple[str, ...]
    """Seven abbreviations without a point."""


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ENGLISH = "English"
LANGUAGES = {
    ENGLISH: Language(
        _split(
            "January February March April May June July August September October November December"
        ),
        _split("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"),
        _split("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
        _split("Mon Tue Wed Thu Fri Sat Sun"),
    ),
    "German": Language(
        _split(
            "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
        ),
        _split("Jan Feb Mrz Apr Mai Jun Jul Aug Sep Okt Nov Dez"),
        _split("Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag"),
        _split("Mo Di Mi Do Fr Sa So"),
    ),
    "French": Language(
        _split(
            "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
        ),
        _split("janv févr mars avr mai juin juil août sept oct nov déc"),
        _split("lundi mardi mercredi jeudi vendredi samedi dimanche"),
        _split("lun mar mer jeu ven sam dim"),
    ),
    "Spanish": Language(
        _split(
            "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre "
            "diciembre"
        ),
        _split("ene feb mar abr may jun jul ago sep oct nov dic"),
        _split("lunes martes miércoles jueves viernes sábado domingo"),
        _split("lun mar mié jue vie sáb dom"),
    ),
    "Italian": Language(
        _split(
            "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre "
            "dicembre"
        ),
        _split("gen feb mar apr mag giu lug ago set ott nov dic"),
        _split("lunedì martedì mercoledì giovedì venerdì sabato domenica"),
        _split("lun mar mer gio ven sab dom"),
    ),
    "Dutch": Language(
        _split(
            "januari februari maart april mei juni juli augustus september oktober november "
            "december"
        ),
        _split("jan feb mrt apr mei jun jul aug sep okt nov dec"),
        _split("maandag dinsdag woensdag donderdag vrijdag zaterdag zondag"),
        _split("ma di wo do vr za zo"),
    ),
    "Portuguese": Language(
        _split(
            "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro "
            "dezembro"
        ),
        _split("jan fev mar abr mai jun jul ago set out nov dez"),
        _split("segunda terça quarta quinta sexta sábado domingo"),
        _split("seg ter qua qui sex sáb dom"),
    ),
}
"""Languages by their English names."""
FURTHER_MONTHS = {"jän": 1, "jänner": 1, "feber": 2, "mär": 3, "maerz": 3, "sept": 9, "set": 9}
"""Usual spellings that are not written."""


def simplify_name(name: str) -> str:
    """Return a name in lower case without accents and points.

    >>> simplify_name("Févr.")
    'fevr'
    """
    plain = unicodedata.normalize("NFKD", name.lower())
    return "".join(letter for letter in plain if letter.isalpha() and letter.isascii())


def _number_months() -> dict[str, int]:
    numbers = {simplify_name(name): number for name, number in FURTHER_MONTHS.items()}
    for language in LANGUAGES.values():
        for names in (language.months, language.short_months):
            numbers |= {simplify_name(name): index + 1 for index, name in enumerate(names)}
    return numbers


MONTH_NUMBERS = _number_months()
"""Number of each month by its simplified name, in any of the languages."""


def _number_weekdays() -> dict[str, int]:
    numbers = {}
    for language in LANGUAGES.values():
        for names in (language.weekdays, language.short_weekdays):
            numbers |= {simplify_name(name): index for index, name in enumerate(names)}
    return numbers


WEEKDAY_NUMBERS = _number_weekdays()
"""Number of each weekday by its simplified name, 0 for Monday, in any of the languages."""
WORD = re.compile(r"[^\W\d_]+")
"""Pattern of a word, such as the name of a month."""
