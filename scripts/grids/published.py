"""Published figures beside ours: the nearest setting of the same method."""

from pathlib import Path

import pandas as pd

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
    "Informer": ["Informer (TFB)", "Informer"],
}


def published(
    path: Path, data: str, lookback: int, horizon: int, backbone: str
) -> tuple[float | None, str | None]:
    """Return the MSE published for a method and the look-back it had; None where there is none.

    The same look-back is preferred, then figures without a known flaw.
    """
    if not path.is_file():
        return None, None
    table = pd.read_csv(path, dtype={"lookback": str, "horizon": str})
    methods = METHODS.get(backbone, [])
    same = (table.dataset.str.lower() == data) & (table.horizon == str(horizon))
    found = table[same & table.method.isin(methods) & table.mse.notna()]
    if found.empty:
        return None, None
    order = found.method.map(methods.index)
    rank = (found.lookback != str(lookback)) * 20 + (found.clean != "yes") * 10 + order
    row = found.loc[rank.sort_values(kind="stable").index[0]]
    told = {"yes": "", "no": ", flawed"}.get(row.clean, ", unchecked")
    return float(row.mse), f"{row.lookback}{told}"
