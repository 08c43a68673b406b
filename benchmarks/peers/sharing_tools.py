"""Three libraries that find, restore and store ties, behind one interface."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

import revin_forecast

Groups = Sequence[Sequence[str]]


class Net(nn.Module):
    """Three layers of one size."""

    def __init__(self, tied: bool = True):
        super().__init__()
        self.first, self.second, self.third = (nn.Linear(4, 4, bias=False) for _ in range(3))
        if tied:
            self.second.weight = self.first.weight


class Tool(ABC):
    """A library that finds, restores and stores ties."""

    @abstractmethod
    def build(self, tied: bool = True) -> nn.Module:
        """Build a module with layers `first`, `second` and `third`, of which two may be tied."""

    @abstractmethod
    def find(self, module: nn.Module) -> Groups:
        """Find the groups of tied names, by whatever test the library has."""

    @abstractmethod
    def retie(self, module: nn.Module, groups: Groups) -> None:
        """Restore the groups."""

    @abstractmethod
    def save(self, module: nn.Module, folder: Path) -> None:
        """Write the weights."""

    @abstractmethod
    def load(self, folder: Path, tied: bool) -> nn.Module:
        """Read the weights into a new module."""

    def check_optimizer(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> str:
        """Return the library's report on an optimizer built before the tie."""
        return "no tool"


class Ours(Tool):
    """This package."""

    def build(self, tied: bool = True) -> nn.Module:
        """Build the plain module."""
        return Net(tied)

    def find(self, module: nn.Module) -> Groups:
        """Find names of one memory, which includes ties and look-alikes."""
        return revin_forecast.shared_parameters(module, by="memory")

    def retie(self, module: nn.Module, groups: Groups) -> None:
        """Restore the groups."""
        revin_forecast.retie(module, groups)

    def save(self, module: nn.Module, folder: Path) -> None:
        """Write one file."""
        revin_forecast.save_parameters(module, folder / "model.safetensors")

    def load(self, folder: Path, tied: bool) -> nn.Module:
        """Read one file."""
        module = Net(tied)
        revin_forecast.load_parameters(module, folder / "model.safetensors")
        return module

    def check_optimizer(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> str:
        """Inspect the optimizer."""
        report = revin_forecast.inspect_optimizer(module, optimizer)
        return "silent" if report.is_matching else "reported"


class Accelerate(Tool):
    """The tools of accelerate, which take any module."""

    def __init__(self):
        self.library: Any = importlib.import_module("accelerate")
        self.tools: Any = importlib.import_module("accelerate.utils")

    def build(self, tied: bool = True) -> nn.Module:
        """Build the plain module."""
        return Net(tied)

    def find(self, module: nn.Module) -> Groups:
        """Call `find_tied_parameters`."""
        return self.tools.find_tied_parameters(module)

    def retie(self, module: nn.Module, groups: Groups) -> None:
        """Call `retie_parameters`."""
        self.tools.retie_parameters(module, groups)

    def save(self, module: nn.Module, folder: Path) -> None:
        """Call `Accelerator.save_model`."""
        self.library.Accelerator(cpu=True).save_model(module, folder)

    def load(self, folder: Path, tied: bool) -> nn.Module:
        """Call `load_checkpoint_in_model`."""
        module = Net(tied)
        self.tools.load_checkpoint_in_model(module, folder)
        return module


class Transformers(Tool):
    """The ties that a model of transformers declares."""

    def __init__(self):
        library: Any = importlib.import_module("transformers")
        importlib.import_module("transformers.utils.logging").disable_progress_bar()

        class Model(library.PreTrainedModel):
            config_class = library.PretrainedConfig
            _tied_weights_keys = {"second.weight": "first.weight"}  # noqa: RUF012

            def __init__(self, config: Any):
                super().__init__(config)
                self.first, self.second, self.third = (
                    nn.Linear(4, 4, bias=False) for _ in range(3)
                )
                self.post_init()

            def _init_weights(self, module: nn.Module) -> None:
                """Leave the weights of torch."""

        self.model, self.configuration = Model, library.PretrainedConfig

    def build(self, tied: bool = True) -> nn.Module:
        """Build a model whose configuration ties it or does not."""
        return self.model(self.configuration(tie_word_embeddings=tied))

    def find(self, module: nn.Module) -> Groups:
        """Read the declared keys, the only list that a model has."""
        keys: dict[str, str] = cast(Any, module).all_tied_weights_keys
        return [(source, target) for target, source in keys.items()]

    def retie(self, module: nn.Module, groups: Groups) -> None:
        """Call `tie_weights`, which ignores other groups."""
        cast(Any, module).tie_weights()

    def save(self, module: nn.Module, folder: Path) -> None:
        """Call `save_pretrained`."""
        cast(Any, module).save_pretrained(folder)

    def load(self, folder: Path, tied: bool) -> nn.Module:
        """Call `from_pretrained` with a configuration that ties or does not."""
        configuration = self.configuration(tie_word_embeddings=tied)
        return self.model.from_pretrained(folder, config=configuration)


TOOLS: dict[str, type[Tool]] = {
    "revin_forecast": Ours,
    "accelerate": Accelerate,
    "transformers": Transformers,
}
