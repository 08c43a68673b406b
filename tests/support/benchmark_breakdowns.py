"""Tables of the invented benchmark by data set, channel, fill and interval, and lacking cells."""

import numpy as np
import pandas as pd

MODEL = ["backbone", "normalizer", "role"]
COLUMNS = ("clean", "steady", "transition", "observation")


def make_breakdown_tables(headline, data_sets):
    """Return the tables of parts of a headline."""
    rows = headline[[*MODEL, "column", "mase", "lo", "hi", "against_twin", "twin_lo", "twin_hi"]]
    by_dataset = pd.concat(
        [
            rows.assign(dataset=name, mase=rows["mase"] * (1 + 0.1 * number), note="")
            for number, name in enumerate(data_sets)
        ]
    )
    errors = by_dataset.drop(columns=["against_twin", "twin_lo", "twin_hi", "note"])
    models = rows[MODEL].drop_duplicates()
    fills = models.merge(pd.DataFrame({"severity": [2, 5]}), how="cross")
    return {
        "dataset_errors": by_dataset,
        "channel_errors": pd.concat(
            [errors.assign(channel=f"c{number}") for number in range(9)], ignore_index=True
        ),
        "fills": fills.assign(mase=1.5, lo=1.4, hi=1.6).assign(
            **dict.fromkeys(("against_twin", "against_level"), np.log(0.8)),
            **dict.fromkeys(("twin_lo", "level_lo"), np.log(0.75)),
            **dict.fromkeys(("twin_hi", "level_hi"), np.log(0.85)),
        ),
        "intervals": models.merge(pd.DataFrame({"column": COLUMNS}), how="cross").assign(
            source="conformal",
            coverage_80=0.713,
            coverage_95=0.931,
            width_80=2.25,
            wql=0.3,
            against_twin=np.log(0.95),
            twin_lo=np.log(0.9),
            twin_hi=np.log(1.02),
        ),
        "online": pd.DataFrame(
            {
                "backbone": "Ridge (online level)",
                "normalizer": "RevIN",
                "role": "online",
                "column": COLUMNS,
                "against_frozen": np.log(0.9),
                "lo": np.log(0.85),
                "hi": np.log(0.95),
            }
        ),
        "lacking": pd.DataFrame(
            [
                (data_sets[0], headline["backbone"][0], "DishTS", "model", "steady", 1, 90),
                (data_sets[0], "every model", "", "", "observation", 2, 0),
            ],
            columns=["dataset", *MODEL, "column", "n_lacking", "n_required"],
        ).assign(what="frequency"),
    }
