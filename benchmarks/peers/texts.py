"""Texts above the tables of the comparison."""

TRAINING = """
# Comparison with peers: training

ETTh1, {work.lookback} -> {work.horizon}, standard split, z-scored with its training rows. All
entries have the same {windows} training windows in batches of {work.batch_size}, {work.epochs}
epoch(s), Adam with the same learning rate and gradient clipping, one thread, and a process for each
measurement. Times are processor seconds; on one thread they equal the seconds of a clock on a
machine that does nothing else. The entries alternate for {rounds} rounds, of which the medians are
shown. {cut}An `x` is the median over the rounds of the ratio to `revin-forecast`: above 1, the
entry takes that many times as long, or as much memory. Repeat with

    python -m benchmarks.peers.run --home FOLDER --data-dir DATA

* `train windows/s`: from one step of the optimizer to the next, without the short last batch.
  Imports, set-up and validation are not included. `fit s` is the whole call that trains: ours
  includes validation on all windows and checkpoints, the others have neither.
* `predict windows/s`: forecasts of all {tested} test windows in memory, in the second call.
* `peak MiB`: largest resident memory of the process. `import s`: imports of the job. `printed
  bytes`: on both streams, with progress bar and summary switched off where that is possible.
* `MSE`: of all test windows. Initial weights and the order of windows differ between entries.

`revin-forecast` is the training loop of `fit` and `evaluate`. `tensor loop` and `DataLoader loop`
train the same models: over batches gathered before, and over a `Dataset` of single windows in a
`DataLoader`, as research code does (no workers, no window dropped). NLinear subtracts the last
value, by its definition; the others have RevIN around them. Differences between the entries:

* neuralforecast draws {work.batch_size} windows at each step (for NLinear, DLinear and PatchTST as
  many of each of 7 series) from all whole ones, and builds all of them for that; its epoch has as
  many full steps. DLinear gets RevIN as its scaler, with the loss in the units of each window. Its
  iTransformer normalizes without affine map, and also applies dropout to the attention weights.
* darts trains on one series of 7 components and forecasts with `historical_forecasts`. Its TSMixer
  maps to the horizon first and mixes there, over {work.horizon} steps: another model. It has no
  iTransformer and no PatchTST to train.
* Sizes and rates are those of `benchmarks/accuracy/backbone_settings.py`; linear maps start from
  torch's weights.
{skipped}"""

CUT = """After the first round, which gives `fit s`, memory and MSE, an epoch is cut to its first
{batches} steps. """

FORECAST = """
# Comparison with peers: a forecast of a small table

From a CSV of {rows} hours and {series} series to a CSV of the next 24 hours, in a process of its
own: the time includes starting Python, importing, reading, fitting, forecasting and writing. One
thread; `core s` are processor seconds, which other work on the machine changes less than `seconds`.
The programs alternate for {rounds} rounds, of which the medians are shown. An `x` is the median
over the rounds of the ratio to the first row: above 1, the program takes that many times as long,
or as much memory. Repeat with

    python -m benchmarks.peers.run --home FOLDER --data-dir DATA

* `revin-forecast` is the command `{command}`:
  by default it compares and combines models; with a named backbone it solves one linear map with
  RevIN. It prints its selection, except with `--quiet`.
* The peers' programs (`benchmarks/peers/programs/forecast_*.py`) train a DLinear with RevIN as the
  first pages of their documentation show: 100 steps in neuralforecast (its default is 5,000), 20
  epochs in darts.
* `peak MiB`: largest resident memory. `printed bytes`: on both streams together. `MASE`: of the 24
  held-out hours, mean over the series, relative to the seasonal naive error of a day.
* `installed MiB`: the files of the distribution and of all its requirements, without compiled
  bytecode and without torch and its requirements; `packages`: their number.
{skipped}"""
