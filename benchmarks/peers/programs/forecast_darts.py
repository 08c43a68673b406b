"""From a CSV to a forecast in darts: the steps of its model's example, with RevIN."""

import sys

from darts import TimeSeries  # pyright: ignore[reportMissingImports]
from darts.models import DLinearModel  # pyright: ignore[reportMissingImports]

table, horizon, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
series = TimeSeries.from_csv(table, time_col="date")
model = DLinearModel(
    input_chunk_length=4 * horizon,
    output_chunk_length=horizon,
    n_epochs=20,
    use_reversible_instance_norm=True,
)
model.fit(series)
model.predict(horizon).to_csv(out)
