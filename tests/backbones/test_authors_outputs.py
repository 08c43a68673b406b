"""Our classes against recorded outputs of the authors' code, with equal weights."""

import re

import pytest
import torch

from benchmarks.authors.fixture import (
    FIXTURES,
    MAX_BYTES,
    TOLERANCE,
    Source,
    largest_difference,
    read_fixture,
    write_fixture,
)
from revin_forecast import DLinear

PATHS = sorted(FIXTURES.glob("*.safetensors"))
MIN_INFLUENCE = 1e3 * TOLERANCE
"""Change of the output that a change of any weight must make."""
WITHOUT_INFLUENCE: dict[str, set[str]] = {}
"""Name of a fixture -> weights that cannot change its output, by design."""


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def recorded(path):
    return read_fixture(path)


def test_the_output_is_that_of_the_authors_code(path, recorded):
    assert path.stem.split("_")[0] == recorded.class_name
    assert path.stat().st_size <= MAX_BYTES
    assert re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", recorded.source.repository)
    assert re.fullmatch(r"[0-9a-f]{40}", recorded.source.commit)
    assert {value.dtype for value in recorded.outputs.values()} == {torch.float64}
    assert largest_difference(recorded) < TOLERANCE


def test_every_weight_is_away_from_its_initial_value(recorded):
    fresh = dict(recorded.build_model().named_parameters())
    for name, value in fresh.items():
        assert (recorded.weights[name] != value).all(), name


def test_every_weight_changes_the_output(path, recorded):
    """Otherwise a weight in the wrong place would not be noticed."""
    model = recorded.load_model()
    ignored = WITHOUT_INFLUENCE.get(path.stem, set())
    assert ignored <= {name for name, _ in model.named_parameters()}
    for name, parameter in model.named_parameters():
        original = parameter.data.clone()
        parameter.data += 0.01 * torch.randn_like(parameter)
        change = largest_difference(recorded, model)
        assert change < TOLERANCE if name in ignored else change > MIN_INFLUENCE, name
        parameter.data.copy_(original)
    assert largest_difference(recorded, model) < TOLERANCE


@pytest.mark.parametrize("damage", ["missing", "unused"])
def test_a_state_dict_that_does_not_fit_is_refused(recorded, damage):
    weights = recorded.weights
    if damage == "missing":
        weights.pop(next(iter(weights)))
    else:
        weights["another"] = torch.zeros(1)
    with pytest.raises(RuntimeError, match=r"(Missing|Unexpected) key\(s\) in state_dict"):
        recorded.load_model()


def test_a_written_fixture_is_read_back(tmp_path, capsys):
    parameters = {"lookback": 4, "horizon": 2, "channels": 1, "kernel": 3}
    model, past = DLinear(**parameters).double(), torch.randn(2, 4, 1, dtype=torch.float64)
    source = Source("https://github.com/a/b", "0" * 40, "Nothing.")
    path = tmp_path / "new" / "DLinear.safetensors"
    outputs = {"forecast": model(past) + 0.5}
    written = write_fixture(model, {"past": past}, outputs, parameters, source, path)
    assert capsys.readouterr().out == "DLinear: largest difference 0.5\n"
    assert (written.source, written.parameters) == (source, parameters)
    torch.testing.assert_close(written.inputs["past"], past)
    torch.testing.assert_close(dict(written.weights), dict(model.state_dict()))


def test_unknown_names_and_large_files_are_refused(tmp_path):
    source, path = Source("https://github.com/a/b", "0" * 40), tmp_path / "DLinear.safetensors"
    parameters = {"lookback": 100, "horizon": 50, "channels": 1}
    model = DLinear(**parameters).double()
    with pytest.raises(ValueError, match=r"'attention_shift'\) but got \['window'\]\."):
        write_fixture(model, {"window": torch.zeros(1)}, {}, parameters, source, path)
    with pytest.raises(ValueError, match=r"would have \d+ bytes; choose smaller sizes\."):
        write_fixture(model, {}, {}, parameters, source, path)
    assert not path.exists()
