"""Text of the page of verdicts."""

TEXT = """
# Verdicts of shift cards against measured gains

Does `revin-forecast shift-card` predict, without the test rows, where RevIN helps and by how
much?

**Truth.** Each channel is forecast by itself with RevIN and without, by three models: a linear
map in closed form (`Ridge`; with an intercept in both, which inside RevIN is a drift, so that the
twins differ in the level alone; penalty selected on validation), the same map trained by
gradients (`Linear`) and a network with one hidden layer of 64 (`MLP`); up to 1200 updates, best
weights on validation. The error is the mean absolute error, as in MASE. A gain is the log of the
error without RevIN over that with it, in each of up to ten stretches of the test rows, none
shorter than look-back and horizon together; its mean over stretches and models is printed as
percent of the error (`gain %`; negative where RevIN raises the error), with a 95 % interval of
Student's t over the stretches (`lo`, `hi`). A channel has a `sign` if the interval excludes 0 and
three stretches fit; `Ridge`, `Linear` and `MLP` are the signs of one model alone. Look-back and
horizon are those of the card; series of the panel with fewer than 120 rows have the split 5:1:4,
a look-back of 4 and a horizon of 2 or 4, or no stretches would fit. Gaps take the last value
before them.

**Verdict.** From training and validation rows alone. Two linear maps, with the level and without,
are fitted and compared in up to five trials inside these rows (`trials`: mean of the signed logs
of their error ratios, later trials count more; `spread`: their deviation). `price` is the same
ratio on the training rows of the fit: the worth of knowing the level. `trend` is the absolute
correlation with time. `pull` is the share of the level that the rows can vouch for, 1 - 9 / tau^2
(see [when to take the level away](../theory/level.md)), times log(1 + distance of the last
look-back from the training mean, at most 2 deviations). A linear model of these four gives the
expected gain (`said %`) with its 80 % interval and the probability of a fall of the error. The
verdict can't tell if the likelier sign has a probability below 65 %.

**Judging.** Every verdict below is made by a model that was fitted on the *other* families only
(the panel's families, each data set, the four of ETT as one, two of electricity as one).
"Balanced" means that no family has more than a tenth of the weight, in the fit and in the
figures. Seven numbers are fitted; the package has those of all families: {numbers}. The four
inputs were chosen on the same families, from about thirty combinations (memories of
the level, tau, the distance moved, delta*, ordinary against simple kriging, single trials and
others gave about the same or less), so expect somewhat less on new data.

{summary}

`sign right %` counts the likelier sign of all significant channels, also where the verdict
can't tell.

Rules of one line, balanced. The last one is not a prediction:

{rules}

Calibration, balanced. In channels without a significant gain, the sign of the measured gain is
partly noise, so `all` is the calibration of the probability, and where a difference is clear the
verdict is right more often than it says:

{calibration}

{inside} % of the measured gains are inside the 80 % interval of the verdict.

{families}

The signs of single models. A map that is solved has no trouble without normalization, a trained
one has, so RevIN helps those more often:

{models}

A card of 50,000 rows took {one:.2f} s of processor for one channel and {seven:.2f} s for seven
(the best of three). Repeat with

    python -m benchmarks.shift.verdicts --data-dir DATA
"""
