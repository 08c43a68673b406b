"""Colour, dash and symbol of each normalizer, the same in every plot."""

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

# Okabe & Ito (2008): distinguishable by colour-blind readers. Their yellow is darkened, since it is
# hardly visible on white.
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
DARK_COLOURS = {
    "#000000": "#f0f0f0",
    "#0072b2": "#5ab0ee",
    "#e69f00": "#f0b43c",
    "#009e73": "#3cc79c",
    "#d55e00": "#ff8a3d",
    "#cc79a7": "#e39ac3",
    "#56b4e9": "#8fd0f7",
    "#9a8700": "#d3c13f",
    GREY: "#a3a9b1",
    # Ink, lines and grids of figures.
    "#222222": "#e4e7eb",
    "#666666": "#a3a9b1",
    "#888888": "#9aa1a9",
    "#999999": "#747c85",
    "#dddddd": "#3a4149",
    "#e8e8e8": "#2e343b",
    # The page, and the ends of the heat map's colours.
    "#ffffff": "#15191e",
    "#0b5a94": "#2f7fc1",
    "#7fb5d8": "#24517a",
    "#f2b27a": "#7d4a1c",
    "#c25400": "#d9701f",
}
"""The colour of a dark page by that of a light page; page.js replaces them in the figures."""
_DASHES = ("dash", "solid", "dot", "dashdot", "longdash", "solid", "dash", "dot")
_SYMBOLS = ("square", "circle", "triangle-up", "diamond", "x", "cross", "triangle-down", "star")


@dataclass(frozen=True)
class Style:
    """The style of a line and its points; dash and symbol distinguish lines without colour."""

    colour: str
    dash: str
    symbol: str

    def to_rgba(self, opacity: float = 0.16) -> str:
        """Return a translucent colour for an area behind the line."""
        red, green, blue = (int(self.colour[i : i + 2], 16) for i in (1, 3, 5))
        return f"rgba({red},{green},{blue},{opacity})"


Styles = Mapping[str, Style]
"""Styles by name of a normalizer or of a reference model."""


def assign_styles(normalizers: Iterable[str], references: Iterable[str]) -> dict[str, Style]:
    """Return a style for every name.

    Known normalizers always have the same style, and references are grey. After eight names the
    colours repeat, with another dash and symbol.
    """
    # Known names come first even if absent, so that their styles do not depend on the suite.
    names = [
        *NORMALIZER_ORDER,
        *(n for n in order_names(normalizers, ()) if n not in NORMALIZER_ORDER),
    ]
    colours = list(COLOURS.values())
    styles = {}
    for number, name in enumerate(names):
        round_number, index = divmod(number, len(colours))
        # An offset of 3, coprime to 8, pairs a repeated colour with another dash and symbol.
        offset_index = (index + 3 * round_number) % len(colours)
        styles[name] = Style(colours[index], _DASHES[offset_index], _SYMBOLS[offset_index])
    for number, name in enumerate(order_names(references, ("SeasonalNaive", "Repeat", "Mean"))):
        symbol = ("hexagram", "hourglass", "pentagon")[number % 3]
        styles[name] = Style(GREY, ("dot", "dash", "dashdot")[number % 3], symbol)
    return styles


MARKER_FILLS = ("", "-open", "-dot", "-open-dot")
"""Suffix of a symbol for the first, second, ... backbone of a scatter plot."""


def marker_fill(index: int) -> str:
    """Return the symbol suffix of the backbone at an index."""
    return MARKER_FILLS[index % len(MARKER_FILLS)]


def ordered_models(frame: Frame, tables: Tables) -> list[tuple[str, str]]:
    """Return the models (backbone, normalizer) of a table, ordered as in every plot."""
    models = set(zip(frame["backbone"], frame["normalizer"], strict=True))
    names = assign_styles(frame["normalizer"], ())
    return [(b, n) for b in list_backbone_names(tables) for n in names if (b, n) in models]
