"""Forecasting networks for windows, one model per file, all with the same interface."""

from revin_forecast.backbones.adapters import ChannelFirstAdapter, SingleSeriesAdapter, TSLibAdapter
from revin_forecast.backbones.base import Backbone, CovariateBackbone, DestationaryBackbone
from revin_forecast.backbones.cycle_net import CycleNet
from revin_forecast.backbones.fits import FITS
from revin_forecast.backbones.informer import Informer
from revin_forecast.backbones.inverted_transformer import InvertedTransformer
from revin_forecast.backbones.linear import MLP, DLinear, Linear
from revin_forecast.backbones.naive import Repeat, SeasonalNaive
from revin_forecast.backbones.nbeats import NBEATS
from revin_forecast.backbones.nhits import NHITS
from revin_forecast.backbones.patch_lm import PatchLM
from revin_forecast.backbones.patch_tst import PatchTST
from revin_forecast.backbones.recurrent import GRU, LSTM
from revin_forecast.backbones.ridge import Ridge
from revin_forecast.backbones.scinet import SCINet
from revin_forecast.backbones.seg_rnn import SegRNN
from revin_forecast.backbones.siamese import PerChannel, Siamese
from revin_forecast.backbones.sparse_tsf import SparseTSF
from revin_forecast.backbones.tide import TiDE
from revin_forecast.backbones.tied_autoencoder import TiedAutoencoder
from revin_forecast.backbones.times_net import TimesNet
from revin_forecast.backbones.tsmixer import TSMixer

__all__ = [
    "FITS",
    "GRU",
    "LSTM",
    "MLP",
    "NBEATS",
    "NHITS",
    "Backbone",
    "ChannelFirstAdapter",
    "CovariateBackbone",
    "CycleNet",
    "DLinear",
    "DestationaryBackbone",
    "Informer",
    "InvertedTransformer",
    "Linear",
    "PatchLM",
    "PatchTST",
    "PerChannel",
    "Repeat",
    "Ridge",
    "SCINet",
    "SeasonalNaive",
    "SegRNN",
    "Siamese",
    "SingleSeriesAdapter",
    "SparseTSF",
    "TSLibAdapter",
    "TSMixer",
    "TiDE",
    "TiedAutoencoder",
    "TimesNet",
]
