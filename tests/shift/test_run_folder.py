"""The files of a run survive a kill at any moment, and only one process at a time writes them."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from revin_forecast.errors import InputError
from revin_forecast.shift.runner.run_folder import RunFolder
from tests.support.limits import HANG_SECONDS

# Without our package, whose import takes seconds.
HOLDER = """
import subprocess, sys, time
from filelock import FileLock

lock = FileLock(sys.argv[1])
lock.acquire(blocking=False)
if sys.argv[2] == "with a child":
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3)"])
print("locked", flush=True)
time.sleep(60)
"""
ENTRIES = [
    {"key": key, "status": "done", "error": "", "rows": [{"mase_pb": 1.25}]} for key in "abc"
]


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "run")


@pytest.fixture
def hold_lock(folder):
    """Return a function that starts a process that holds the folder's lock."""
    processes = []

    def start(mode):
        folder.path.mkdir()
        command = [sys.executable, "-c", HOLDER, str(folder.path / "lock"), mode]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def is_free(folder):
    with folder.lock() as is_locked:
        return is_locked


def wait_until_zombie(pid):
    deadline = time.monotonic() + HANG_SECONDS
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_run_is_locked_once(folder):
    with folder.lock() as is_locked:
        assert is_locked
        with folder.lock() as is_locked_twice:
            assert not is_locked_twice
        assert not is_free(folder)
    assert is_free(folder)
    with pytest.raises(ZeroDivisionError), folder.lock():
        raise ZeroDivisionError
    assert is_free(folder)


@pytest.mark.parametrize("mode", ["alone", "with a child"])
def test_lock_of_a_killed_process_is_free_at_once(folder, hold_lock, mode):
    process = hold_lock(mode)
    assert not is_free(folder)
    process.send_signal(signal.SIGSTOP)
    assert not is_free(folder)  # stopped, not dead
    process.kill()
    if sys.platform == "linux":
        wait_until_zombie(process.pid)  # not waited for, as a worker whose parent is busy
    else:
        process.wait()
    assert is_free(folder)


def test_the_lock_folder_of_earlier_versions_is_ignored(folder):
    claim = folder.path / "claim"
    claim.mkdir(parents=True)
    (claim / "owner.json").write_text('{"host": "elsewhere", "pid": 1}')
    assert is_free(folder)


def write_cells(folder):
    folder.path.mkdir()
    for entry in ENTRIES:
        folder.record_cell(entry)
    return folder.journal.read_bytes()


def test_a_journal_cut_anywhere_keeps_its_complete_lines(folder):
    whole = write_cells(folder)
    line_ends = [place for place, byte in enumerate(whole) if byte == ord("\n")]
    cuts = {size for end in line_ends for size in (end - 1, end, end + 1)}
    for size in sorted(cuts | set(range(0, len(whole), 11))):
        folder.journal.write_bytes(whole[:size])
        # A line is complete without its newline, too.
        complete = ENTRIES[: sum(end <= size for end in line_ends)]
        assert list(folder.repair_cells().values()) == complete
        folder.record_cell({**ENTRIES[0], "key": "new"})
        assert list(folder.read_cells()) == [*(entry["key"] for entry in complete), "new"]


def test_a_changed_byte_invalidates_its_line_only(folder):
    whole = write_cells(folder)
    size = len(whole) // len(ENTRIES)
    for place in range(size, 2 * size - 1):
        folder.journal.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert [key for key in folder.read_cells() if key in "ac"] == ["a", "c"]
        assert folder.read_cells().get("b", ENTRIES[1]) == ENTRIES[1]


def test_failures_replace_no_result(folder):
    write_cells(folder)
    folder.record_cell({"key": "d", "status": "excluded", "error": "no season", "rows": []})
    folder.record_failures(["a", "d", "e"], "the worker died")
    statuses = {key: entry["status"] for key, entry in folder.read_cells().items()}
    expected = {"a": "done", "b": "done", "c": "done", "d": "excluded", "e": "failed"}
    assert statuses == expected


def test_merged_results_replace_failures_but_no_results(folder, tmp_path):
    write_cells(folder)
    other = RunFolder(tmp_path / "other")
    other.path.mkdir()
    other.record_failures(["a", "z"], "the worker died")
    other.merge(folder)
    statuses = {key: entry["status"] for key, entry in other.read_cells().items()}
    assert statuses == {"a": "done", "b": "done", "c": "done", "z": "failed"}
    with folder.lock(), pytest.raises(InputError, match="in use by a running benchmark"):
        folder.merge(other)
    folder.merge(other)
    assert folder.read_cells()["a"] == ENTRIES[0]
    assert folder.read_cells()["z"]["status"] == "failed"
