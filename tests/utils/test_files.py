"""Atomic file writes keep the old or the new content."""

import errno
import os
import stat
import subprocess
import sys
import threading

import pandas as pd
import pytest

from revin_forecast.data.write_table import check_table_path, write_table
from revin_forecast.errors import InputError
from revin_forecast.utils.files import atomic_write
from tests.support.limits import HANG_SECONDS

TABLE = pd.DataFrame({"date": ["2024-01-01"], "a": [1.5]})
CSV = "date,a\n2024-01-01,1.5\n"


def write(path, text="new"):
    with atomic_write(path) as partial:
        partial.write_text(text)


def test_new_files_follow_the_umask_and_old_ones_keep_their_mode(tmp_path):
    path = tmp_path / "f.csv"
    before = os.umask(0o027)
    try:
        write(path, "old")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    write(path)
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("problem", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, problem):
    path = tmp_path / "f.csv"
    write(path, "old")

    def fail(partial):
        partial.write_text("half")
        raise problem

    with pytest.raises(problem), atomic_write(path) as partial:
        fail(partial)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_symbolic_links_are_kept(tmp_path):
    (tmp_path / "there").mkdir()
    link, dangling = tmp_path / "link.csv", tmp_path / "dangling.csv"
    link.symlink_to("there/f.csv")
    dangling.symlink_to("there/g.csv")
    write(tmp_path / "there" / "f.csv", "old")
    write(link)
    write(dangling)
    assert link.is_symlink()
    assert dangling.is_symlink()
    assert {path.name: path.read_text() for path in (tmp_path / "there").iterdir()} == {
        "f.csv": "new",
        "g.csv": "new",
    }


def test_a_pipe_gets_the_finished_content(tmp_path):
    pipe, received = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: received.append(pipe.read_text()))
    reader.start()
    write_table(TABLE, pipe)
    reader.join(HANG_SECONDS)
    assert received == [CSV]
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


@pytest.mark.slow
def test_dev_stdout_receives_the_table():
    code = (
        "import pandas; from revin_forecast.data.write_table import write_table;"
        "write_table(pandas.DataFrame({'date': ['2024-01-01'], 'a': [1.5]}), '/dev/stdout')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, CSV, "")


def test_a_folder_is_rejected(tmp_path):
    with pytest.raises(InputError, match="is a folder; name a file to write"):
        write(tmp_path)
    (tmp_path / "f.csv").mkdir()
    with pytest.raises(InputError, match=r"f.csv is a folder; name a file to write"):
        check_table_path(tmp_path / "f.csv")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("f.xls", r"is written as .csv, .* or .arrow but got .*f.xls"),
        ("nowhere/f.csv", r"there is no folder .*nowhere to write f.csv in; create it"),
    ],
)
def test_unwritable_outputs_are_rejected_before_the_work(tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        check_table_path(tmp_path / name)
    with pytest.raises(InputError, match=message):
        write_table(TABLE, tmp_path / name)


def test_a_name_of_maximum_length_can_be_written(tmp_path):
    path = tmp_path / ("ä" * 125 + ".csv")
    write(path)
    assert path.read_text() == "new"


def test_errors_name_the_path_that_the_user_passed(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        write(tmp_path / "nowhere" / "f.csv")
    assert caught.value.filename == str(tmp_path / "nowhere" / "f.csv")


def test_a_write_protected_file_is_kept(tmp_path, monkeypatch):
    path = tmp_path / "f.csv"
    write(path, "old")
    path.chmod(0o444)
    # The user that runs the tests may be root, for whom every file is writable.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(PermissionError, match=r"Permission denied: '.*f\.csv'"):
        write(path)
    assert path.read_text() == "old"


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_reported_with_the_file(tmp_path, reason):
    path = tmp_path / "f.csv"
    write(path, "old")
    with (
        pytest.raises(InputError, match=r"f.csv could not be written: .* Make room, or write else"),
        atomic_write(path),
    ):
        raise OSError(reason, os.strerror(reason))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_partial_files_of_killed_runs_are_removed(tmp_path):
    path, other = tmp_path / "f[1].csv", tmp_path / ".other.csv.0a.partial"
    code = (
        "import os, sys, pathlib; from revin_forecast.utils.files import atomic_write\n"
        "with atomic_write(pathlib.Path(sys.argv[1])) as partial:\n"
        "    partial.write_text('half'); os.kill(os.getpid(), 9)"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code, str(path)])
        assert not path.exists()
        assert len(list(tmp_path.iterdir())) == 1
    other.write_text("of another output")
    write(path)
    assert sorted(tmp_path.iterdir()) == [other, path]


def test_partial_files_of_running_writes_are_kept(tmp_path):
    path = tmp_path / "f.csv"
    with atomic_write(path) as partial:
        partial.write_text("first")
        write(path, "second")
        assert path.read_text() == "second"
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]
