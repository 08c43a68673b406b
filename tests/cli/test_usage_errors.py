"""Usage errors are reported in the user's terms, in one line and with a fix."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from revin_forecast.cli.main import main
from tests.support.limits import HANG_SECONDS
from tests.support.warm_programs import Program

PROGRAM = "revin_forecast.__main__"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a table, whose name contains a space, and options files."""
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


def read_error(capsys, *words):
    """Run a command that must fail; return its error, which must be one line on stderr."""
    assert main([str(word) for word in words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("revin-forecast: ")
    assert err.count("\n") == 1
    parser_terms = ("<class", "typing", "Namespace", "NestedArg", "Parser key", "Literal", "Union")
    assert not any(word in err for word in parser_terms), err
    return err


FORECAST = ["forecast", "a table.csv", "--horizon", "3"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["forecast"], "forecast needs FILE and --horizon."),
        (["fit", "a table.csv"], "fit needs --horizon and --out."),
        (["forecast", "a table.csv", "--horizon"], "--horizon was given without a value"),
        (
            ["forecast", "a table.csv", "--horizon", "3.5"],
            "--horizon expects a whole number but got",
        ),
        (["forecast", "a table.csv", "--horison", "3"], "no option --horison. Did you mean --hori"),
        ([*FORECAST, "--max-epoch", "3"], "no option --max-epoch. Did you mean --max-epochs?"),
        ([*FORECAST, "--xyzzy"], "there is no option --xyzzy. See revin-forecast forecast --help"),
        (
            [*FORECAST, "b.csv"],
            "unexpected argument 'b.csv': forecast takes FILE without a flag. Quote a name",
        ),
        ([*FORECAST, "--level", "eighty"], "--level expects a number but got eighty."),
        ([*FORECAST, "--level", "0.8"], "a level is in percent but got 0.8; pass 80"),
        ([*FORECAST, "--season", "x"], "--season expects a whole number but got x."),
        ([*FORECAST, "--budget", "x"], "--budget expects a number but got x."),
        ([*FORECAST, "--decimal", ";"], "--decimal expects "),
        ([*FORECAST, "--quiet=maybe"], "--quiet expects true or false but got maybe."),
        ([*FORECAST, "--missing", "drop"], "--missing expects observed, interpolate or error but"),
        (
            [*FORECAST, "--engine", "loacl"],
            "expects inline, local or ray but got loacl. Did you mea",
        ),
        (
            [*FORECAST, "--loss", "huber"],
            "--training.loss expects mse, mae or quantile but got hub",
        ),
        (
            [*FORECAST, "--backbone", "DLinaer"],
            "is not a backbone of revin_forecast. Did you mean DL",
        ),
        ([*FORECAST, "--backbone", "patchtst"], "Did you mean PatchTST?"),
        (
            [*FORECAST, "--normalizer", "RevNI"],
            "RevNI is not a normalizer of revin_forecast. Did yo",
        ),
        (
            [*FORECAST, "--backbone", "RevIN"],
            "RevIN is not a backbone but a normalizer; pass --norm",
        ),
        (
            [*FORECAST, "--normalizer", "Ridge"],
            "Ridge is not a normalizer but a backbone; pass --ba",
        ),
        ([*FORECAST, "--backbone", "mine.Net"], "can't import mine.Net: No module named 'mine'"),
        ([*FORECAST, "--backbone.width", "5"], "is an option of a class but no class was named"),
        (
            [*FORECAST, "--backbone", "DLinear", "--backbone.kernal", "5"],
            "DLinear has no option 'kernal'; it has kernel. Did you mean kernel?",
        ),
        (
            [*FORECAST, "--backbone", "DLinear", "--backbone.kernel", "x"],
            "--backbone.kernel expects a whole number but got x.",
        ),
        (
            [*FORECAST, "--normalizer", "RevIN", "--normalizer.statistic", "mode"],
            "--normalizer.statistic expects mean, last or median but got mode.",
        ),
        (
            [*FORECAST, "--normalizer", "RevIN", "--normalizer.affine", "exact"],
            "--normalizer.affine expects true or false or unguarded but got exact.",
        ),
        (
            ["forecast", "a table.csv", "--config", "no.yaml"],
            "there is no file no.yaml; --config e",
        ),
        (
            ["forecast", "a table.csv", "--config", "folder"],
            "folder is a folder; --config expects a",
        ),
        (["forecast", "a table.csv", "--config", "image.yaml"], "image.yaml is not text; --config"),
        (
            ["forecast", "a table.csv", "--config", "unknown.yaml"],
            "unknown.yaml: there is no option 'horizn'. Did you mean horizon?",
        ),
        (
            ["forecast", "a table.csv", "--config=group.yaml"],
            "group.yaml: there is no option 'training.max_epoch'. Did you mean training.max-ep",
        ),
        (["forecast", "a table.csv", "--config", "kind.yaml"], "--horizon expects a whole number"),
        (
            ["forecast", "a table.csv", "--config", "list.yaml"],
            "is not a YAML mapping of options, such as",
        ),
        (
            ["forecast", "a table.csv", "--config", "broken.yaml"],
            "broken.yaml is not a YAML mapping of opt",
        ),
        ([*FORECAST, "--quiet", "--verbose"], "--quiet and --verbose exclude each other"),
        ([*FORECAST, "--engine", "local", "--workers", "0"], "at least one worker is needed"),
        (["--verbose", *FORECAST], "--verbose precedes the command; options come after it"),
        (["datasets", "gte", "etth1"], "no command 'datasets gte'. Did you mean datasets get?"),
        (["forecast", "folder", "--horizon", "3"], "folder is a folder; name a CSV or Parquet"),
        (
            ["fit", "a table.csv", "--horizon", "3", "--out", "a table.csv"],
            "is a file; name a fold",
        ),
        (
            ["fit", "a table.csv", "--horizon", "3", "--out", "a table.csv/m"],
            "Check the name and the permissions",
        ),
        (["predict", "a table.csv"], "a table.csv is a file; name the folder that `fit` wrote fir"),
        (["demo", "--out", "a table.csv"], "a table.csv is a file; name a folder for forecast and"),
        (["check", "RevIM"], "RevIM is not a class of revin_forecast. Did you mean RevIN?"),
        (
            ["check", "RevIN", "--out", "no/table.md"],
            "No such file or directory. Check the name and the",
        ),
        (["evaluate", "a table.csv", "--horizon", "0"], "--horizon is 0; pass a positiv"),
        (["evaluate", "a table.csv", "--season", "0"], "--season is 0; pass a positive"),
        (["evaluate", "a table.csv", "--shifts", "levle"], "there is no shift 'levle'"),
        (
            ["evaluate", "a table.csv", "--season", "90"],
            "a season of 90 steps is not shorter than the table of 90 rows, so it can't be seen.",
        ),
        ([*FORECAST, "--season", "90"], "Pass one of at most 45, or leave --season out."),
        (
            ["evaluate", "a table.csv", "--covariates", "holiday"],
            "the known input 'holiday' needs a country, such as --covariates holiday:DE",
        ),
        (
            [*FORECAST, "--covariates", "holiday", "--backbone", "TiDE"],
            "the known input 'holiday' needs a country, such as --covariates holiday:DE",
        ),
        ([*FORECAST, "--covariates", "sol"], "there is no known input 'sol'"),
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
def test_usage_errors_are_reported_in_one_line(capsys, folder, words, message):
    assert message in read_error(capsys, *words)


def test_lack_of_memory_is_reported_in_one_line(capsys, monkeypatch, folder):
    for error in (
        MemoryError("Unable to allocate 3 TiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ):

        def raise_error(*_, error=error):
            raise error

        monkeypatch.setattr("revin_forecast.cli.main._run_command", raise_error)
        assert f"not enough memory: {error}. Use" in read_error(capsys, *FORECAST)


def test_the_usage_line_names_required_parameters(capsys):
    for words, usage in (
        (["fit"], "fit FILE --horizon HORIZON --out OUT [options]"),
        (["datasets", "get"], "datasets get NAME [options]"),
        (["demo"], "demo [options]"),
        (["predict"], "predict MODEL [FILE] [options]"),
    ):
        with pytest.raises(SystemExit):
            main([*words, "--help"])
        text = capsys.readouterr().out
        assert text.startswith(f"usage: revin-forecast {usage}\n")
        assert "--verbose" in text


def test_help_describes_options_without_parser_types(capsys):
    with pytest.raises(SystemExit):
        main(["fit", "--help-all"])
    text = " ".join(capsys.readouterr().out.split())
    assert not any(word in text for word in ("type:", "default:", "Literal", "| null", "Callable"))
    assert "--horizon HORIZON number of steps to forecast --out OUT" in text
    assert "One of CycleNet, DLinear, Drift" in text
    assert "BATCH_SIZE number of windows in a batch (default 32)" in text
    assert "initial weights, window order and dropout (default 0)" in text


def test_verbose_is_not_saved_with_the_options(capsys, folder):
    words = ["fit", "a table.csv", "--horizon", "3", "--out", "model", "--verbose"]
    assert main(words) == 0
    saved = (folder / "model" / "config.yaml").read_text()
    assert "horizon: 3" in saved
    assert "verbose" not in saved


def run_with_closed_stdout(words, size):
    """Close stdout of a program after `size` bytes; return its exit code and error output."""
    command = [sys.executable, "-m", "revin_forecast", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(size)
        process.stdout.close()
        return process.wait(HANG_SECONDS), process.stderr.read().decode()


@pytest.mark.slow
@pytest.mark.parametrize("words", [[*FORECAST, "--quiet"], ["datasets"], ["--help"]], ids=" ".join)
def test_a_closed_stdout_pipe_is_not_reported(folder, words):
    assert run_with_closed_stdout(words, 0) == (141, "")


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")  # noqa: PTH110
def test_a_full_disk_is_reported_in_one_line(folder):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        command = [sys.executable, "-m", "revin_forecast", *FORECAST, "--quiet"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "revin-forecast: No space left on device.\n"


@pytest.mark.slow
def test_a_successful_command_prints_nothing_on_stderr(folder, tmp_path):
    ended = Program(PROGRAM, [*FORECAST, "--quiet"], tmp_path).end()
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("date,sold\n")


NESTED = [*FORECAST, "--backbone", "Siamese", "--backbone.backbone"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            [*NESTED, "NHITTS"],
            "--backbone.backbone: NHITTS is not a backbone of revin_forecast. Di",
        ),
        ([*NESTED, "DLinear", "--backbone.backbone.kernal", "5"], "DLinear has no option 'kernal'"),
        (
            [*NESTED, "DLinear", "--backbone.backbone.kernel", "x"],
            "--backbone.backbone.kernel expects a whole number but got x.",
        ),
        ([*FORECAST, "--backbone", "Backbone"], "Backbone is a base class; name one of its subcla"),
        ([*FORECAST, "--backbone", ""], "a class is a name or {class_path: ..., init_args: {...}}"),
        ([*FORECAST, "--backbone", "own.Net"], "own.Net needs --backbone.width."),
        ([*FORECAST, "--backbone", "broken.Net"], "broken raises ZeroDivisionError"),
        ([*FORECAST, "--horiz", "4"], "there is no option --horiz. Did you mean --horizon?"),
        ([*FORECAST, "--levels", "0.1"], "--training.levels expects a list in brackets ([A, B])"),
    ],
)
def test_errors_about_classes_name_the_option(capsys, folder, monkeypatch, words, message):
    (folder / "own.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, lookback, horizon, channels, width: int):\n"
        "        super().__init__()\n"
    )
    (folder / "broken.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(folder)
    assert message in read_error(capsys, *words)


def test_the_command_line_overrides_the_options_file(capsys, folder):
    (folder / "options.yaml").write_text(
        "horizon: 3\nlookback: 9\nseason: 7\ntest-share: 0.5\n"
        "backbone: {class_path: DLinear, init_args: {kernel: 5}}\n"
    )
    words = ["backtest", "a table.csv", "--lookback", "14", "--config", "options.yaml"]
    with pytest.raises(SystemExit):
        main([*words, "--backbone.kernel", "7", "--print_config"])
    options = yaml.safe_load(capsys.readouterr().out)
    assert (options["horizon"], options["lookback"], options["season"]) == (3, 14, [7])
    assert options["test_share"] == 0.5
    assert options["backbone"]["init_args"] == {"kernel": 7}
