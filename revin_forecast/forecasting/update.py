"""Add rows to a fitted model and solve it again, without a fit on all rows."""

import copy
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from revin_forecast.backbones import ETS, Pretrained
from revin_forecast.backbones.target_channels import unwrap
from revin_forecast.closed_form.refit_ridge import refit_ridge
from revin_forecast.data.reading.read_series import TableLike
from revin_forecast.data.series import Series
from revin_forecast.data.value_range import ValueRange, describe_share
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.new_rows import FollowingRows, read_following_rows
from revin_forecast.forecasting.update_state import UpdateState, needs_training
from revin_forecast.models.ensemble import WeightedCombination, to_spec
from revin_forecast.models.reversible import Reversible
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.selection.local_models import MAX_ROWS
from revin_forecast.selection.refit_members import refit_short_maps, refit_table_maps
from revin_forecast.training.model_config import ModelConfig


def update_fitted(fitted: FittedModel, table: TableLike, window: int | None = None) -> FittedModel:
    """Return a model with further rows; see `Estimator.update`."""
    start = time.perf_counter()
    state = get_update_state(fitted)
    rows = read_following_rows(fitted, table)
    state = _add_rows(state, rows, window, fitted).condense(fitted.standardizer)
    config, model = _lengthen_whole_history(fitted, state)
    solve_again(replace(fitted, config=config, model=model), state)
    value_range, notes = _widen_range(fitted, rows.values)
    updated = replace(
        fitted,
        config=config,
        model=model,
        history=_advance_history(fitted.history, state, rows, config.lookback),
        value_range=value_range,
        update_state=state,
    )
    summary = _summarize(fitted, rows, state, [*rows.notes, *notes])
    summary["update"]["seconds"] = time.perf_counter() - start
    return replace(updated, summary=summary)


def keep_all_rows(fitted: FittedModel) -> FittedModel:
    """Return the model with all rows kept, so that updates can let old ones out.

    Raises:
        InputError: the model can't be updated.
    """
    state = replace(get_update_state(fitted), keeps_all=True)
    return replace(fitted, update_state=state)


def get_update_state(fitted: FittedModel) -> UpdateState:
    """Return the rows or sums of a model.

    Raises:
        InputError: the model can't be updated; the message has the reason.
    """
    if fitted.update_state is not None:
        return fitted.update_state
    name = fitted.config.backbone.name
    if fitted.config.covariates or fitted.summary.get("known_inputs"):
        reason = "it has known inputs, whose effects only a fit estimates"
    elif _has_trained_part(fitted):
        reason = f"{name} is trained by gradient descent, not solved from sums"
    else:
        reason = (
            "it holds no sums: it was saved by an earlier version, or fitted with interpolated "
            "gaps or on a memory map"
        )
    raise InputError(f"this model can't be updated: {reason}. Call fit again, on all rows.")


def _has_trained_part(fitted: FittedModel) -> bool:
    combination = fitted.find_combination()
    members = [fitted.model] if combination is None else combination.members
    return any(map(needs_training, members))


def _add_rows(
    state: UpdateState, rows: FollowingRows, window: int | None, fitted: FittedModel
) -> UpdateState:
    """Return the state with the rows, and without those before the window.

    Raises:
        InputError: the rows or the window need earlier rows, of which only sums are left.
    """
    remedy = "Fit with keep_rows=True (--keep-rows) to keep them."
    if state.sums is not None and not rows.are_together:
        raise InputError(
            "the series of the new table end at different times, so their earlier rows would have "
            f"to be shifted, but only sums over them are left. {remedy}"
        )
    if rows.are_together:
        state = state.append(rows.values)
    else:
        state = replace(state, rows=_append_separately(state.rows, rows))
    if window is None or window >= state.row_count:
        return state
    lookback, horizon = _find_fixed_lookback(fitted), fitted.config.horizon
    if window < lookback + horizon and any(map(len, state.settings.penalties)):
        raise InputError(
            f"a window of {window} rows is shorter than a look-back of {lookback} and a horizon of "
            f"{horizon}. Pass a window of at least {lookback + horizon} rows."
        )
    if state.sums is not None or window > len(state.rows):
        raise InputError(
            f"only sums are left of the rows before the last {len(state.rows)}, so they can't be "
            f"let out to leave {window}. {remedy}"
        )
    # Kept from now on: a window that moves needs the rows that it will leave behind.
    return replace(state, rows=state.rows[-window:], keeps_all=True)


def _find_fixed_lookback(fitted: FittedModel) -> int:
    """Return the longest look-back that stays as it is, of members that do not see all rows."""
    if fitted.find_combination() is None:
        return fitted.config.lookback
    members = fitted.config.backbone.parameters["members"]
    fixed = [int(member["lookback"]) for member in members if not _sees_all_rows(member)]
    return max(fixed, default=1)


def _append_separately(values: np.ndarray, rows: FollowingRows) -> np.ndarray:
    """Return all rows, with the last row of each series in the last row."""
    longest = len(rows.values)
    joined = np.full((len(values) + longest, values.shape[1]), np.nan)
    for channel, count in enumerate(rows.counts):
        joined[longest - count : len(joined) - count, channel] = values[:, channel]
        joined[len(joined) - count :, channel] = rows.values[longest - count :, channel]
    # The shift may leave rows without any value in front.
    return joined[int(np.isfinite(joined).any(axis=1).argmax()) :]


def _lengthen_whole_history(
    fitted: FittedModel, state: UpdateState
) -> tuple[ModelConfig, Reversible]:
    """Return the configuration and a copy of the model; what reads all rows gets all rows."""
    config = fitted.config
    if isinstance(unwrap(fitted.model.backbone), Pretrained):
        config = replace(config, lookback=min(state.row_count, state.width - 1))
        return config, _rebuild(fitted, config)
    if not fitted.takes_whole_history or fitted.find_combination() is None:
        return config, copy.deepcopy(fitted.model)
    rows = min(state.row_count, MAX_ROWS)
    members = [
        {**member, "lookback": rows} if _sees_all_rows(member) else dict(member)
        for member in config.backbone.parameters["members"]
    ]
    lookback = max(int(member["lookback"]) for member in members)
    backbone = ModuleSpec(config.backbone.path, {"members": members})
    config = replace(config, backbone=backbone, lookback=lookback)
    return config, _rebuild(fitted, config)


def _rebuild(fitted: FittedModel, config: ModelConfig) -> Reversible:
    """Return a model of another look-back with the same weights."""
    model = config.build(len(fitted.history.names))
    model.load_state_dict(fitted.model.state_dict())
    return model.eval()


def _sees_all_rows(member: dict[str, Any]) -> bool:
    return issubclass(to_spec(member["backbone"]).import_class(), ETS | Pretrained)


def solve_again(fitted: FittedModel, state: UpdateState) -> None:
    """Solve all maps of a model again, in place.

    Args:
        fitted: the model.
        state: the rows or sums to solve on, and the penalties and shares that were chosen.
    """
    values = torch.from_numpy(fitted.standardizer.transform(state.rows))
    combination = fitted.find_combination()
    if isinstance(combination, WeightedCombination):
        refit_table_maps(combination, state.settings, values, state.sums)
        if state.settings.own_share is not None:
            seen = max(state.settings.short_rows, MAX_ROWS)
            amounts = state.rows[-seen:] / fitted.standardizer.scale
            refit_short_maps(combination, state.settings, amounts)
        return
    if state.settings.penalties:
        backbone = unwrap(fitted.model.backbone)
        # Windows of series that are only inputs teach a shared map, too.
        targets = fitted.model.normalizer.targets
        model = fitted.model
        if targets is not None:
            full = replace(fitted.config, targets=None).build(len(fitted.history.names))
            full.normalizer.load_state_dict(model.normalizer.state_dict())
            model = Reversible(backbone, full.normalizer)
        refit_ridge(model, state.settings.penalties[0].tolist(), values, state.sums)


def _advance_history(
    history: Series, state: UpdateState, rows: FollowingRows, lookback: int
) -> Series:
    """Return the last rows, from which the next forecast is made."""
    stamps = history.timestamps.append(rows.timestamps)
    if history.frequency is not None:
        # Longer than the history where a model smooths all rows.
        last = rows.timestamps[-1]
        stamps = pd.date_range(end=last, periods=lookback, freq=history.frequency)
    return replace(
        history,
        values=state.rows[-lookback:],
        timestamps=pd.DatetimeIndex(stamps[-lookback:]).as_unit(history.timestamps.unit),
        last_timestamps=rows.ends,
        has_aligned_ends=rows.ends is not None,
        notes=(),
    )


def _widen_range(fitted: FittedModel, values: np.ndarray) -> tuple[ValueRange | None, list[str]]:
    """Return the range of forecasts with the bounds that new rows disprove dropped, and notes."""
    own = fitted.value_range
    if own is None:
        return None, []
    known = np.nan_to_num(values[:, fitted.targets])
    is_below = (own.minimum == 0) & (known < 0).any(axis=0)
    is_whole = own.is_whole & (known == np.rint(known)).all(axis=0)
    notes = []
    if is_below.any():
        notes.append(f"below 0 in {describe_share(is_below)} for the first time: no minimum now")
    if (is_whole != own.is_whole).any():
        count = describe_share(is_whole != own.is_whole)
        notes.append(f"not whole in {count} for the first time: no rounding now")
    minimum = np.where(is_below, -np.inf, own.minimum)
    return replace(own, minimum=minimum, is_whole=is_whole), notes


def _summarize(
    fitted: FittedModel, rows: FollowingRows, state: UpdateState, notes: list[str]
) -> dict[str, Any]:
    """Return the summary of the fit, with the facts of the update."""
    before, added = fitted.summary, int(rows.counts.max())
    last = rows.timestamps[-1]
    total = before["rows"] + added
    if not rows.are_together:
        # Series that ended early may have further rows at times that others had before.
        total = len(pd.date_range(before["first"], last, freq=fitted.history.frequency))
    kept = min(total, len(state.rows)) if state.keeps_all else total
    first = before["first"]
    if kept < total and fitted.history.frequency is not None:
        first = str(pd.date_range(end=last, periods=kept, freq=fitted.history.frequency)[0])
    newer = np.arange(len(rows.values))[:, None] >= len(rows.values) - rows.counts
    unobserved = before["unobserved"] + int((~np.isfinite(rows.values) & newer).sum())
    if kept < total:
        unobserved = int((~np.isfinite(state.rows)).sum())
    earlier = before.get("update", {})
    facts = {
        "added": added,
        "let_out": total - kept,
        "updates": earlier.get("updates", 0) + 1,
        "fitted_until": earlier.get("fitted_until", before["last"]),
        "stored_rows": len(state.rows),
        "summed_rows": 0 if state.sums is None else state.sums.rows,
        "stored_bytes": state.byte_count,
        "notes": notes,
    }
    return before | {
        "rows": kept,
        "first": first,
        "last": str(last),
        "unobserved": unobserved,
        "update": facts,
    }
