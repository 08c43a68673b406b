"""Take the screenshots at the top of README.md: the report of a forecast, light and dark.

They need a browser:

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
VIEWPORT = {"width": 1000, "height": 880}


def main(words: Sequence[str] | None = None) -> None:
    """Take the screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--quick", action="store_true", help="one screenshot instead of two")
    options = parser.parse_args(words)
    options.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch, open_chromium() as chromium:
        page = Path(scratch) / "report.html"
        write_report(page)
        for scheme in ("light",) if options.quick else ("light", "dark"):
            target = options.out / f"report_{scheme}.png"
            take_screenshot(chromium, page, scheme, target)
            print(f"{target}: {target.stat().st_size:,} bytes")


def write_report(page: Path) -> None:
    """Write the report with the command of README.md."""
    from revin_forecast.cli.main import main as command

    file = ROOT / "datasets" / "co2_weekly.csv"
    words = ["forecast", str(file), "--horizon", "52", "--level", "80", "95", "--quiet"]
    code = command([*words, "--report", str(page), "--out", str(page.with_name("forecast.csv"))])
    assert code == 0, code


@contextlib.contextmanager
def open_chromium() -> Iterator[Any]:
    """Open a headless browser; the system's own where playwright has none."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield chromium
        chromium.close()


def take_screenshot(chromium: Any, page: Path, scheme: str, target: Path) -> None:
    """Save the top of a page, with the pointer on the forecast."""
    context = chromium.new_context(color_scheme=scheme, viewport=VIEWPORT)
    tab = context.new_page()
    tab.goto(page.as_uri())
    tab.wait_for_selector("body[data-drawn=all]")
    box = tab.locator("#chart-fan .nsewdrag").first.bounding_box()
    # In the past, so that the values at the pointer do not cover the forecast.
    tab.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.85 * box["height"])
    tab.wait_for_timeout(500)  # the values at the pointer fade in
    tab.screenshot(path=target)
    context.close()


if __name__ == "__main__":
    main()
