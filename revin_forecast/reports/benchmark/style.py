"""One look for each normalizer, the same in every plot, for colour-blind readers too."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from revin_forecast.reports.benchmark.input_tables import (
    NORMALIZER_ORDER,
    Frame,
    Tables,
    list_backbone_names,
    order_names,
)

GREY = "#777777"

# Okabe & Ito (2008), their yellow darkened: it can't be seen on white.
COLOURS = {
    "black": "#000000",
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "yellow": "#9A8700",
}
_DASHES = ("dash", "solid", "dot", "dashdot", "longdash", "solid", "dash", "dot")
_SYMBOLS = ("square", "circle", "triangle-up", "diamond", "x", "cross", "triangle-down", "star")


@dataclass(frozen=True)
class Style:
    """How a line and its points are drawn; dash and symbol are the cues besides the colour."""

    colour: str
    dash: str
    symbol: str

    def to_rgba(self, opacity: float = 0.16) -> str:
        """Return the colour for an area behind the line."""
        red, green, blue = (int(self.colour[i : i + 2], 16) for i in (1, 3, 5))
        return f"rgba({red},{green},{blue},{opacity})"


Styles = Mapping[str, Style]
"""Name of a normalizer or of a reference model -> its look."""


def assign_styles(normalizers: Iterable[str], references: Iterable[str]) -> dict[str, Style]:
    """Give every name its look: known normalizers always the same one, references grey.

    From the ninth unknown name on colours come again, with another dash and symbol.
    """
    names = [
        *NORMALIZER_ORDER,
        *(n for n in order_names(normalizers, ()) if n not in NORMALIZER_ORDER),
    ]
    colours = list(COLOURS.values())
    looks = {}
    for number, name in enumerate(names):
        turn, place = divmod(number, len(colours))
        other = (place + 3 * turn) % len(colours)
        looks[name] = Style(colours[place], _DASHES[other], _SYMBOLS[other])
    for number, name in enumerate(order_names(references, ("SeasonalNaive", "Repeat", "Mean"))):
        symbol = ("hexagram", "hourglass", "pentagon")[number % 3]
        looks[name] = Style(GREY, ("dot", "dash", "dashdot")[number % 3], symbol)
    return looks


MARKER_FILLS = ("", "-open", "-dot", "-open-dot")
"""What is added to a symbol for the first, second, ... backbone of a scatter plot."""


def marker_fill(index: int) -> str:
    """Return what sets a backbone's symbols apart."""
    return MARKER_FILLS[index % len(MARKER_FILLS)]


def ordered_models(frame: Frame, tables: Tables) -> list[tuple[str, str]]:
    """Return the models (backbone, normalizer) of a table in the order of every plot."""
    found = set(zip(frame["backbone"], frame["normalizer"], strict=True))
    looks = assign_styles(frame["normalizer"], ())
    return [(b, n) for b in list_backbone_names(tables) for n in looks if (b, n) in found]
