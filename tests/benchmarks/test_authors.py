"""The programs of benchmarks/authors: the comparison runs, and recordings explain themselves."""

import importlib
from pathlib import Path

import pytest

from benchmarks.authors.fixture import FIXTURES, TOLERANCE, read_fixture
from tests.support.evidence_pages import committed_rows, repeat_page

PROGRAMS = sorted(Path(importlib.import_module("benchmarks.authors").__path__[0]).glob("record_*"))


def test_the_comparison_runs_and_its_page_shows_every_fixture(tmp_path):
    repeated = repeat_page("authors_outputs", tmp_path)
    names = {path.stem for path in FIXTURES.glob("*.safetensors")}
    assert {row["fixture"] for row in repeated} == names
    assert all(row["largest difference"] < TOLERANCE for row in repeated)
    committed = committed_rows("authors_outputs")
    unmeasured = {"largest difference": None}
    rows = [row | unmeasured for row in repeated]
    assert all(row | unmeasured in rows for row in committed), "repeat the command of the page"


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_recording_names_the_repository_of_its_fixtures(path, capsys):
    module = importlib.import_module(f"benchmarks.authors.{path.stem}")
    with pytest.raises(SystemExit, match="0"):
        module.run_recording(module.record, ["--help"])
    repositories = {
        read_fixture(fixture).source.repository for fixture in FIXTURES.glob("*.safetensors")
    }
    text = capsys.readouterr().out
    assert any(repository in text for repository in repositories)
    with pytest.raises(SystemExit, match=r"no folder /nowhere; clone the repository first\."):
        module.run_recording(module.record, ["/nowhere"])


def test_every_fixture_has_a_program_that_records_it():
    texts = [path.read_text() for path in PROGRAMS]
    for path in FIXTURES.glob("*.safetensors"):
        fixture = read_fixture(path)
        words = (f"{fixture.class_name}(**", fixture.source.repository, fixture.source.commit)
        assert any(all(word in text for word in words) for text in texts), path.stem
