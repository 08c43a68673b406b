"""Names of classes in saved models, which do not change when a module moves.

Classes of this package are saved under their public name, `revin_forecast.DLinear`, and a user's
own class under its module path.
"""

import revin_forecast
from revin_forecast.errors import InputError

OLD_PATHS = {
    "backbones.adapters.ChannelFirst": "ChannelFirstAdapter",
    "backbones.adapters.SingleSeries": "SingleSeriesAdapter",
    "backbones.adapters.TimeSeriesLibrary": "TSLibAdapter",
    "backbones.cycle_net.CycleNet": "CycleNet",
    "backbones.fits.FITS": "FITS",
    "backbones.informer.Informer": "Informer",
    "backbones.inverted.InvertedTransformer": "InvertedTransformer",
    "backbones.linear.DLinear": "DLinear",
    "backbones.linear.Linear": "Linear",
    "backbones.mlp.MLP": "MLP",
    "backbones.naive.Repeat": "Repeat",
    "backbones.naive.SeasonalNaive": "SeasonalNaive",
    "backbones.nbeats.NBEATS": "NBEATS",
    "backbones.nhits.NHITS": "NHITS",
    "backbones.patch_lm.PatchLM": "PatchLM",
    "backbones.patch_tst.PatchTST": "PatchTST",
    "backbones.recurrent.GRU": "GRU",
    "backbones.recurrent.LSTM": "LSTM",
    "backbones.ridge.Ridge": "Ridge",
    "backbones.scinet.SCINet": "SCINet",
    "backbones.seg_rnn.SegRNN": "SegRNN",
    "backbones.siamese.PerChannel": "PerChannel",
    "backbones.siamese.Siamese": "Siamese",
    "backbones.sparse_tsf.SparseTSF": "SparseTSF",
    "backbones.tide.TiDE": "TiDE",
    "backbones.tied_autoencoder.TiedAutoencoder": "TiedAutoencoder",
    "backbones.times_net.TimesNet": "TimesNet",
    "backbones.tsmixer.TSMixer": "TSMixer",
    "combination.Combination": "WeightedCombination",
    "ensemble.Ensemble": "Ensemble",
    "normalizers.arcsinh.Arcsinh": "Arcsinh",
    "normalizers.blend.Blend": "Blend",
    "normalizers.causal.Causal": "Causal",
    "normalizers.dain.DAIN": "DAIN",
    "normalizers.dish_ts.DishTS": "DishTS",
    "normalizers.ema.EMA": "EMA",
    "normalizers.fan.FAN": "FAN",
    "normalizers.identity.Identity": "Identity",
    "normalizers.last_value.LastValue": "LastValue",
    "normalizers.mean_scale.MeanScale": "MeanScale",
    "normalizers.revin.RevIN": "RevIN",
    "normalizers.robust.Robust": "Robust",
    "normalizers.san.SAN": "SAN",
    "normalizers.stationary.Stationary": "Stationary",
    "reversible.Reversible": "Reversible",
    "sharing.TransposedLinear": "TransposedLinear",
    "shift.references.Constant": "Constant",
}
"""Paths below `revin_forecast` under which schemas 1 to 3 saved a class, and its public name.

The left side records existing files and never changes, wherever the modules are today.
"""


def name_class(kind: type) -> str:
    """Return the dotted name under which a class is saved and imported.

    Raises:
        InputError: the class belongs to this package but has no public name, so it may move.

    >>> from revin_forecast.backbones import DLinear
    >>> name_class(DLinear), name_class(dict)
    ('revin_forecast.DLinear', 'builtins.dict')
    """
    path = f"{kind.__module__}.{kind.__qualname__}"
    if path.partition(".")[0] != revin_forecast.__name__:
        return path
    # By identity: an internal class may have the name of a public one.
    if getattr(revin_forecast, kind.__qualname__, None) is not kind:
        raise InputError(
            f"{path} is a part of revin_forecast without a public name, so a saved model can't "
            "refer to it. Pass a class of revin_forecast, or subclass it in a module of your own."
        )
    return f"{revin_forecast.__name__}.{kind.__qualname__}"


def update_class_path(path: str) -> str:
    """Return the current name of a class in a saved model.

    Raises:
        InputError: no class of this package was ever saved under that path.

    >>> update_class_path("revin_forecast.normalizers.revin.RevIN")
    'revin_forecast.RevIN'
    >>> update_class_path("mine.Net")
    'mine.Net'
    """
    package, _, inner = path.partition(".")
    if package != revin_forecast.__name__ or "." not in inner:
        return path
    if inner not in OLD_PATHS:
        raise InputError(
            f"the saved model names {path}, but no class of revin_forecast was ever saved under "
            "that path; they are named like revin_forecast.DLinear. Fit and save again, or load it "
            "with the version that saved it."
        )
    return f"{package}.{OLD_PATHS[inner]}"
