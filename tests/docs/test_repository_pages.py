"""The pages for developers: their files parse, their commands and paths exist, versions agree."""

import ast
import importlib
import os
import re
import shlex
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import revin_forecast

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = [ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml" for name in ("bug", "idea")]
YAML_FILES = [
    ROOT / ".pre-commit-config.yaml",
    ROOT / "CITATION.cff",
    ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml",
    *WORKFLOWS,
    *FORMS,
]
PAGES = [
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    ".github/pull_request_template.md",
    "docs/developers/architecture.md",
]
PATH_IN_TEXT = re.compile(r"`([\w./-]+)`")
SUPPORTED = ["3.11", "3.12", "3.13"]
CHANGES = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
MAX_LINES = 130
"""Lines of CONTRIBUTING.md, which is one page."""


def read(name):
    return (ROOT / name).read_text()


def load(path):
    return yaml.safe_load(path.read_text())


def project():
    return tomllib.loads(read("pyproject.toml"))


def known_commands():
    """Return the commands of the README's code blocks and of scripts/check."""
    blocks = "\n".join(re.findall(r"```bash\n(.*?)```", read("README.md"), re.S)).splitlines()
    parts = [part for line in blocks for part in line.split(" && ")]
    lines = [line.strip().partition(" # ")[0] for line in read("scripts/check").splitlines()]
    return {*blocks, *parts, *lines}


def is_installed(program):
    """Whether a program is in this environment, on the path or in the repository."""
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return (ROOT / program).is_file() or shutil.which(program, path=search) is not None


def command_lines(page):
    """Return the lines of a page's bash blocks, split at &&."""
    blocks = re.findall(r"```bash\n(.*?)```", read(page), re.S)
    return [part for text in blocks for line in text.splitlines() for part in line.split(" && ")]


def paths_in(page):
    """Return the paths within the repository that a page names in backticks or commands."""
    text = read(page)
    words = [word for line in command_lines(page) for word in shlex.split(line)]
    tops = {path.name for path in ROOT.iterdir()}
    for name in PATH_IN_TEXT.findall(text) + words:
        first = name.split("/")[0]
        is_nested = "/" in name and not name.startswith(("/", "-"))
        if (is_nested and first in tops) or re.fullmatch(
            r"[A-Z]+\.(md|cff)|constraints\.txt", name
        ):
            yield name


def test_every_yaml_file_of_these_folders_is_parsed():
    found = {*(ROOT / ".github").rglob("*.yml"), *(ROOT / ".github").rglob("*.yaml")}
    assert found <= set(YAML_FILES)


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.name)
def test_yaml_files_are_mappings(path):
    assert isinstance(load(path), dict)


def test_hooks_are_local_and_run_installed_programs():
    (repository,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    programs = []
    for hook in repository["hooks"]:
        assert hook["language"] == "system", hook["id"]  # anything else is downloaded
        assert "additional_dependencies" not in hook
        words = shlex.split(hook["entry"])
        if words[0] == "bash":
            assert words[1] == "-c"
            assert words[2] in known_commands()
            words = shlex.split(words[2])
        assert is_installed(words[0]), hook["id"]
        programs.append(" ".join(words[: 2 if words[0] == "ruff" else 1]))
    assert programs == ["ruff format", "ruff check", "pyright"]
    assert all(any(line.startswith(name) for line in known_commands()) for name in programs)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_the_commands_of_the_readme_and_the_scripts(path):
    workflow = load(path)
    events = workflow.get("on", workflow.get(True))  # YAML 1.1 reads the key `on` as a boolean
    assert set(events) == {"push", "pull_request"}
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 60, name
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            if "uses" in step:
                assert re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"])
            else:
                assert step["run"] in known_commands()


def test_workflows_run_all_of_scripts_check():
    steps = [
        step.get("run")
        for path in WORKFLOWS
        for job in load(path)["jobs"].values()
        for step in job["steps"]
    ]
    programs = ("ruff ", "pyright ", "sphinx-build ", "pytest ")
    lines = [line.strip().partition(" # ")[0] for line in read("scripts/check").splitlines()]
    needed = [line for line in lines if line.startswith(programs)]
    assert len(needed) >= 5
    assert set(needed) <= set(steps)


def test_workflows_use_the_supported_versions_of_python():
    used = []
    for path in WORKFLOWS:
        for job in load(path)["jobs"].values():
            matrix = job.get("strategy", {}).get("matrix", {})
            if matrix:
                assert matrix["python-version"] == SUPPORTED, path.name
            used += [
                step["with"]["python-version"]
                for step in job["steps"]
                if step.get("uses", "").startswith("actions/setup-python")
            ]
    assert set(used) == {SUPPORTED[0], "${{ matrix.python-version }}"}
    assert all(isinstance(version, str) for version in used)  # 3.10 as a number would be 3.1
    assert project()["project"]["requires-python"] == f">={SUPPORTED[0]}"
    assert "Python 3.11, 3.12 or 3.13" in read("CONTRIBUTING.md")


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_have_what_the_schema_requires(path):
    form = load(path)
    assert form["name"]
    assert form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert {field["type"] for field in fields} <= {"input", "textarea", "dropdown", "checkboxes"}
    ids = [field["id"] for field in fields]
    assert len(set(ids)) == len(ids) > 0
    assert all(field["attributes"]["label"] for field in fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_citation_agrees_with_the_package():
    citation, metadata = load(ROOT / "CITATION.cff"), project()["project"]
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    assert citation["type"] == "software"
    assert citation["version"] == revin_forecast.__version__
    assert citation["license"] == metadata["license"]
    assert citation["authors"] == metadata["authors"]
    (paper,) = citation["references"]
    assert paper["title"].startswith("Reversible Instance Normalization")
    assert paper["authors"][0]["family-names"] == "Kim"
    assert paper["year"] == 2022


def test_changelog_has_the_headings_of_keep_a_changelog():
    text = read("CHANGELOG.md")
    versions = re.findall(r"^## (.*)$", text, re.M)
    assert text.startswith("# Changelog\n")
    assert versions[0] == "[Unreleased]"
    for version in versions[1:]:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", version)
    if versions[1:]:
        assert versions[1].startswith(f"[{revin_forecast.__version__}]")
    for part in re.split(r"^## .*$", text, flags=re.M)[1:]:
        kinds = re.findall(r"^### (.*)$", part, re.M)
        assert set(kinds) <= set(CHANGES)
        assert len(set(kinds)) == len(kinds)
        for entries in re.split(r"^### .*$", part, flags=re.M)[1:]:
            assert re.search(r"^\* ", entries, re.M)


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", read(page)):
        if not target.startswith("https://"):
            assert (ROOT / page).parent.joinpath(target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_named_paths_exist(page):
    missing = [name for name in paths_in(page) if not (ROOT / name).exists()]
    assert not missing


def test_the_picture_of_the_packages_is_the_tested_list():
    """The table of docs/developers/architecture.md names the packages of test_layers in order."""
    layers = ast.literal_eval(
        re.search(r"LAYERS = (\[.*?\])", read("tests/test_layers.py"), re.S)[1]
    )
    rows = re.findall(r"^\| (`.*?`) \|", read("docs/developers/architecture.md"), re.M)
    listed = [name for row in rows if "torch" not in row for name in re.findall(r"`(\w+)`", row)]
    assert listed == layers


def test_named_paths_are_found():
    found = set(paths_in("CONTRIBUTING.md"))
    assert {"constraints.txt", "scripts/check", "tests/contracts/", "CITATION.cff"} <= found
    assert "revin_forecast/cli/commands.py" in found


def test_commands_for_contributors_exist():
    lines = command_lines("CONTRIBUTING.md")
    install = next(line for line in known_commands() if line.startswith("pip") and "[dev]" in line)
    assert install.split(" && ")[0] in lines
    for line in lines:
        words = shlex.split(line)
        assert words[0] in {".", "pre-commit"} or is_installed(words[0]), line
        if words[:2] == ["python", "-m"] and words[2] != "venv":
            assert (ROOT / words[2].replace(".", "/")).with_suffix(".py").is_file(), line


def test_the_fast_run_names_declared_markers():
    line = next(line for line in command_lines("CONTRIBUTING.md") if "not slow" in line)
    assert line == 'pytest -n 2 --dist loadfile -m "not slow and not browser and not evidence"'
    declared = project()["tool"]["pytest"]["ini_options"].get("markers", [])
    assert {marker.partition(":")[0] for marker in declared} >= {"slow", "browser", "evidence"}


def test_public_modules_exist():
    text = read("CONTRIBUTING.md")
    for name in ("revin_forecast", "revin_forecast.checks", "revin_forecast.metrics"):
        assert name in text
        importlib.import_module(name)
    assert revin_forecast.__all__


def test_the_guide_for_contributors_is_one_page():
    assert len(read("CONTRIBUTING.md").splitlines()) <= MAX_LINES
