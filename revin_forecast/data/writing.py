from pathlib import Path

import pandas as pd

from revin_forecast.errors import InputError
from revin_forecast.files import replacing


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as .csv or .parquet by the path's ending; whole or not at all.

    Raises:
        InputError: another ending, or a folder that is not there.
    """
    path = Path(path)
    if path.suffix not in (".csv", ".parquet"):
        raise InputError(f"a forecast is written as .csv or .parquet but got {path}.")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} to write {path.name} in; make it.")
    with replacing(path) as partial:
        if path.suffix == ".csv":
            table.to_csv(partial, index=False)
        else:
            table.to_parquet(partial, index=False)
