"""The names of this package and their modules, for `__init__.py` and for type checkers."""

__all__: list[str]

from .adapters import ChannelFirstAdapter as ChannelFirstAdapter
from .adapters import SingleSeriesAdapter as SingleSeriesAdapter
from .adapters import TSLibAdapter as TSLibAdapter
from .base import Backbone as Backbone
from .base import CovariateBackbone as CovariateBackbone
from .base import DestationaryBackbone as DestationaryBackbone
from .cycle_net import CycleNet as CycleNet
from .ets import ETS as ETS
from .fits import FITS as FITS
from .informer import Informer as Informer
from .inverted_transformer import InvertedTransformer as InvertedTransformer
from .linear import MLP as MLP
from .linear import DLinear as DLinear
from .linear import Linear as Linear
from .modern_tcn import ModernTCN as ModernTCN
from .naive import Drift as Drift
from .naive import Repeat as Repeat
from .naive import SeasonalDrift as SeasonalDrift
from .naive import SeasonalNaive as SeasonalNaive
from .nbeats import NBEATS as NBEATS
from .nhits import NHITS as NHITS
from .patch_lm import PatchLM as PatchLM
from .patch_tst import PatchTST as PatchTST
from .pretrained import Pretrained as Pretrained
from .recurrent import GRU as GRU
from .recurrent import LSTM as LSTM
from .ridge import Ridge as Ridge
from .scinet import SCINet as SCINet
from .seg_rnn import SegRNN as SegRNN
from .siamese import PerChannel as PerChannel
from .siamese import Siamese as Siamese
from .softs import SOFTS as SOFTS
from .sparse_tsf import SparseTSF as SparseTSF
from .tide import TiDE as TiDE
from .tied_autoencoder import TiedAutoencoder as TiedAutoencoder
from .time_mixer import TimeMixer as TimeMixer
from .time_xer import TimeXer as TimeXer
from .times_net import TimesNet as TimesNet
from .tq_net import TQNet as TQNet
from .tsb import TSB as TSB
from .tsmixer import TSMixer as TSMixer
from .xpatch import XPatch as XPatch
