"""Online baselines compared with the models that they start from."""

from collections.abc import Sequence

import pandas as pd

from revin_forecast.shift.aggregates.estimates import NO_ESTIMATE, pool_estimates
from revin_forecast.shift.aggregates.lacking import column_masks, describe_lacking
from revin_forecast.shift.aggregates.leaderboard import PLACEMENTS
from revin_forecast.shift.aggregates.panel import MODEL_COLUMNS, ModelKey, Panel
from revin_forecast.shift.suite.plan import ONLINE_SUFFIX

ONLINE_COLUMNS = [*MODEL_COLUMNS, "column", "mase", "against_frozen", "lo", "hi", "note"]


def online_errors(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return each online baseline's error and its ratio to the model that does not go on learning.

    mase is the geometric mean of the headline. against_frozen is the mean of log(E / E_frozen) over
    the same cells, with the same backbone, normalizer and seed: below 0 going on learning helps.
    There is no transition, as each of its windows has a shift of its own.
    """
    models = panels[0].models if panels else ()
    rows = []
    for number, model in enumerate(models):
        if model.role != "online":
            continue
        backbone = model.backbone.rpartition(ONLINE_SUFFIX)[0]
        frozen = models.index(ModelKey(backbone, model.normalizer, "model"))
        for column in PLACEMENTS:
            masks = column_masks(panels, column)
            used = [
                (panel, mask)
                for panel, mask in zip(panels, masks, strict=True)
                if len(panel.pair(number, mask).rows)
            ]
            if not used:
                continue
            note = describe_lacking(panels, number, masks) or describe_lacking(
                panels, frozen, masks
            )
            figures = (float("nan"), *NO_ESTIMATE)
            if not note:
                error = pool_estimates([panel.log_mean(number, mask) for panel, mask in used])
                ratios = [panel.log_ratio(number, frozen, mask) for panel, mask in used]
                figures = (error.exp().value, *pool_estimates(ratios))
            rows.append((*model, column, *figures, note))
    return pd.DataFrame(rows, columns=ONLINE_COLUMNS)
