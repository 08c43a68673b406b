"""What stands above the tables."""

TRAINING = """
# Beside the peers: training

ETTh1, {work.lookback} -> {work.horizon}, standard split, z-scored by its training rows: the same
{windows} training windows in batches of {work.batch_size}, {work.epochs} epoch(s), Adam with the
same learning rate and gradient clipping, one thread, a process for each measurement. Times are
processor seconds: with one thread those of a clock on a machine that does nothing else. All take
turns; medians of {rounds} rounds. {cut}An `x` is the median of the rounds' own ratios to
`revin-forecast`: above 1, the contender takes that many times as long, or as much memory. Repeat
with

    python -m benchmarks.peers.run --home FOLDER --data-dir DATA

* `train windows/s`: from one step of the optimizer to the next, without the short last batch;
  imports, set-up and validation are left out. `fit s` is the whole call that trains: ours has a
  validation on all windows and checkpoints in it, the others have neither.
* `predict windows/s`: forecasts of all {tested} test windows in memory, asked for the second time.
* `peak MiB`: largest resident memory of the process. `import s`: of what the job needs.
  `printed bytes`: on both streams, progress bar and summary switched off where one can.
* `MSE`: of all test windows. Initial weights and the order of windows are each contender's own.

`revin-forecast` is the loop of `fit` and `evaluate`. `tensor loop` and `DataLoader loop` train the
same models: over batches gathered beforehand, and over a `Dataset` of single windows behind a
`DataLoader`, as research code does (no workers, no window dropped). NLinear takes the last value
away, as it is defined; the others have RevIN around them. What differs:

* neuralforecast draws {work.batch_size} windows at each step (for NLinear, DLinear and PatchTST as
  many of each of 7 series) out of all whole ones, and builds all of them for that; its epoch is as
  many full steps. DLinear gets RevIN as its scaler, with the loss in each window's own units. Its
  iTransformer normalizes without affine map, and drops weights of the attention as well.
* darts trains on one series of 7 components and forecasts with `historical_forecasts`. Its TSMixer
  maps to the horizon first and mixes there, over {work.horizon} steps: another model. It has no
  iTransformer and no PatchTST to train.
* Sizes and rates are those of `benchmarks/accuracy/backbone_settings.py`; linear maps start from torch's weights.
{skipped}"""

CUT = """After the first round, which gives `fit s`, memory and MSE, an epoch is cut to its first
{batches} steps. """

FORECAST = """
# Beside the peers: a forecast of a small table

From a CSV of {rows} hours and {series} series to a CSV of the next 24 hours, as a process of its
own: starting Python, importing, reading, fitting, forecasting and writing count. One thread;
`core s` are processor seconds, which other work on the machine changes less than `seconds`. All
take turns; medians of {rounds} rounds. An `x` is the median of the rounds' own ratios to the first
row: above 1, the program takes that many times as long, or as much memory. Repeat with

    python -m benchmarks.peers.run --home FOLDER --data-dir DATA

* `revin-forecast` is the command `{command}`:
  as it comes it compares and combines models; with a backbone named it solves one linear map with
  RevIN. Its lines on what was chosen are what it prints; `--quiet` is without.
* The peers' programs (`benchmarks/peers/programs/forecast_*.py`) train a DLinear with RevIN as their first
  pages show it: 100 steps in neuralforecast (its default is 5,000), 20 epochs in darts.
* `peak MiB`: largest resident memory. `printed bytes`: on both streams together. `MASE`: of the 24
  hours held back, mean of the series, relative to the seasonal naive error of a day.
* `installed MiB`: the files of the distribution and of all that it requires, without compiled
  bytecode and without torch and what torch requires; `packages`: their number.
{skipped}"""
