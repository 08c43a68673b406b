"""Read the data sets of a suite: names, tables, and processes with parameters of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from revin_forecast.data.catalog.catalog import CATALOG
from revin_forecast.data.catalog.dated.dated_shift import list_dated_shifts, read_dated_shifts
from revin_forecast.errors import InputError, did_you_mean
from revin_forecast.shift.processes import PROCESSES, Process
from revin_forecast.shift.suite.suite import DatasetConfig
from revin_forecast.shift.suite.yaml_fields import read_fields

OWN_FIELDS = {"process", "severity"}
"""Fields of a data set that a suite sets itself."""
SUITE_PARAMETERS = {"strength", "lookback", "horizon"}
"""Parameters of processes that a suite sets itself."""


def parse_datasets(datasets: Sequence[Any], folder: Path) -> tuple[DatasetConfig, ...]:
    """Return the data sets of a suite.

    Args:
        datasets: names, or mappings with the fields of `DatasetConfig` or the parameters of a
            process.
        folder: folder of the suite, which paths of files are relative to.

    Raises:
        InputError: unknown data set, process, key or parameter.
    """
    configs: list[DatasetConfig] = []
    for dataset in datasets:
        if isinstance(dataset, DatasetConfig):
            config = dataset
        elif isinstance(dataset, str):
            config = DatasetConfig(dataset)
        else:
            config = _parse_mapping(dataset)
        if config.file is not None:
            config = replace(config, file=_find_file(config.file, folder))
        elif config.name in (dated := read_dated_shifts()):
            # From half-hours to years: each has sizes of its own, which the suite may overrule.
            shift = dated[config.name]
            lookback, horizon = config.lookback or shift.lookback, config.horizon or shift.horizon
            config = replace(config, lookback=lookback, horizon=horizon)
        elif config.known_process is None and config.name not in CATALOG:
            known = [*PROCESSES, *CATALOG, *(shift.name for shift in list_dated_shifts())]
            raise InputError(
                f"there is no data set {config.name!r} among {', '.join(known)}."
                f"{did_you_mean(config.name, known)} For your own table use "
                "{name: ..., file: ...}, for a process {name: ..., process: ...}."
            )
        configs.append(config)
    return tuple(configs)


def _find_file(file: str, folder: Path) -> str:
    # Relative to the suite's file first, else to the current folder.
    path = folder / file
    return str(path if path.exists() else file)


def _parse_mapping(content: object) -> DatasetConfig:
    place = "a data set"
    if not isinstance(content, Mapping):
        raise InputError(
            f"{place} is a name or a mapping such as {{name: ..., file: ...}} but got {content!r}."
        )
    given: dict[str, Any] = {str(key): value for key, value in content.items()}
    if "name" in given:
        place = f"the data set {given['name']!r}"
    process = given.pop("process", given.get("name"))
    if "file" in given or not isinstance(process, str) or process not in PROCESSES:
        if "process" in content:
            raise InputError(
                f"{place} has no process {process!r} among {', '.join(PROCESSES)}."
                f"{did_you_mean(str(process), PROCESSES)} A table has none."
            )
        return DatasetConfig(**read_fields(DatasetConfig, given, place, OWN_FIELDS))
    own = {"name", "season", "lookback", "horizon"}
    parameters = {key: given.pop(key) for key in list(given) if key not in own}
    plain = read_fields(DatasetConfig, given, place, _all_but(DatasetConfig, own))
    changed = read_fields(type(PROCESSES[process]), parameters, place, SUITE_PARAMETERS)
    return DatasetConfig(**plain, process=_change_process(process, changed))


def _change_process(name: str, parameters: Mapping[str, Any]) -> Process | None:
    """Return a process with other parameters."""
    plain = {
        key: tuple(value) if isinstance(value, list) else value for key, value in parameters.items()
    }
    return replace(PROCESSES[name], **plain)


def _all_but(kind: type[DatasetConfig], names: set[str]) -> set[str]:
    return {item.name for item in fields(kind)} - names
