"""The risk of the level is simulated right and supports the rule of five memories."""

import math

import numpy as np
import pytest
import torch

from benchmarks.accuracy.level_risk import (
    NEXT_LEVEL,
    TEST_PART,
    compute_exact_risk,
    compute_losses,
    interpolate_break_even,
    simulate_levels,
)
from tests.support.evidence_pages import committed_rows, repeat_page


def simulate(levels, memories, repetitions=10_000):
    generator = torch.Generator().manual_seed(1)
    return simulate_levels(levels, levels // 4, memories, repetitions, generator)


@pytest.mark.parametrize(("levels", "memories"), [(30, 6), (30, 30), (100, 2)])
def test_the_taken_level_has_its_exact_risk(levels, memories):
    losses = compute_losses(simulate(levels, memories), levels, memories)
    taken = losses[NEXT_LEVEL].by_forecast["taken"]
    error = float(taken.std()) / math.sqrt(len(taken))
    exact = compute_exact_risk(memories, levels)
    assert abs(float(taken.mean()) - exact) < 4 * error
    assert abs(float(taken.mean()) - compute_exact_risk(memories * 1.1, levels)) > 4 * error


def test_losses_are_those_of_a_plain_regression():
    levels, memories = 30, 5
    paths = simulate(levels, memories, 4)
    losses = compute_losses(paths, levels, memories)
    root = 1 - memories / levels
    for number, path in enumerate(paths.T.numpy()):
        slope, constant = np.polyfit(path[: levels - 1], path[1:levels], 1)
        origins = path[levels - 1 : -1]
        squares = levels * (constant + slope * origins - root * origins) ** 2
        by_part = {NEXT_LEVEL: squares[0], TEST_PART: squares.mean()}
        for part, expected in by_part.items():
            found = float(losses[part].by_forecast["kept"][number])
            assert found == pytest.approx(expected, rel=1e-9)


def test_a_random_walk_is_rejected_in_one_of_twenty_parts_and_then_alone_gets_a_share():
    losses = compute_losses(simulate(100, 0), 100, 0)[NEXT_LEVEL]
    assert 0.045 < float(losses.rejects.double().mean()) < 0.065
    assert bool(losses.rejects[losses.share > 0].all())
    assert float(losses.by_forecast["taken"].max()) == 0


def test_the_break_even_is_where_two_lines_cross():
    row = {"levels": 30, "scored": NEXT_LEVEL, "c": 4, "taken": 2.0, "kept": 3.0, "+- gap": 0.1}
    found = interpolate_break_even([row, row | {"c": 6, "taken": 3.5, "kept": 3.0}])
    assert found["c"] == pytest.approx(4 + 2 * 2 / 3)
    assert found["+- c"] == pytest.approx(0.1 * 2 / 1.5)
    assert found["taken"] == pytest.approx(found["kept"])
    with pytest.raises(ValueError, match="no break-even between these c"):
        interpolate_break_even([row])


def test_the_risks_are_measured_and_support_the_rule_of_five_memories(tmp_path):
    assert len(repeat_page("level_risk", tmp_path)) == 32
    rows = committed_rows("level_risk")
    for row in rows:
        if row["exact"] is not None:
            assert abs(row["taken"] - row["exact"]) <= 4.5 * row["+- taken"], row
    break_even = [row for row in rows if row["+- c"] is not None]
    assert len(break_even) == 6
    for row in break_even:
        low, high = (5, 6) if row["scored"] == NEXT_LEVEL else (6.5, 9.5)
        assert low < row["c"] < high, row
    nearby = [row for row in rows if 5 < row["c"] <= 8 and row["+- c"] is None]
    assert all(row["pretest"] > row["taken"] for row in nearby)
