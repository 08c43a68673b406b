"""The programs of benchmarks/authors: the comparison runs, and recordings explain themselves."""

import importlib
from pathlib import Path

import numpy
import pytest
import torch
from torch import nn

from benchmarks.authors.fixture import FIXTURES, TOLERANCE, default_float64, read_fixture
from benchmarks.authors.recording import (
    DoublePrecision,
    draw_centred,
    draw_ending_at_zero,
    draw_standard,
    join_keys_values,
    prepare,
    rename_weights,
    squeeze_maps,
)
from tests.support.evidence_pages import committed_rows, repeat_page

PROGRAMS = sorted(Path(importlib.import_module("benchmarks.authors").__path__[0]).glob("record_*"))


def test_the_comparison_runs_and_its_page_shows_every_fixture(tmp_path):
    repeated = repeat_page("authors_outputs", tmp_path)
    names = {path.stem for path in FIXTURES.glob("*.safetensors")}
    assert {row["fixture"] for row in repeated} == names
    assert all(row["largest difference"] < TOLERANCE for row in repeated)
    committed = committed_rows("authors_outputs")
    unmeasured = {"largest difference": None}
    rows = [[row | unmeasured for row in table] for table in (committed, repeated)]
    assert rows[0] == rows[1], "repeat the command of the page"
    assert all(row["largest difference"] < TOLERANCE for row in committed)


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


def test_weights_are_renamed_joined_and_squeezed():
    shapes = {"conv.weight": (2, 2, 1), "key.bias": (2,), "value.bias": (2,), "scale": (1,)}
    state = {name: torch.full(shape, rank) for rank, (name, shape) in enumerate(shapes.items())}
    names = {"conv.": "a.feed.0.", "key.": "a.keys.", "value.": "a.values.", "scale": ""}
    weights = squeeze_maps(join_keys_values(rename_weights(state, names)))
    joined = torch.tensor([1, 1, 2, 2])
    expected = {"a.feed.0.weight": torch.full((2, 2), 0), "a.keys_values.bias": joined}
    torch.testing.assert_close(weights, expected)
    with pytest.raises(ValueError, match="no prefix of scale; name its counterpart, or an empty"):
        rename_weights(state, {"conv.": "", "key.": "", "value.": ""})


def test_windows_keep_their_values_under_the_normalizations_of_the_authors():
    torch.testing.assert_close(draw_centred(3, 8, 2).mean(1), torch.zeros(3, 2).double())
    for correction in (0, 1):
        variance = draw_standard(3, 8, 2, correction=correction).var(1, correction=correction)
        torch.testing.assert_close((variance + 1e-5).sqrt(), torch.ones(3, 2).double())
    assert (draw_ending_at_zero(3, 8, 2)[:, -1] == 0).all()


def test_a_prepared_module_is_away_from_its_start():
    norm = prepare(nn.BatchNorm1d(4))
    for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        assert values.dtype == torch.float64
        assert not torch.isin(values, torch.tensor([0.0, 1.0]).double()).any()
    assert not norm.training


def test_libraries_compute_in_64_bits():
    assert DoublePrecision(torch).zeros(1, dtype=DoublePrecision(torch).float32).dtype.itemsize == 8
    assert numpy.zeros(1, dtype=DoublePrecision(numpy).float).itemsize == 8
    with default_float64():
        assert torch.zeros(1).dtype == torch.float64
    assert torch.zeros(1).dtype == torch.float32
