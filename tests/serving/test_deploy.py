"""The files that run the service in a container or under systemd name what exists."""

import configparser
import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from revin_forecast.cli.main import main
from tests.support.service import make_client

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def instructions():
    """The instructions of the Dockerfile as (name, rest), by line."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line.strip()]


def check_starts(words, message, capsys):
    """Check that `serve` understands its words: it stops only for want of something else."""
    assert main(words) == 2
    assert message in capsys.readouterr().err


def test_the_image_copies_files_that_exist_and_are_sent(instructions):
    sent = (ROOT / ".dockerignore").read_text().split()
    assert sent[0] == "*"
    copied = [
        source
        for name, rest in instructions
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    assert {"constraints.txt", "pyproject.toml", "revin_forecast", "datasets"} <= set(copied)
    for source in copied:
        assert (ROOT / source).exists()
        assert f"!{source}" in sent
    assert '"/deploy"' in (ROOT / "pyproject.toml").read_text()


def test_the_image_installs_the_pinned_torch_for_cpus_and_drops_its_rights(instructions):
    runs = [rest for name, rest in instructions if name == "RUN"]
    torch = next(run for run in runs if "whl/cpu" in run)
    inner = re.search(r"\$\((.*?)\)", torch)[1]
    found = subprocess.run(["bash", "-c", inner], cwd=ROOT, capture_output=True, text=True)
    assert re.fullmatch(r"torch==[\d.]+\n", found.stdout)
    assert any(run.endswith('-c constraints.txt ".[serve]"') for run in runs)
    stages = [rest.split()[0] for name, rest in instructions if name == "FROM"]
    assert len(stages) == 2
    assert all(re.fullmatch(r"python:3\.\d+-slim-\w+", stage) for stage in stages)
    user = next(rest for name, rest in instructions if name == "USER")
    assert any(run.startswith("useradd") and run.endswith(user) for run in runs)
    names = [name for name, _ in instructions]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert not any("TOKEN" in rest for name, rest in instructions if name in ("ENV", "ARG"))


def test_the_image_starts_the_service_and_checks_its_health(
    instructions, worker, monkeypatch, capsys
):
    parts = {name: rest for name, rest in instructions if name in ("ENTRYPOINT", "CMD")}
    words = json.loads(parts["ENTRYPOINT"]) + json.loads(parts["CMD"])
    monkeypatch.delenv("REVIN_FORECAST_TOKEN", raising=False)
    check_starts(words[1:], "open to other machines, but there is no token", capsys)
    health = next(rest for name, rest in instructions if name == "HEALTHCHECK")
    program, option, code = json.loads(re.search(r"CMD (\[.*\])", health)[1])
    assert (program, option) == ("python", "-c")
    address = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", code)
    assert address[1] == words[words.index("--port") + 1]
    with make_client(worker, token="t", local=False) as client:
        assert client.get(address[2]).status_code == 200
    with pytest.raises(OSError, match="refused"):
        exec(compile(code.replace(":8000", ":9"), "health", "exec"))


def test_the_composition_mounts_the_model_for_reading_and_has_no_secret():
    (service,) = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].values()
    build = service["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
    (volume,) = service["volumes"]
    assert (volume["target"], volume["read_only"], service["read_only"]) == ("/model", True, True)
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert service["environment"]["REVIN_FORECAST_TOKEN"].startswith("${REVIN_FORECAST_TOKEN:?")
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_unit_starts_the_service_without_rights(capsys, monkeypatch, tmp_path):
    unit = configparser.ConfigParser(strict=True)
    unit.optionxform = str
    unit.read(DEPLOY / "revin-forecast.service")
    service = unit["Service"]
    words = shlex.split(service["ExecStart"])
    monkeypatch.setenv("REVIN_FORECAST_TOKEN", "no\nheader")
    check_starts(words[1:], "can't be sent in a header", capsys)
    assert service["DynamicUser"] == service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert not service["CapabilityBoundingSet"]
    assert service["ReadOnlyPaths"] in words


def test_the_guide_names_every_metric(worker):
    guide = (ROOT / "docs" / "guides" / "deploy.md").read_text()
    with make_client(worker) as client:
        names = re.findall(r"^# TYPE (\w+) \w+$", client.get("/metrics").text, re.MULTILINE)
    assert len(names) >= 8
    for name in names:
        if not name.endswith("_created"):
            assert f"`{name}" in guide
