"""From a CSV to a forecast in neuralforecast: the steps of its first page, with a RevIN model."""

import sys

import pandas as pd
from neuralforecast import NeuralForecast  # pyright: ignore[reportMissingImports]
from neuralforecast.models import DLinear  # pyright: ignore[reportMissingImports]

table, horizon, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
wide = pd.read_csv(table, parse_dates=["date"]).rename(columns={"date": "ds"})
long = wide.melt("ds", var_name="unique_id", value_name="y")
model = DLinear(h=horizon, input_size=4 * horizon, scaler_type="revin", max_steps=100)
forecaster = NeuralForecast(models=[model], freq="h")
forecaster.fit(df=long)
forecast = forecaster.predict()
forecast.pivot(index="ds", columns="unique_id", values="DLinear").to_csv(out)
