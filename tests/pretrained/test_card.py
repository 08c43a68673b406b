"""The model card: figures on real data, and the hash of the weights that are shipped."""

import json
import re

import pytest

from revin_forecast.errors import InputError
from revin_forecast.pretrained.card import add_figures, format_card, hash_file
from revin_forecast.pretrained.load_weights import WEIGHTS_PATH, load_networks
from revin_forecast.utils.environment import environment_info

TABLE = {
    "title": "Development panel",
    "text": "262 series.",
    "columns": ["method", "error"],
    "rows": [["network|a", 0.62], ["naive", 1]],
}


def make_card(weights, **changes):
    point = {"step": 4, "loss": 0.25, "quantile_loss": 0.5}
    score = {"season": 12, "rows": 96, "horizon": 18, "quantile_loss": 0.5}
    card = {
        "file": weights.name,
        "sha256": hash_file(weights),
        "bytes": weights.stat().st_size,
        "generator_version": "7",
        "seeds": [3, 5],
        "steps": 4000,
        "series": 2_048_000,
        "parameters": 215_271,
        "settings": {
            "batch": {"groups": 4, "series": 128},
            "learning_rate": 0.002,
            "average_decay": 0.999,
        },
        **environment_info(),
        "seconds": [600.0, 660.0],
        "skipped_steps": [0, 2],
        "synthetic": [score],
        "curves": [[point | {"step": step} for step in range(1, 101)]] * 2,
        "figures": [],
    }
    return card | changes


@pytest.fixture
def folder(tmp_path):
    """A folder with weights and their card."""
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"weights")
    (tmp_path / "card.json").write_text(json.dumps(make_card(weights)))
    (tmp_path / "figures.json").write_text(json.dumps([TABLE]))
    return tmp_path


def test_card_tells_what_was_trained_and_how_to_repeat_it(folder):
    text = format_card(json.loads((folder / "card.json").read_text()))
    assert "2 networks of 215,271 weights, whose quantiles are averaged" in text
    assert f"`{hash_file(folder / 'weights.safetensors')}`" in text
    assert "| 21 minutes, one thread" in text
    assert "--steps 4000 --seeds 3 5\n" in text
    assert "Seed 5:" in text
    # The curve is thinned out, and its last row is kept.
    steps = [int(step) for step in re.findall(r"^\| (\d+) \| 0\.2500 \|", text, re.M)]
    assert len(steps) == 2 * 12
    assert steps[-1] == 100
    assert "Development panel" not in text


def test_figures_are_added_without_a_training(folder):
    add_figures(folder, folder / "figures.json")
    text = (folder / "MODEL_CARD.md").read_text()
    assert "### Development panel\n\n262 series.\n\n| method | error |\n|---|---|\n" in text
    assert "| network\\|a | 0.62 |" in text
    add_figures(folder, folder / "figures.json")
    assert (folder / "MODEL_CARD.md").read_text() == text
    assert json.loads((folder / "card.json").read_text())["figures"] == [TABLE]


def test_unusable_figures_are_explained(folder):
    figures = folder / "figures.json"
    for content, message in (
        ("{", r"figures\.json is not JSON: .* Write it again"),
        ("{}", r"is not a list of tables, objects of title, text, columns and rows"),
        ("[1]", r"is not a list of tables"),
        (json.dumps([TABLE | {"rows": [["one"]]}]), r"row with 1 cells in a table of 2 columns"),
    ):
        figures.write_text(content)
        with pytest.raises(InputError, match=message):
            add_figures(folder, figures)
    with pytest.raises(InputError, match=r"none\.json is missing; train first, or name another"):
        add_figures(folder, folder / "none.json")


def test_card_of_other_weights_gets_no_figures(folder):
    (folder / "weights.safetensors").write_bytes(b"others")
    with pytest.raises(InputError, match=r"describes weights with the SHA-256 .* Put the files of"):
        add_figures(folder, folder / "figures.json")


@pytest.mark.skipif(not WEIGHTS_PATH.exists(), reason="the weights are not shipped yet")
def test_shipped_weights_are_those_of_their_card():
    card = json.loads((WEIGHTS_PATH.parent / "card.json").read_text())
    assert hash_file(WEIGHTS_PATH) == card["sha256"]
    assert WEIGHTS_PATH.stat().st_size == card["bytes"] <= 1_000_000
    assert not card["quick"]
    networks = load_networks()
    assert len(networks) == len(card["seeds"])
    assert sum(tensor.numel() for tensor in networks[0].parameters()) == card["parameters"]
    assert (WEIGHTS_PATH.parent / "MODEL_CARD.md").read_text() == format_card(card)
