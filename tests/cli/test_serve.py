"""The command `serve`, as a program and by its tutorial."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from revin_forecast import Forecaster, Ridge
from revin_forecast.cli.main import main
from tests.support.docs_blocks import parse_blocks
from tests.support.limits import HANG_SECONDS
from tests.support.service import HORIZON, LOOKBACK, ROWS, make_table

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Folder of a saved forecaster."""
    folder = tmp_path_factory.mktemp("model")
    Forecaster(HORIZON, LOOKBACK, Ridge).fit(make_table()).save(folder)
    return folder


def start_service(model, *words, **environment):
    words = [str(model), "--port", "0", "--workers", "1", *words]
    command = [sys.executable, "-m", "revin_forecast", "serve", *words]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_a_signal_stops_it(model, number):
    process = start_service(model, REVIN_FORECAST_TOKEN="t" * 20)
    try:
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", line)[0]
        request = urllib.request.Request(
            f"{address}forecast",
            make_table(ROWS + 9).to_csv(index=False).encode(),
            {"Accept": "text/csv"},
        )
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{address}model")
        request.add_header("Authorization", f"Bearer {'t' * 20}")
        with urllib.request.urlopen(request) as answer:
            assert answer.read().decode().startswith("day,a,b<i>\n2024-05-09")
        process.send_signal(number)
        out, err = process.communicate(timeout=HANG_SECONDS)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--host", "0.0.0.0"],
            "--host 0.0.0.0 is open to other machines, but there is no token",
        ),
        (["--workers", "0"], "--workers is 0; at least one worker is needed"),
        (["--timeout", "-1"], "--timeout must be a number above 0 but got -1"),
        (["--timeout", "2e6"], "--timeout must be at most 86,400 seconds (a day) but got 2e+06"),
        (["--port", "99999"], "--port must be a number from 0 to 65535 but got 99999"),
        (["--host", "not a host"], "can't listen on not a host"),
        (["--token", "schlüssel"], "the token (--token or REVIN_FORECAST_TOKEN) can't be sent"),
        (["--token", "abc\n"], "without a space at either end"),
    ],
)
def test_unusable_options_are_refused(model, words, message, capsys, monkeypatch):
    monkeypatch.delenv("REVIN_FORECAST_TOKEN", raising=False)
    if "not a host" in words:
        words = [*words, "--token", "t"]
    assert main(["serve", str(model), *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            [],
            "serve needs a model: the folder of a saved one (revin-forecast serve FOLDER), or",
        ),
        (
            ["saved", "--pretrained"],
            "one model but got the folder saved and --pretrained. Leave",
        ),
    ],
)
def test_one_model_is_named(words, message, capsys):
    assert main(["serve", *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_port_in_use_and_a_folder_without_a_model_are_refused(model, tmp_path, capsys):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert main(["serve", str(model), "--port", str(port)]) == 2
    assert f"can't listen on 127.0.0.1:{port}" in capsys.readouterr().err
    assert main(["serve", str(tmp_path), "--port", "0", "--workers", "1"]) == 2
    assert f"{tmp_path} holds no forecaster" in capsys.readouterr().err


def test_a_missing_extra_is_named(model, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", str(model)]) == 2
    error = capsys.readouterr().err
    assert (
        'serve needs uvicorn, which is not installed: pip install -c constraints.txt ".[serve]"'
        in error
    )


@pytest.mark.slow
def test_the_tutorial_shows_the_real_output(tmp_path, monkeypatch):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    (tmp_path / "datasets").symlink_to(ROOT / "datasets")
    monkeypatch.chdir(tmp_path)
    blocks = parse_blocks((ROOT / "docs" / "tutorials" / "serve.md").read_text())
    port, processes, output = "", [], None
    try:
        for block in blocks:
            if block.comment == "serves":
                words = shlex.split(block.body)
                assignments = words[: words.index("revin-forecast")]
                options = words[words.index("serve") + 1 :]
                assert options[-2:] == ["--port", "8000"]
                environment = dict(assignment.split("=") for assignment in assignments)
                processes.append(start_service(*options[:-2], **environment))
                output = processes[-1].stdout.readline()
                port = re.search(r":(\d+)/", output)[1]
            elif block.comment == "asks":
                body = block.body.replace(":8000", f":{port}")
                words = shlex.split(body)
                if block.language == "python":
                    words = [sys.executable, "-c", body]
                completed = subprocess.run(words, capture_output=True, check=True)
                output = completed.stdout.decode()
            elif block.language == "bash":
                assert main(shlex.split(block.body)[1:]) == 0
                output = None
            elif output is not None:
                lines = output.replace(f":{port}", ":8000").splitlines()
                assert len(lines) >= len(block.body.splitlines())
                for shown, line in zip(block.body.splitlines(), lines, strict=False):
                    assert line.startswith(shown.removesuffix("...")), (shown, line)
                output = None
        assert output is None
    finally:
        for process in processes:
            process.terminate()
            process.communicate(timeout=HANG_SECONDS)
