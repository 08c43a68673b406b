"""A benchmark suite: its data sets, models, shifts and protocol, independent of the execution."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from revin_forecast.backbones import Ridge
from revin_forecast.errors import InputError, did_you_mean
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.shift.measuring.online import LEARNERS, find_learner
from revin_forecast.shift.shift import Shift
from revin_forecast.shift.suite.dataset_config import DatasetConfig
from revin_forecast.shift.suite.names import check_distinct, find_names, name_shift
from revin_forecast.training.settings import MAX_SEED, TrainingSettings
from revin_forecast.utils.arguments import check_count

MIN_RESAMPLES = 40
"""Smallest number of draws of which 2.5 % is a whole one."""
MAX_SEVERITY = 5


@dataclass(frozen=True)
class ModelGrid:
    """Every backbone inside every normalizer, trained once per seed."""

    backbones: tuple[ModuleSpec, ...]
    normalizers: tuple[ModuleSpec, ...]
    seeds: tuple[int, ...] = (0,)
    training: TrainingSettings | None = None
    """Training of these models; None: that of the suite."""
    online: tuple[str, ...] = ()
    """Ways to go on learning in the test part, each measured next to the models: level, ..."""

    def __post_init__(self):
        for name in ("backbones", "normalizers"):
            modules: tuple[ModuleSpec, ...] = getattr(self, name)
            shown = [module.call_expression for module in modules]
            check_distinct(f"models.{name}", map(repr, modules), shown)
        check_distinct("models.seeds", self.seeds)
        if self.online:
            check_distinct("models.online", self.online)
        for name in self.online:
            _check_learner(name, self.backbones)
        for seed in self.seeds:
            if check_count("a seed of models.seeds", seed, "seeds", 0) > MAX_SEED:
                raise InputError(f"models.seeds are at most {MAX_SEED} but got {seed}. Pass 0.")


@dataclass(frozen=True)
class Exclusion:
    """A backbone and a normalizer that are not combined."""

    backbone: str
    """Class name of the backbone, its import path, or its name in tables."""
    normalizer: str
    """Class name of the normalizer, its import path, or its name in tables."""

    def covers(self, backbone: ModuleSpec, normalizer: ModuleSpec) -> bool:
        """Return whether the two are not combined."""
        return self.backbone in find_names(backbone) and self.normalizer in find_names(normalizer)


@dataclass(frozen=True)
class WindowConfig:
    """The windows of a suite."""

    lookback: int = 96
    horizon: int = 96
    stride: int = 6
    """Steps between scored windows; training uses every window."""

    def __post_init__(self):
        for name in ("lookback", "horizon", "stride"):
            check_count(f"windows.{name}", getattr(self, name))


@dataclass(frozen=True)
class ShiftProtocol:
    """The cells in which shifts are measured."""

    severities: tuple[int, ...] = (1, 2, 3, 4, 5)
    transition_severities: tuple[int, ...] = (3,)
    """Severities at which a shift also begins inside the window; empty: it never does."""
    ages: tuple[float, ...] = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0)
    """Steps since the onset, as a share of the look-back; 0 shifts the truth only."""
    shift_seeds: tuple[int, ...] = (0,)
    """Random seeds for the noise and the signs of shifts."""
    resamples: int = 1000
    """Draws of the block bootstrap."""

    def __post_init__(self):
        for name in ("severities", "transition_severities"):
            severities = getattr(self, name)
            if any(not 1 <= severity <= MAX_SEVERITY for severity in severities):
                raise InputError(
                    f"protocol.{name} are numbers from 1 to {MAX_SEVERITY} but got "
                    f"{list(severities)}; severity 0, the clean data, is always measured."
                )
        if any(not 0 <= age <= 1 for age in self.ages):
            raise InputError(
                f"protocol.ages are parts of the look-back, 0 to 1, but got {list(self.ages)}."
            )
        for name in ("severities", "ages", "shift_seeds"):
            check_distinct(f"protocol.{name}", getattr(self, name))
        for seed in self.shift_seeds:
            check_count("a seed of protocol.shift_seeds", seed, "seeds", 0)
        check_count("protocol.resamples", self.resamples, "draws", MIN_RESAMPLES)


@dataclass(frozen=True)
class Suite:
    """The definition of a benchmark: models x data sets x shifts."""

    name: str
    datasets: tuple[DatasetConfig, ...]
    models: tuple[ModelGrid, ...]
    shifts: tuple[Shift, ...]
    """Shifts of the test data; empty: only the clean data and their natural shifts."""
    windows: WindowConfig = field(default_factory=WindowConfig)
    protocol: ShiftProtocol = field(default_factory=ShiftProtocol)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    zero_shot: tuple[ModuleSpec, ...] = ()
    """Backbones that are measured as references: not trained, and in no normalizer."""
    exclusions: tuple[Exclusion, ...] = ()
    """Backbones and normalizers that are not combined."""

    def __post_init__(self):
        if not self.name.strip():
            raise InputError("a suite needs a name, which its tables show, but got an empty one.")
        names = [config.name for config in self.datasets]
        if len(set(names)) < len(names):
            raise InputError(f"each data set needs a unique name but got {names}.")
        check_distinct("datasets", names)
        if self.shifts:
            check_distinct("shifts", [name_shift(shift) for shift in self.shifts])
        for shift in self.shifts:
            _check_has_cells(shift, self.protocol)
        if not self.models:
            raise InputError("a suite needs models but got none. Give backbones and normalizers.")
        if self.exclusions:
            pairs = [f"{one.backbone} in {one.normalizer}" for one in self.exclusions]
            check_distinct("exclude", pairs)
        for exclusion in self.exclusions:
            _check_matches(exclusion, self.models)
        _check_combinations(self)

    def iter_models(self) -> Iterator[tuple[ModelGrid, ModuleSpec, ModuleSpec, int]]:
        """Yield grid, backbone, normalizer and seed of each model that is not excluded."""
        for grid in self.models:
            for backbone in grid.backbones:
                for normalizer in grid.normalizers:
                    if not any(one.covers(backbone, normalizer) for one in self.exclusions):
                        yield from ((grid, backbone, normalizer, seed) for seed in grid.seeds)

    def windows_for(self, dataset_config: DatasetConfig) -> WindowConfig:
        """Return the windows of a data set: its own sizes, else the suite's."""
        windows = self.windows
        return replace(
            windows,
            lookback=dataset_config.lookback or windows.lookback,
            horizon=dataset_config.horizon or windows.horizon,
        )


def _check_learner(name: str, backbones: Sequence[ModuleSpec]) -> None:
    known = [learner.name for learner in LEARNERS]
    if name not in known:
        raise InputError(
            f"models.online are among {', '.join(known)} but got {name!r}."
            f"{did_you_mean(name, known)}"
        )
    trained = [
        backbone.name for backbone in backbones if not issubclass(backbone.import_class(), Ridge)
    ]
    if trained and find_learner(name).needs_closed_form:
        raise InputError(
            f"models.online: {name} solves a Ridge again, but the grid has {', '.join(trained)}. "
            "Put Ridge into a grid of its own, or go on learning the level only."
        )


def _check_has_cells(shift: Shift, protocol: ShiftProtocol) -> None:
    last = len(shift.knobs) - 1
    # A transition takes the highest severity instead of one that the shift has not.
    has_transitions = shift.has_transition and len(protocol.transition_severities) > 0
    if min(protocol.severities) > last and not has_transitions:
        raise InputError(
            f"the shift {name_shift(shift)} has severities 1 to {last}, but protocol.severities "
            f"are {list(protocol.severities)}: it would never be measured. Add one of its "
            "severities, or leave the shift out."
        )


def _check_matches(exclusion: Exclusion, grids: Sequence[ModelGrid]) -> None:
    if any(
        exclusion.covers(backbone, normalizer)
        for grid in grids
        for backbone in grid.backbones
        for normalizer in grid.normalizers
    ):
        return
    listed = {
        "backbone": [module for grid in grids for module in grid.backbones],
        "normalizer": [module for grid in grids for module in grid.normalizers],
    }
    for kind, modules in listed.items():
        wanted = getattr(exclusion, kind)
        names = list(dict.fromkeys(module.name for module in modules))
        if not any(wanted in find_names(module) for module in modules):
            raise InputError(
                f"exclude: the suite has no {kind} {wanted!r}.{did_you_mean(wanted, names)} It has "
                f"{', '.join(names)}."
            )
    raise InputError(
        f"exclude: no grid of models combines {exclusion.backbone} with {exclusion.normalizer}. "
        "Leave the exclusion out."
    )


def _check_combinations(suite: Suite) -> None:
    """Check that each backbone has a normalizer left, and that no model is there twice."""
    combined = list(suite.iter_models())
    for grid in suite.models:
        for backbone in grid.backbones:
            if not any(one is grid and other is backbone for one, other, *_ in combined):
                raise InputError(
                    f"exclude leaves no normalizer for {backbone.call_expression}. Leave the "
                    "backbone out of the models instead."
                )
    check_distinct(
        "models",
        [
            f"{backbone} in {normalizer}, seed {seed}, {grid.training or suite.training}"
            for grid, backbone, normalizer, seed in combined
        ],
        [
            f"{backbone.call_expression} in {normalizer.call_expression}, seed {seed},"
            for _, backbone, normalizer, seed in combined
        ],
    )
