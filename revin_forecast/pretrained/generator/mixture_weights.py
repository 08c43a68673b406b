"""All weights of the mixture: how often each mechanism is drawn, by group of series.

The groups are "growth" (yearly and other economic series), "price" (close to random walks),
"other" (rates, indices, noise), and of the series with a season "economic" (by quarter, month or
week) and "frequent" (by day, hour or minute).

The weights are judgements about which series exist; none is an estimate from real values. Those of
"growth" and "economic" were revised after looks at the errors on the development panel.
"""

PATH_WEIGHTS = {
    "growth": {
        "constant": 1, "level": 4, "walk": 5, "drifting_walk": 9, "correlated_walk": 16,
        "local_trend": 8, "smooth": 26, "very_smooth": 14, "linear": 3, "broken": 4,
        "saturating": 2, "logistic": 2, "exponential": 2, "short_memory": 1, "reversion": 1,
        "cycle": 2,
    },
    "price": {
        "level": 6, "walk": 50, "drifting_walk": 15, "correlated_walk": 15, "reversion": 8,
        "long_memory": 3, "local_trend": 3,
    },
    "other": {
        "constant": 15, "level": 20, "walk": 5, "local_trend": 5, "linear": 3, "broken": 5,
        "waves": 4, "short_memory": 12, "reversion": 8, "cycle": 8, "mixed_memory": 8,
        "long_memory": 7,
    },
    "economic": {
        "constant": 5, "level": 15, "walk": 4, "drifting_walk": 8, "correlated_walk": 6,
        "local_trend": 11, "smooth": 14, "very_smooth": 7, "linear": 5, "broken": 7,
        "saturating": 2, "logistic": 2, "exponential": 1.5, "waves": 2, "short_memory": 4,
        "reversion": 2, "cycle": 3, "mixed_memory": 2, "long_memory": 2,
    },
    "frequent": {
        "constant": 12, "level": 28, "walk": 3, "drifting_walk": 2, "correlated_walk": 3,
        "local_trend": 4, "smooth": 2, "linear": 2, "broken": 5, "logistic": 1,
        "exponential": 0.5, "waves": 6, "short_memory": 14, "reversion": 9, "cycle": 2,
        "mixed_memory": 5, "long_memory": 8,
    },
}  # fmt: skip
"""Weights of the paths of `mixture.PATHS`."""
TRANSFORM_WEIGHTS = {
    "growth": {"signed": 12, "amount": 25, "exponential": 55, "share": 5, "counts": 3},
    "price": {"signed": 10, "amount": 20, "exponential": 68, "share": 2},
    "other": {
        "signed": 30, "amount": 25, "exponential": 20, "censored": 7, "share": 6, "counts": 12,
    },
    "economic": {
        "signed": 10, "amount": 27, "exponential": 52, "censored": 3, "share": 3, "counts": 5,
    },
    "frequent": {
        "signed": 18, "amount": 30, "exponential": 25, "censored": 8, "share": 5, "counts": 14,
    },
}  # fmt: skip
"""Weights of the transforms of `transforms.TRANSFORMS`."""
SMOOTHING_SHARE = {
    "growth": 0.12, "price": 0.05, "other": 0.15, "economic": 0.25, "frequent": 0.2,
}  # fmt: skip
"""Shares of the series of ETS instead of path, season and noise."""
EXPANDING_SHARE = {
    "growth": 0.0, "price": 0.0, "other": 0.0, "economic": 0.25, "frequent": 0.05,
}  # fmt: skip
"""Shares of the series of steady relative growth with a relative season."""
INTERMITTENT_SHARE = {
    "growth": 0.005, "price": 0.0, "other": 0.1, "economic": 0.03, "frequent": 0.07,
}  # fmt: skip
"""Shares of the series of intermittent demand."""
CLOSED_SHARE = {"growth": 0.0, "price": 0.0, "other": 0.0, "economic": 0.01, "frequent": 0.05}
"""Shares of the series that are 0 at some rows of each cycle, such as Sundays or nights."""
BREAK_SHARE, OUTLIER_SHARE = 0.15, 0.15
"""Shares of the series with a break of the level, and with outliers."""
UNEVEN_SHARE = 0.15
"""Share of the seasonal series whose noise varies with the season."""
CALENDAR_SHARE = 0.35
"""Share of the amounts by month or quarter with effects of the calendar."""
STRONG_SHARE, STRONG, WEAK = 0.65, (2.0, 15.0), (0.2, 2.0)
"""Share of strong seasons, and the deviation of strong and weak ones over the irregular part's."""
WEEK_SHARE = {24: 0.5, 48: 0.5, 96: 0.5, 168: 0.85, 336: 0.85, 672: 0.85}
"""Shares of the series with the profile of a week, by season of hours or parts of an hour."""
SECOND_SEASONS = {7: (365, 0.25), 365: (7, 0.5), 366: (7, 0.5)}
"""A second season by season, and the share of the series that have it."""

LONGEST_ECONOMIC, FREQUENT_SEASONS = 60, (5, 7, 24, 30, 48)
"""Seasons up to this length are those of economic series, except these ones."""
UNSEASONAL_GROUPS = {
    "none": {"growth": 55, "price": 20, "other": 25},
    "economic": {"growth": 35, "price": 30, "other": 35},
    "frequent": {"price": 40, "other": 60},
}
"""Weights of the groups without a season: if none is given, and by group of the given season."""
UNSEASONAL_SHARE = {5: 0.35, 7: 0.25, 12: 0.15, 4: 0.15, 52: 0.2}
"""Shares of the series without a season though this one is given."""
USUAL_UNSEASONAL_SHARE = 0.1
"""The same share for all other seasons."""
MIXED_SHARE, OTHER_SHARE = 0.3, 0.15
"""Share of the batches with another season than the given one, and share of its series there."""
OTHER_SEASONS = (3, 4, 5, 6, 7, 10, 12, 13, 24, 30, 48, 52)
FULL_SHARE = 0.25
"""Share of the series with as many rows as the batch has."""
COMPLETE_SHARE = 0.8
"""Share of the seasonal series with two cycles or more."""
LONGEST_YEARLY = 100
"""Most rows of series of growth without a given season."""
