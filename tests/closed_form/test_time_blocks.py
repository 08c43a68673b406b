"""Held-out blocks against maps fitted on explicit windows."""

import math
from itertools import pairwise

import numpy as np
import torch

from revin_forecast.closed_form import WindowSums, seasonal_profile
from revin_forecast.closed_form.seasonal_profile import repeat_profile
from revin_forecast.closed_form.sweep_maps import SweepChoice, absorb_mean, build_map
from revin_forecast.closed_form.time_blocks import hold_out_blocks
from tests.support.closed_form import (
    HORIZONS,
    LOOKBACKS,
    PENALTIES,
    SMALL,
    check_equations,
    gather_windows,
    seasonal_series,
    walk,
)


def test_a_block_is_scored_by_maps_fitted_without_its_targets():
    values = walk()
    lookback, horizon, rows = 9, 5, len(values)
    blocks = hold_out_blocks(WindowSums(values, lookback, horizon), 3)
    origins = range(lookback, rows - horizon + 1)
    edges = [lookback + len(origins) * part // 3 for part in range(4)]
    for block, (start, end) in zip(blocks, pairwise(edges), strict=True):
        check_equations(
            block.held_out_equations, *gather_windows(values, lookback, horizon, start, end)
        )
        targets = set(range(start, end + horizon - 1))
        disjoint = [start for start in origins if not targets & set(range(start, start + horizon))]
        windows = [
            gather_windows(values, lookback, horizon, start, start + 1) for start in disjoint
        ]
        past, future = (np.concatenate(part) for part in zip(*windows, strict=True))
        check_equations(block.fit_equations, past, future)
        errors = block.errors(LOOKBACKS, PENALTIES, HORIZONS)
        held_past, held_future = gather_windows(values, lookback, horizon, start, end)
        for row, size in enumerate(LOOKBACKS):
            for column, penalty in enumerate(PENALTIES):
                x, z = (part[:, -size:] for part in (past, held_past))
                level, held_level = x.mean(1, keepdims=True), z.mean(1, keepdims=True)
                gram = (x - level).T @ (x - level)
                ridge = gram + penalty * np.trace(gram) / size * np.eye(size)
                weight = np.linalg.solve(ridge, (x - level).T @ (future - level)).T
                miss = (held_future - held_level - (z - held_level) @ weight.T) ** 2
                expected = miss[:, :2].sum(), miss[:, 2:].sum()
                np.testing.assert_allclose(errors[row, :, column], expected, rtol=1e-8)
                both = [SweepChoice((size,), (penalty,), math.nan)] * 2
                fit_equations = block.fit_equations
                raw = build_map(lambda _, e=fit_equations: e, both, SMALL.groups, lookback)
                np.testing.assert_allclose(block.map_errors(raw, HORIZONS), expected, rtol=1e-8)
                np.testing.assert_allclose(raw.sum(1), 1)


def test_channel_map_errors_equal_those_on_the_blocks_windows():
    values = walk(150, 1)
    block = hold_out_blocks(WindowSums(values, 9, 5), 3)[1]
    shared = absorb_mean(torch.rand(5, 4, dtype=torch.float64), 9)
    errors = block.channel_map_errors(shared, PENALTIES, HORIZONS)
    edges = [9 + 137 * part // 3 for part in range(4)]
    start, end = edges[1:3]
    past, future = gather_windows(values, 9, 5, start, end)
    disjoint = [origin for origin in range(9, 146) if not start - 5 < origin < end + 4]
    windows = [gather_windows(values, 9, 5, origin, origin + 1) for origin in disjoint]
    x, y = (np.concatenate(part) for part in zip(*windows, strict=True))
    level, held_level = x.mean(1, keepdims=True), past.mean(1, keepdims=True)
    x, y, z, truth = x - level, y - level, past - held_level, future - held_level
    gram, residual = x.T @ x, y - x @ shared.numpy().T
    for column, penalty in enumerate((math.inf, *PENALTIES)):
        weight = shared.numpy().T
        if column:
            ridge = gram + penalty * np.trace(gram) / 9 * np.eye(9)
            weight = weight + np.linalg.solve(ridge, x.T @ residual)
        miss = (truth - z @ weight) ** 2
        expected = miss[:, :2].sum(), miss[:, 2:].sum()
        np.testing.assert_allclose(errors[:, column], expected, rtol=1e-8)


def test_a_blocks_profile_excludes_its_targets():
    _, values = seasonal_series(150)
    sums = WindowSums(values, 9, 5)
    edges = [9 + 137 * part // 3 for part in range(4)]
    blocks = hold_out_blocks(sums, 3, season=12, share=0.5)
    for block, (start, end) in zip(blocks, pairwise(edges), strict=True):
        changed = values.clone()
        changed[start : end + 4] = 100.0  # targets of the block: its profile can't see them
        profile = seasonal_profile(changed, 12, (start, end + 4))
        residual = values - 0.5 * repeat_profile(profile, 150)
        check_equations(block.held_out_equations, *gather_windows(residual, 9, 5, start, end))
