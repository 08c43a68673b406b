"""RevIN in a darts model around a network of your own."""

from darts.models.forecasting.pl_forecasting_module import PLForecastingModule
from darts.models.forecasting.torch_forecasting_model import PastCovariatesTorchModel
from darts.utils.data.torch_datasets.utils import PLModuleOutput
from darts.utils.serialization import add_safe_globals
from network import Net

from revin_forecast import RevIN


class RevINModule(PLForecastingModule):
    """The network, with RevIN around it."""

    def __init__(self, **options):
        super().__init__(**options)
        self.net = Net(self.input_chunk_length, self.output_chunk_length)
        self.revin = RevIN(self.n_targets)

    def forward(self, x_in):
        """Return the forecast; without @io_processor, which would apply darts' own layer."""
        z, stats = self.revin.normalize(x_in.past_target)
        forecast = self.revin.denormalize(self.net(z), stats)
        return PLModuleOutput(prediction=forecast.unsqueeze(-1))


class RevINModel(PastCovariatesTorchModel):
    """The model that darts trains."""

    def __init__(self, input_chunk_length, output_chunk_length, output_chunk_shift=0, **options):
        super().__init__(**self._extract_torch_model_params(**self.model_params))
        self.pl_module_params = self._extract_pl_module_params(**self.model_params)

    def _create_model(self, train_sample):
        return RevINModule(**self.pl_module_params)


add_safe_globals([RevINModel])  # for RevINModel.load
