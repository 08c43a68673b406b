"""Compiled and exported backbones; run by test_compiled_backbones.py without shape checks."""

import warnings

import pytest

from revin_forecast.checks import BACKBONE_PROGRAM_CHECKS
from tests.support.backbones import BACKBONES

pytestmark = pytest.mark.usefixtures("operators_read_once", "shared_exports")

# One variant of each class is enough where the operators are the same.
SAME_OPERATORS = {
    "ETS season",
    "Pretrained",
    "GRU deep",
    "NBEATS one block",
    "SparseTSF nonlinear",
    "CycleNet nonlinear",
}
SAME_OPERATORS |= {"Siamese known", "PerChannel known", "TiedAutoencoder untied", "PatchLM untied"}
TRACED = [name for name in BACKBONES if name not in SAME_OPERATORS]
# These compile in several graphs: torch.compile does not capture their recurrent layers.
IN_PARTS = {"GRU", "LSTM", "SegRNN", "Siamese"}


@pytest.mark.parametrize("promise", BACKBONE_PROGRAM_CHECKS)
@pytest.mark.parametrize("name", TRACED)
def test_backbone_programs(name, promise):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated")
        # Raised by torch itself: for two inputs with one batch, and for its recurrent layers.
        warnings.filterwarnings("ignore", message=".*axis name: batch will not be used")
        warnings.filterwarnings("ignore", message=".*grad attribute of a Tensor that is not a leaf")
        warnings.filterwarnings("ignore", message=".*_check_is_size will be removed")
        warnings.filterwarnings("ignore", message=".*_flat_weights.* were assigned during export")
        obstacle = BACKBONE_PROGRAM_CHECKS[promise](BACKBONES[name])
    in_parts = "compile" in promise and name in IN_PARTS
    assert (obstacle is not None) == in_parts, obstacle
