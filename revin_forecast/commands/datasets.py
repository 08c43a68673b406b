from rich.console import Console
from rich.table import Table

from revin_forecast.data import catalog
from revin_forecast.data.download import download


def show(data_dir: str | None = None) -> None:
    """List the benchmark data sets, and which of them are at hand.

    Args:
        data_dir: where their files lie; $REVIN_FORECAST_DATA or ~/.cache/revin_forecast if not
            given.
    """
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "rows", "channels", "step", "season", "at hand", "licence"):
        table.add_column(heading, justify="right" if heading in ("rows", "channels") else "left")
    for name, entry in catalog.CATALOG.items():
        here = "shipped" if entry.shipped else "yes" if catalog.locate(name, data_dir) else "no"
        if here == "no" and entry.url:
            here = "no (get)"
        sizes = (str(entry.rows), str(entry.channels))
        table.add_row(name, *sizes, entry.frequency, str(entry.season), here, entry.licence)
    console = Console()
    console.print(table)
    console.print(
        f"\nThey lie in {catalog.data_folder(data_dir)}. Those marked (get) can be downloaded: "
        "revin-forecast datasets get NAME",
        soft_wrap=True,
    )


def get(name: str, data_dir: str | None = None) -> None:
    """Download a data set, verify its checksum and put it in the data folder.

    Args:
        name: as `revin-forecast datasets` lists it.
        data_dir: where it goes; $REVIN_FORECAST_DATA or ~/.cache/revin_forecast if not given.
    """
    entry = catalog.find(name)
    present = catalog.locate(name, data_dir)
    if present is None:
        present = download(entry, catalog.data_folder(data_dir))
    else:
        catalog.verify(name, data_dir)
    print(f"{name}: {present}, checksum verified. Licence: {entry.licence}")
