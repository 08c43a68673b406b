"""Check a whole suite before anything runs: its data, its windows and the classes of its models."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from revin_forecast.errors import InputError
from revin_forecast.models.spec import ModuleSpec, select_accepted_sizes
from revin_forecast.shift.measuring.interval_scores import QUANTILE_LEVELS
from revin_forecast.shift.suite.datasets import PreparedDataset, prepare_dataset
from revin_forecast.shift.suite.fingerprint import has_own_code
from revin_forecast.shift.suite.plan import PlannedRun, plan_runs
from revin_forecast.shift.suite.suite import DatasetConfig, Suite, WindowConfig
from revin_forecast.training.settings import TrainingSettings

NORMALIZER_CALLS = {"normalize": ("past", "observed"), "denormalize": ("future", "stats", "kind")}
"""Methods of a normalizer and the arguments that a model calls them with."""
BACKBONE_CALLS = {"forward": ("past",)}


def check_suite(suite: Suite, data_dir: str | None = None) -> None:
    """Check that each data set has windows and each model can be built for them.

    Our own classes are built. Those of a user are not, as their code may do anything, such as end
    the process; it runs in workers only. Their signatures show misspelt arguments and methods that
    a model can't call. An error that a user's code raises by itself is a failed run.

    Args:
        suite: the suite, as `read_suite` returns it.
        data_dir: folder of the catalogued files.

    Raises:
        InputError: a data set can't be read or is too short, or a model can't be built.
    """
    checked: set[tuple[Any, ...]] = set()
    for config in suite.datasets:
        windows = suite.windows_for(config)
        data = prepare_dataset(config, windows, data_dir)
        _check_rows(config, windows, data)
        runs = plan_runs(suite, config, data.shift_dataset.season)
        _check_labels(runs)
        for run in runs:
            channels = data.split.values.shape[1]
            modules = repr(run.backbone), repr(run.normalizer), run.training
            key = (*modules, channels, windows.lookback, windows.horizon)
            if key not in checked:
                checked.add(key)
                _check_model(run, suite, channels)


def _check_rows(config: DatasetConfig, windows: WindowConfig, data: PreparedDataset) -> None:
    """Check that there are windows to train and to validate on; the test was checked before."""
    split, width = data.split, windows.lookback + windows.horizon
    parts = {
        "training": (split.train, width),
        "validation": (split.validation - split.train, windows.horizon),
    }
    for name, (rows, needed) in parts.items():
        if rows < needed:
            raise InputError(
                f"{config.name} has {rows} {name} rows, but windows of look-back "
                f"{windows.lookback} and horizon {windows.horizon} need {needed}. Choose shorter "
                "ones in the suite."
            )


def _check_labels(runs: Iterable[PlannedRun]) -> None:
    """Check that no two models have the same name in tables."""
    found: dict[str, PlannedRun] = {}
    for run in runs:
        other = found.setdefault(run.label, run)
        if other is not run:
            modules = [other.backbone, other.normalizer, run.backbone, run.normalizer]
            paths = dict.fromkeys(module.path for module in modules)
            raise InputError(
                f"two models are called {run.label} in tables, of {', '.join(paths)}"
                ". Rename one of the classes."
            )


def _check_model(run: PlannedRun, suite: Suite, channels: int) -> None:
    config = run.make_model_config(suite)
    own = [module for module in (run.backbone, run.normalizer) if has_own_code(module)]
    sizes = {"lookback": config.lookback, "horizon": config.horizon}
    try:
        _check_levels(config.training)
        if not own:
            config.build(channels)
            return
        if run.backbone in own:
            _check_own_class(run.backbone, (*sizes.values(), channels), {}, BACKBONE_CALLS)
        else:
            run.backbone.build(*sizes.values(), channels)
        if run.normalizer in own:
            _check_own_class(run.normalizer, (channels,), sizes, NORMALIZER_CALLS)
        else:
            run.normalizer.build(channels, **sizes)
    except InputError as error:
        names = " in ".join(run.display_names)
        raise InputError(f"{names} on {run.dataset_config.name}: {error.message}") from error


def _check_levels(training: TrainingSettings) -> None:
    lacking = [level for level in QUANTILE_LEVELS if level not in training.levels]
    if training.loss == "quantile" and lacking:
        raise InputError(
            f"training.levels are {list(training.levels)} without {lacking}, but a benchmark "
            f"scores the quantiles {list(QUANTILE_LEVELS)}. Add them, or leave the levels out."
        )


def _check_own_class(
    module: ModuleSpec,
    sizes: tuple[int, ...],
    optional_sizes: dict[str, int],
    calls: dict[str, tuple[str, ...]],
) -> None:
    """Check a user's class by its signatures, without running its code."""
    kind: Any = module.import_class()
    if inspect.isabstract(kind):
        missing = ", ".join(sorted(kind.__abstractmethods__))
        raise InputError(f"{module.path} has no {missing}. Define what its base class asks for.")
    extra = {
        name: size
        for name, size in select_accepted_sizes(kind, optional_sizes).items()
        if name not in module.parameters
    }
    _check_call(module.path, kind, sizes, {**module.parameters, **extra})
    for method, arguments in calls.items():
        function = getattr(kind, method, None)
        if function is None:
            raise InputError(f"{module.path} has no {method}({', '.join(arguments)}). Define it.")
        _check_call(f"{module.path}.{method}", function, (None, *arguments), {})


def _check_call(
    name: str, function: Callable[..., Any], positional: tuple[Any, ...], named: dict[str, Any]
) -> None:
    """Check that a function can be called with some arguments."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # nothing is known before the call itself
        return
    try:
        signature.bind(*positional, **named)
    except TypeError as error:
        # The first argument of a method is the object itself.
        shown = positional[1:] if positional[:1] == (None,) else positional
        words = [*map(str, shown), *(f"{key}={value!r}" for key, value in named.items())]
        raise InputError(
            f"{name}{signature} is called with ({', '.join(words)}): {error}. Let it take these "
            "arguments, as its base class does."
        ) from error
