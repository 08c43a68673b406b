"""Draw the pictures of the documentation anew, from what is computed here."""

import argparse
from pathlib import Path

from benchmarks.pages.update import has_browser, one_browser
from docs.figures import how_revin_works as explained
from docs.figures.forecast_a_csv import shops
from docs.figures.line_picture import difference
from revin_forecast.utils.files import atomic_write

FOLDER = Path(__file__).resolve().parents[1] / "images"
PICTURES = explained.PICTURES | {"shops": shops}
MOST = 64 * 1024
"""Bytes of a picture."""


def told(folder: Path, name: str) -> str | None:
    """Return what is wrong with a picture that was drawn before."""
    path = folder / f"{name}.svg"
    if not path.is_file():
        return "there is no picture"
    if path.stat().st_size > MOST:
        return f"it has {path.stat().st_size:,} bytes, at most {MOST:,} are wanted"
    return difference(PICTURES[name](), path.read_text(encoding="utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="of pictures; all if not given")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--check", action="store_true", help="only tell which would change")
    chosen = parser.parse_args()
    names = chosen.names or list(PICTURES)
    if chosen.check:
        wrong = [f"{name}: {why}" for name in names if (why := told(chosen.folder, name))]
        raise SystemExit("\n".join([*wrong, "Run python -m docs.figures.draw."]) if wrong else None)
    if not has_browser():
        raise SystemExit("Pictures are drawn by Chrome or Chromium, which was not found.")
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with one_browser():
        for name in names:
            with atomic_write(chosen.folder / f"{name}.svg") as partial:
                partial.write_text(PICTURES[name]().svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
