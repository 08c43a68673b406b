"""The wheel and the sdist hold what a release needs; `scripts/check_release` installs both."""

import email
import re
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import revin_forecast

ROOT = Path(__file__).resolve().parents[2]
MAX_WHEEL_BYTES = 3_000_000
VERSION = revin_forecast.__version__


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Paths of a wheel and an sdist, built without an environment of their own."""
    from hatchling.builders.sdist import SdistBuilder
    from hatchling.builders.wheel import WheelBuilder

    folder = tmp_path_factory.mktemp("dist")
    builders = (WheelBuilder, SdistBuilder)
    return [
        Path(next(builder(str(ROOT)).build(directory=str(folder), versions=["standard"])))
        for builder in builders
    ]


def read_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


@pytest.mark.slow
def test_the_wheel_is_small_and_whole(built):
    wheel, _ = built
    assert wheel.stat().st_size < MAX_WHEEL_BYTES
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert "revin_forecast/datasets/co2_weekly.csv" in names
    assert "revin_forecast/py.typed" in names
    assert not any(name.startswith(("datasets/", "tests/", "docs/")) for name in names)


@pytest.mark.slow
def test_the_package_index_shows_the_readme_without_broken_links(built):
    metadata = read_metadata(built[0])
    assert metadata["Version"] == VERSION
    text = metadata.get_payload()
    assert text.lstrip().startswith("# revin_forecast")
    assert "pip install revin-forecast && revin-forecast demo" in text
    targets = re.findall(r"\]\(([^)]+)\)", text) + re.findall(
        r"(?:src|href|srcset)=\"([^\"]+)", text
    )
    assert [target for target in targets if not target.startswith("https://")] == []


@pytest.mark.slow
def test_the_sdist_has_every_file_of_the_repository(built):
    _, sdist = built
    with tarfile.open(sdist) as archive:
        packed = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    missing = [name for name in listed.stdout.splitlines() if name not in packed]
    assert [name for name in missing if (ROOT / name).exists()] == []


def test_the_changelog_dates_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## \[{re.escape(VERSION)}\] - 20\d\d-\d\d-\d\d$", changelog, re.M)
    assert f"version: {VERSION}" in (ROOT / "CITATION.cff").read_text()
    assert "version" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"]
