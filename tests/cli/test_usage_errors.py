"""What people get wrong about words and options is told in their words, with what to do."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from revin_forecast.cli.main import main
from tests.support.warm_programs import Program

PROGRAM = "revin_forecast.__main__"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a table, whose name has a space, and files of options."""
    days = pd.date_range("2024-01-01", periods=90, freq="D")
    sold = 20 + 5 * np.sin(np.arange(90) * 2 * np.pi / 7)
    pd.DataFrame({"date": days, "sold": sold}).to_csv(tmp_path / "a table.csv", index=False)
    (tmp_path / "unknown.yaml").write_text("horizon: 3\nhorizn: 4\n")
    (tmp_path / "group.yaml").write_text("horizon: 3\ntraining:\n  max_epoch: 4\n")
    (tmp_path / "kind.yaml").write_text("horizon: three\n")
    (tmp_path / "list.yaml").write_text("- 3\n")
    (tmp_path / "broken.yaml").write_text("horizon: [\n")
    (tmp_path / "image.yaml").write_bytes(b"\x89PNG\xff\0")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys, *words):
    """What is said about wrong words: one line, and nothing on standard output."""
    assert main([str(word) for word in words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("revin-forecast: ")
    assert err.count("\n") == 1
    machinery = ("<class", "typing", "Namespace", "NestedArg", "Parser key", "Literal", "Union")
    assert not any(word in err for word in machinery), err
    return err


FORECAST = ["forecast", "a table.csv", "--horizon", "3"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["forecast"], "forecast needs FILE and --horizon."),
        (["fit", "a table.csv"], "fit needs --horizon and --out."),
        (["forecast", "a table.csv", "--horizon"], "--horizon was given without a value"),
        (["forecast", "a table.csv", "--horizon", "3.5"], "--horizon wants a whole number but got"),
        (["forecast", "a table.csv", "--horison", "3"], "no option --horison. Did you mean --hori"),
        ([*FORECAST, "--max-epoch", "3"], "no option --max-epoch. Did you mean --max-epochs?"),
        ([*FORECAST, "--xyzzy"], "there is no option --xyzzy. See revin-forecast forecast --help"),
        ([*FORECAST, "b.csv"], "'b.csv' is too much: forecast takes FILE without a flag. A name"),
        ([*FORECAST, "--level", "eighty"], "--level wants a number but got eighty."),
        ([*FORECAST, "--level", "0.8"], "a level is in percent but got 0.8; pass 80"),
        ([*FORECAST, "--season", "x"], "--season wants a whole number but got x."),
        ([*FORECAST, "--budget", "x"], "--budget wants a number but got x."),
        ([*FORECAST, "--decimal", ";"], "--decimal wants "),
        ([*FORECAST, "--quiet=maybe"], "--quiet wants true or false but got maybe."),
        ([*FORECAST, "--missing", "drop"], "--missing wants observed, interpolate or error but"),
        ([*FORECAST, "--engine", "loacl"], "wants inline, local or ray but got loacl. Did you mea"),
        ([*FORECAST, "--loss", "huber"], "--training.loss wants mse, mae or quantile but got hub"),
        ([*FORECAST, "--backbone", "DLinaer"], "is no backbone of revin_forecast. Did you mean DL"),
        ([*FORECAST, "--backbone", "patchtst"], "Did you mean PatchTST?"),
        ([*FORECAST, "--normalizer", "RevNI"], "RevNI is no normalizer of revin_forecast. Did yo"),
        ([*FORECAST, "--backbone", "RevIN"], "RevIN is no backbone but a normalizer; pass --norm"),
        ([*FORECAST, "--normalizer", "Ridge"], "Ridge is no normalizer but a backbone; pass --ba"),
        ([*FORECAST, "--backbone", "mine.Net"], "can't import mine.Net: No module named 'mine'"),
        ([*FORECAST, "--backbone.width", "5"], "belongs to a class but none was named"),
        (
            [*FORECAST, "--backbone", "DLinear", "--backbone.kernal", "5"],
            "DLinear has no option 'kernal'; it has kernel. Did you mean kernel?",
        ),
        (
            [*FORECAST, "--backbone", "DLinear", "--backbone.kernel", "x"],
            "--backbone.kernel wants a whole number but got x.",
        ),
        (
            [*FORECAST, "--normalizer", "RevIN", "--normalizer.statistic", "mode"],
            "--normalizer.statistic wants mean, last or median but got mode.",
        ),
        (
            ["forecast", "a table.csv", "--config", "no.yaml"],
            "there is no file no.yaml; --config w",
        ),
        (["forecast", "a table.csv", "--config", "folder"], "folder is a folder; --config wants a"),
        (["forecast", "a table.csv", "--config", "image.yaml"], "image.yaml is no text; --config"),
        (
            ["forecast", "a table.csv", "--config", "unknown.yaml"],
            "unknown.yaml: there is no option 'horizn'. Did you mean horizon?",
        ),
        (
            ["forecast", "a table.csv", "--config=group.yaml"],
            "group.yaml: there is no option 'training.max_epoch'. Did you mean training.max-ep",
        ),
        (["forecast", "a table.csv", "--config", "kind.yaml"], "--horizon wants a whole number"),
        (["forecast", "a table.csv", "--config", "list.yaml"], "is no YAML of options, such as"),
        (["forecast", "a table.csv", "--config", "broken.yaml"], "broken.yaml is no YAML of opt"),
        ([*FORECAST, "--quiet", "--verbose"], "--quiet and --verbose exclude each other"),
        ([*FORECAST, "--engine", "local", "--workers", "0"], "at least one worker is needed"),
        (["--verbose", *FORECAST], "--verbose stands before a command; options come after it"),
        (["datasets", "gte", "etth1"], "no command 'datasets gte'. Did you mean datasets get?"),
        (["forecast", "folder", "--horizon", "3"], "folder is a folder; name a CSV or Parquet"),
        (
            ["fit", "a table.csv", "--horizon", "3", "--out", "a table.csv"],
            "is a file; name a fold",
        ),
        (
            ["fit", "a table.csv", "--horizon", "3", "--out", "a table.csv/m"],
            "Check the name, and w",
        ),
        (["predict", "a table.csv"], "a table.csv is a file; name the folder that `fit` wrote fir"),
        (["demo", "--out", "a table.csv"], "a table.csv is a file; name a folder for forecast and"),
        (["check", "RevIM"], "RevIM is no class of revin_forecast. Did you mean RevIN?"),
        (
            ["check", "RevIN", "--out", "no/table.md"],
            "No such file or directory. Check the name, a",
        ),
        (["evaluate", "--file", "a table.csv", "--horizon", "0"], "--horizon is 0; pass a positiv"),
        (["evaluate", "--file", "a table.csv", "--season", "0"], "--season is 0; pass a positive"),
        (["evaluate", "--file", "a table.csv", "--shifts", "levle"], "there is no shift 'levle'"),
        (["sweep", "etth"], "there is no file 'etth', and there is no data set 'etth' among"),
        (["shift-card", "etth"], "there is no file 'etth', and there is no data set 'etth' among"),
        (["shift-card", "a table.csv", "--horizon", "-1"], "--horizon is -1; pass a positive num"),
        (["benchmark", "no.yaml"], "there is no suite at no.yaml"),
        (["benchmark", "no.yaml", "--timeout", "0"], "--timeout is 0; pass a number of seconds"),
        (["export", "folder"], "folder holds no forecaster"),
        (
            ["forecast", "a tabel.csv", "--horizon", "3"],
            "there is no file 'a tabel.csv'. Did you mean a table.csv?",
        ),
    ],
)
def test_wrong_words_are_told_in_one_line(capsys, here, words, message):
    assert message in told(capsys, *words)


def test_want_of_memory_is_told_in_one_line(capsys, monkeypatch, here):
    for error in (
        MemoryError("Unable to allocate 3 TiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ):

        def greedy(*_, error=error):
            raise error

        monkeypatch.setattr("revin_forecast.cli.main._run_command", greedy)
        assert "the memory does not suffice" in told(capsys, *FORECAST)


def test_a_usage_line_names_what_is_needed(capsys):
    for words, usage in (
        (["fit"], "fit FILE --horizon HORIZON --out OUT [options]"),
        (["datasets", "get"], "datasets get NAME [options]"),
        (["demo"], "demo [options]"),
        (["predict"], "predict MODEL [FILE] [options]"),
    ):
        with pytest.raises(SystemExit):
            main([*words, "--help"])
        shown = capsys.readouterr().out
        assert shown.startswith(f"usage: revin-forecast {usage}\n")
        assert "--verbose" in shown


def test_help_speaks_of_what_options_do_not_of_their_types(capsys):
    with pytest.raises(SystemExit):
        main(["fit", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert not any(word in shown for word in ("type:", "default:", "Literal", "| null", "Callable"))
    assert "--horizon HORIZON steps to forecast --out OUT" in shown
    assert "One of CycleNet, DLinear, FITS" in shown
    assert "BATCH_SIZE Windows in a batch (32 if not given)" in shown
    assert "the model's own randomness (0 if not given)" in shown


def test_verbose_is_no_part_of_the_saved_options(capsys, here):
    words = ["fit", "a table.csv", "--horizon", "3", "--out", "model", "--verbose"]
    assert main(words) == 0
    saved = (here / "model" / "config.yaml").read_text()
    assert "horizon: 3" in saved
    assert "verbose" not in saved


def closed(words, read):
    """Run a program whose reader leaves after some bytes; return its exit code and complaints."""
    command = [sys.executable, "-m", "revin_forecast", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(read)
        process.stdout.close()
        return process.wait(60), process.stderr.read().decode()


@pytest.mark.parametrize("words", [[*FORECAST, "--quiet"], ["datasets"], ["--help"]], ids=" ".join)
def test_a_reader_who_leaves_is_no_error(here, words):
    assert closed(words, 0) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")  # noqa: PTH110
def test_a_full_disk_is_told_in_one_line(here):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        command = [sys.executable, "-m", "revin_forecast", *FORECAST, "--quiet"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "revin-forecast: No space left on device.\n"


def test_a_good_program_says_nothing_on_the_error_stream(here, tmp_path):
    ended = Program(PROGRAM, [*FORECAST, "--quiet"], tmp_path).end()
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("date,sold\n")
