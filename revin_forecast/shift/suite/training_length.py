"""The length of a training on data whose training windows fit into one batch."""

from dataclasses import replace

from revin_forecast.shift.suite.suite import DatasetConfig
from revin_forecast.training.settings import TrainingSettings

BATCHES_PER_EPOCH = 20
"""Batches that count as one epoch of level-dependent data.

With the standard suite's six epochs a Linear, an MLP and a small PatchTST without normalizer then
have mean squared errors of .010 to .015, where .010 is the variance of the noise.
"""


def lengthen_training(
    training: TrainingSettings, dataset_config: DatasetConfig
) -> TrainingSettings:
    """Return the settings of a fit on a data set, in passes over its training windows.

    Level-dependent data have one training window, with the replicates as its channels: a pass over
    it is a single batch, and a suite's few epochs would be as few steps of the optimizer. Twenty
    passes count as an epoch there, for the number of epochs, the patience and the decay of the
    learning rate. Other data keep the settings.

    Args:
        training: the settings of the suite or of its models.
        dataset_config: the data set to fit.
    """
    if not dataset_config.is_level_dependent:
        return training
    return replace(
        training,
        max_epochs=BATCHES_PER_EPOCH * training.max_epochs,
        patience=BATCHES_PER_EPOCH * training.patience,
        decay=training.decay ** (1 / BATCHES_PER_EPOCH),
    )
