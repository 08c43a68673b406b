"""Draw the figures of the documentation from values that are computed here."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.pages.browser import has_browser, open_browser
from docs.figures import how_revin_works, level, zero_shot
from docs.figures.explain import draw_contributions
from docs.figures.forecast_a_csv import draw_shops
from docs.figures.line_figure import find_difference
from revin_forecast.utils.files import atomic_write

FOLDER = Path(__file__).resolve().parents[1] / "images"
FIGURES = how_revin_works.FIGURES | level.FIGURES | zero_shot.FIGURES
FIGURES |= {"shops": draw_shops, "contributions": draw_contributions}
MAX_BYTES = 64 * 1024
"""Size of a figure's file."""


def main(words: Sequence[str] | None = None) -> None:
    """Draw figures, or print which would change."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="names of figures; all by default")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--check", action="store_true", help="only print which would change")
    options = parser.parse_args(words)
    names = options.names or list(FIGURES)
    if options.check:
        problems = [
            f"{name}: {problem}"
            for name in names
            if (problem := check_figure(options.folder, name))
        ]
        command = "Run python -m docs.figures.draw."
        raise SystemExit("\n".join([*problems, command]) if problems else None)
    if not has_browser():
        raise SystemExit("Figures are drawn by Chrome or Chromium, which was not found.")
    options.folder.mkdir(parents=True, exist_ok=True)
    with open_browser():
        for name in names:
            with atomic_write(options.folder / f"{name}.svg") as partial:
                partial.write_text(FIGURES[name]().render_svg(), encoding="utf-8")


def check_figure(folder: Path, name: str) -> str | None:
    """Return the problem with the file of a figure; None if it is up to date."""
    path = folder / f"{name}.svg"
    if not path.is_file():
        return "there is no figure"
    if path.stat().st_size > MAX_BYTES:
        return f"it has {path.stat().st_size:,} bytes, the limit is {MAX_BYTES:,}"
    return find_difference(FIGURES[name](), path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
