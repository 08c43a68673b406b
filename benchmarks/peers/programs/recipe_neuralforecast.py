"""RevIN around a model of neuralforecast, here its PatchTST."""

from neuralforecast.core import MODEL_FILENAME_DICT
from neuralforecast.models import PatchTST

from revin_forecast import RevIN


class RevINPatchTST(PatchTST):
    """PatchTST with this package's RevIN in place of its own; for losses of points."""

    def __init__(self, h, input_size, **options):
        switched_off = {"revin": False, "scaler_type": "identity"}
        super().__init__(h, input_size, **(options | switched_off))
        self.normalizer = RevIN(channels=1)  # a window of this model has one series

    def forward(self, windows_batch):
        """Return the forecast in the units of the data."""
        observed = windows_batch["insample_mask"].bool()
        z, stats = self.normalizer.normalize(windows_batch["insample_y"], observed)
        forecast = super().forward(windows_batch | {"insample_y": z})
        return self.normalizer.denormalize(forecast, stats)


MODEL_FILENAME_DICT["revinpatchtst"] = RevINPatchTST  # for NeuralForecast.load
