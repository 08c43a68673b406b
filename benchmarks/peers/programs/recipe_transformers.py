"""RevIN around PatchTSTForPrediction of transformers."""

from torch.nn.functional import mse_loss
from transformers import PatchTSTForPrediction

from revin_forecast import RevIN


class RevINPatchTST(PatchTSTForPrediction):
    """PatchTST with RevIN instance normalization; build it from a config with scaling=None."""

    def __init__(self, config):
        super().__init__(config)
        self.revin = RevIN(config.num_input_channels, affine=False)

    def forward(self, past_values, past_observed_mask=None, future_values=None, **options):
        """Return transformers' output, with loss and forecast in the units of the data."""
        observed = None if past_observed_mask is None else past_observed_mask.bool()
        z, stats = self.revin.normalize(past_values, observed)
        output = super().forward(z, **options)
        output.prediction_outputs = self.revin.denormalize(output.prediction_outputs, stats)
        if future_values is not None:
            output.loss = mse_loss(output.prediction_outputs, future_values)
        return output
