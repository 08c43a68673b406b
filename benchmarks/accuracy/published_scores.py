"""Published figures beside ours: the nearest setting of the same method."""

from pathlib import Path

import pandas as pd

from benchmarks.accuracy.planned_row import Row

# Names under which papers report what we have.
METHODS = {
    "Linear": ["RLinear", "Linear"],
    "DLinear": ["DLinear"],
    "CycleNet": ["CycleNet/Linear"],
    "SparseTSF": ["SparseTSF/Linear"],
    "FITS": ["FITS", "FITS (L720 rerun)"],
    "NHITS": ["NHITS (Nixtla)"],
    "TiDE": ["TiDE (Nixtla table)", "TiDE(720)"],
    "SegRNN": ["SegRNN"],
    "PatchTST": ["PatchTST/42 (fixed rerun)", "PatchTST"],
    "InvertedTransformer": ["iTransformer"],
    "TimesNet": ["TimesNet"],
    "TSMixer": ["TSMixer"],
    "NBEATS": ["N-BEATS+RevIN", "N-BEATS"],
    "SCINet": ["SCINet+RevIN", "SCINet"],
    "Informer": ["Informer+RevIN", "Informer (TFB)", "Informer"],
}


def published(path: Path, data: str, lookback: int, horizon: int, backbone: str) -> Row:
    """Return the errors published for a method, its name there and the look-back it had.

    The same look-back is preferred, then figures without a known flaw; None where there are none.
    """
    nothing: Row = {"published MSE": None, "published MAE": None, "as": None}
    if not path.is_file():
        return nothing
    table = pd.read_csv(path, dtype={"lookback": str, "horizon": str})
    methods = METHODS.get(backbone, [])
    same = (table.dataset.str.lower() == data) & (table.horizon == str(horizon))
    found = table[same & table.method.isin(methods) & table.mse.notna()]
    if found.empty:
        return nothing
    order = found.method.map(methods.index)
    rank = (found.lookback != str(lookback)) * 20 + (found.clean != "yes") * 10 + order
    row = found.loc[rank.sort_values(kind="stable").index[0]]
    told = {"yes": "", "no": ", flawed"}.get(row.clean, ", unchecked")
    absolute = None if pd.isna(row.mae) else float(row.mae)
    source = f"{row.method}, look-back {row.lookback}{told}"
    return {"published MSE": float(row.mse), "published MAE": absolute, "as": source}
