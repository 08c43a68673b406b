"""Writing of forecasts: failures leave the existing file, paths are checked."""

import resource

import pandas as pd
import pytest

from revin_forecast.data.write_table import write_table
from revin_forecast.errors import InputError


class TestWriting:
    FRAME = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=9000, freq="h"), "x": 0.5})

    @pytest.mark.parametrize("ending", [".csv", ".parquet"])
    @pytest.mark.parametrize("old", [True, False])
    def test_a_full_disk_leaves_the_old_file(self, tmp_path, ending, old):
        path = tmp_path / f"f{ending}"
        if old:
            path.write_bytes(b"old")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
        try:
            with pytest.raises(InputError, match=rf"f{ending} could not be written: .*ake room"):
                write_table(self.FRAME, path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert [path.read_bytes() for path in tmp_path.iterdir()] == ([b"old"] if old else [])

    def test_no_permission_leaves_the_old_file(self, tmp_path, monkeypatch):
        def deny_access(*_, **__):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(pd.DataFrame, "to_csv", deny_access)
        (tmp_path / "f.csv").write_text("old")
        with pytest.raises(InputError, match=r"f\.csv could not be written: Permission denied"):
            write_table(self.FRAME, tmp_path / "f.csv")
        assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]

    def test_rejects_paths(self, tmp_path):
        for name, message in [
            ("absent/f.csv", "there is no folder"),
            ("f.txt", "is written as .csv or .parquet"),
            (".csv", "is written as .csv or .parquet"),
        ]:
            with pytest.raises(InputError, match=message):
                write_table(self.FRAME, tmp_path / name)
        (tmp_path / "g.csv").mkdir()
        with pytest.raises(InputError, match="is a folder; name a file"):
            write_table(self.FRAME, tmp_path / "g.csv")
