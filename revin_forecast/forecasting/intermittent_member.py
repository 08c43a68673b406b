"""Replace the automatic choice for intermittent series by the mean rate of `TSB`."""

from dataclasses import replace
from functools import partial

import numpy as np
import torch

from revin_forecast.backbones import TSB
from revin_forecast.backbones.target_channels import unwrap
from revin_forecast.data.series import Series
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.models.ensemble import WeightedCombination
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity

MAX_LOOKBACK = 200
"""Longest window of `TSB`; longer ones do not lower its errors."""


def add_intermittent_member(
    fitted: FittedModel,
    series: Series,
    is_intermittent: np.ndarray,
    lookback: int | None = None,
) -> FittedModel:
    """Return the model with `TSB` in place of the combination for intermittent series.

    Absolute errors, by which the members of a combination are weighed, favour a forecast of zero
    there, so `TSB` gets the whole weight.

    Args:
        fitted: the automatic choice; a model of another kind is returned unchanged.
        series: the table that it was fitted on.
        is_intermittent: (targets,) whether a target is intermittent.
        lookback: look-back that the user named; None: chosen.
    """
    combination = unwrap(fitted.model.backbone)
    if not isinstance(combination, WeightedCombination) or not is_intermittent.any():
        return fitted
    channels = [
        target for target, found in zip(fitted.targets, is_intermittent, strict=True) if found
    ]
    weights = combination.weights.clone()
    weights[:, channels] = 0
    kept = [index for index, own in enumerate(weights) if bool((own > 0).any())]
    rate = torch.zeros_like(weights[:1])
    rate[:, channels] = 1
    # Intervals of other series are in units of their window's scale, so its length must stay.
    named = min(lookback or MAX_LOOKBACK, len(series))
    lookback = fitted.config.lookback if kept else named
    members = [
        *(fitted.config.backbone.parameters["members"][index] for index in kept),
        {
            "backbone": ModuleSpec.from_class(TSB),
            "normalizer": ModuleSpec.from_class(Identity),
            "lookback": min(lookback, MAX_LOOKBACK),
        },
    ]
    backbone = ModuleSpec.from_class(partial(WeightedCombination, members=members))
    config = replace(fitted.config, backbone=backbone, lookback=lookback)
    model = config.build(len(fitted.history.names))
    extended = unwrap(model.backbone)
    assert isinstance(extended, WeightedCombination)
    for module, index in zip(extended.members, kept, strict=False):
        module.load_state_dict(combination.members[index].state_dict())
    extended.weights.copy_(torch.cat([weights[kept], rate]))
    history = series.slice_rows(len(series) - lookback, len(series))
    state = fitted.update_state
    if state is not None:
        settings = state.settings.select_members(kept, added=1)
        state = replace(state, settings=settings, width=lookback + config.horizon)
    return replace(fitted, config=config, model=model.eval(), history=history, update_state=state)
