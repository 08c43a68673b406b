"""The picture at the top of README.md: the page of a forecast, light and dark.

A browser draws it, so it is made where there is one:

    python -m docs.figures.screenshots
"""

import argparse
import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SIZE = {"width": 1000, "height": 740}


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--quick", action="store_true", help="one picture instead of two")
    chosen = parser.parse_args(words)
    chosen.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch, browser() as chromium:
        page = Path(scratch) / "report.html"
        report(page)
        for scheme in ("light",) if chosen.quick else ("light", "dark"):
            target = chosen.out / f"report_{scheme}.png"
            shoot(chromium, page, scheme, target)
            print(f"{target}: {target.stat().st_size:,} bytes")


def report(page: Path) -> None:
    """Make the page as README.md does."""
    from revin_forecast.cli.main import main as command

    file = ROOT / "datasets" / "co2_weekly.csv"
    words = ["forecast", str(file), "--horizon", "52", "--level", "80", "95", "--quiet"]
    code = command([*words, "--report", str(page), "--out", str(page.with_name("forecast.csv"))])
    assert code == 0, code


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Start a browser without a window; the system's own where playwright has none."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield started
        started.close()


def shoot(chromium: Any, page: Path, scheme: str, target: Path) -> None:
    """Take a picture of the top of a page, the pointer over the forecast."""
    context = chromium.new_context(color_scheme=scheme, viewport=SIZE)
    tab = context.new_page()
    tab.goto(page.as_uri())
    tab.wait_for_selector("body[data-drawn=all]")
    box = tab.locator("#chart-fan .nsewdrag").first.bounding_box()
    # In the past, so that the values at the pointer hide nothing of the forecast.
    tab.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.85 * box["height"])
    tab.wait_for_timeout(500)  # the values at the pointer fade in
    tab.screenshot(path=target)
    context.close()


if __name__ == "__main__":
    main()
