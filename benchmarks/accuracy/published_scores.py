"""Published errors of the same method at the nearest setting."""

from pathlib import Path

import pandas as pd

from benchmarks.evidence import ROOT, Row

PUBLISHED = ROOT.parent / "shared" / "published" / "results.csv"
"""Table of published results; without it the columns stay empty."""
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
    "TimeMixer": ["TimeMixer (TFB)", "TimeMixer"],
    "XPatch": ["xPatch (fair)", "xPatch"],
    "TimeXer": ["TimeXer"],
    "TQNet": ["TQNet"],
    "SOFTS": ["SOFTS"],
    "TSMixer": ["TSMixer"],
    "NBEATS": ["N-BEATS+RevIN", "N-BEATS"],
    "SCINet": ["SCINet+RevIN", "SCINet"],
    "Informer": ["Informer+RevIN", "Informer (TFB)", "Informer"],
}
"""Names that papers use for our backbones, the preferred name first."""


def find_published_scores(path: Path, data: str, lookback: int, horizon: int, backbone: str) -> Row:
    """Return the published errors of a method, its name in the paper and its look-back.

    A row with the same look-back is preferred, then one without a known flaw. Every
    value is empty (None) if nothing is published.
    """
    empty: Row = {"published MSE": None, "published MAE": None, "as": None}
    if not path.is_file():
        return empty
    table = pd.read_csv(path, dtype={"lookback": str, "horizon": str})
    methods = METHODS.get(backbone, [])
    is_same = (table.dataset.str.lower() == data) & (table.horizon == str(horizon))
    matches = table[is_same & table.method.isin(methods) & table.mse.notna()]
    if matches.empty:
        return empty
    # The weights order the criteria: look-back before cleanness before the preferred name.
    name_rank = matches.method.map(methods.index)
    rank = (matches.lookback != str(lookback)) * 20 + (matches.clean != "yes") * 10 + name_rank
    row = matches.loc[rank.sort_values(kind="stable").index[0]]
    quality = {"yes": "", "no": ", flawed"}.get(row.clean, ", unchecked")
    mae = None if pd.isna(row.mae) else float(row.mae)
    source = f"{row.method}, look-back {row.lookback}{quality}"
    return {"published MSE": float(row.mse), "published MAE": mae, "as": source}
