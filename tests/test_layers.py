"""Imports point down, heavy libraries stay where they belong, and names come lazily."""

import ast
import functools
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cpu_time import run_python

PACKAGE = Path(__file__).resolve().parents[1] / "revin_forecast"

# Imports run down this list: a package may import those below it, never one above.
LAYERS = [
    "cli",
    "serving",
    "reports",
    "shift",
    "evaluation",
    "forecasting",
    "selection",
    "training",
    "closed_form",
    "checks",
    "models",
    "backbones",
    "pretrained",
    "normalizers",
    "parameters",
    "data",
    "utils",
    "metrics",
    "errors",
]
HEIGHT = {name: -row for row, name in enumerate(LAYERS)}
MAX_ROOT_ENTRIES = 22
MAX_FILE_LINES = 300
ALLOWED = {
    "lightning": {"data/lightning_module.py", "training/"},
    "jsonargparse": {
        "models/parse_module.py",
        "shift/suite/suite_yaml.py",
        "utils/typed_parser.py",
    },
    # The forecaster names the class of its plots, for type checkers only.
    "plotly": {"forecasting/fitted_forecaster.py", "reports/", "serving/app.py"},
    "fastapi": {"serving/"},
    "uvicorn": {"cli/serve.py"},
    "pydantic": {"serving/"},
    "pandas": {
        "cli/benchmark_output.py",
        "cli/evaluate.py",
        "cli/forecast.py",
        "cli/outcomes.py",
        "data/",
        "evaluation/",
        "forecasting/",
        "reports/",
        "selection/seasonality.py",
        "serving/",
        "shift/aggregates/",
        "shift/benchmark.py",
        "shift/card/",
        "shift/robustness_table.py",
        "shift/runner/failures.py",
        "shift/runner/results.py",
        "shift/suite_tables.py",
        "shift/theory/",
    },
    "jinja2": {"reports/templates.py", "utils/templates.py"},
    "markupsafe": {"reports/", "utils/templates.py"},
    "filelock": {"shift/runner/run_folder.py"},
    "tqdm": {"cli/output.py", "utils/progress.py"},
    "ray": {"utils/parallel/ray.py"},
    "scipy": {"models/", "shift/statistics.py", "shift/processes/"},
}


@functools.cache
def files():
    return [path for path in PACKAGE.rglob("*.py") if "datasets" not in path.parts]


@functools.cache
def imports(path):
    """Return all imported modules, including those inside functions."""
    return list(iter_imports(path))


def iter_imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "revin_forecast":
                yield from (f"revin_forecast.{alias.name}" for alias in node.names)


def package_of(module):
    """Return the package or module directly below `revin_forecast` that a module belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def module_name(path):
    """Return the dotted name of a file of the package."""
    parts = ["revin_forecast", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    own = package_of(module_name(path))
    if own in ("", "__main__"):
        return
    assert own in HEIGHT, f"{own} has no place in LAYERS"
    for name in imports(path):
        other = package_of(name) if name.startswith("revin_forecast.") else ""
        if other in HEIGHT and other != own:
            assert HEIGHT[other] < HEIGHT[own], f"{own} imports {other}"


def test_no_import_is_circular():
    """Imports inside functions count too; only the root imports public names from below."""
    modules = {module_name(path): path for path in files()}
    graph = {
        name: {found for found in resolve_imports(path, modules) if found not in ("", name)}
        for name, path in modules.items()
    }
    for below in graph.values():
        below.discard("revin_forecast")
    order = graphlib.TopologicalSorter(graph)
    order.prepare()  # raises CycleError, which names the circle


def test_modules_are_imported_by_name_only_where_a_reason_is_given():
    """Such imports hide from the tests above."""
    homes = {
        str(path.relative_to(PACKAGE))
        for path in files()
        if re.search(r"import_module\(f?\"revin_forecast\b", path.read_text())
    }
    assert homes == {
        "cli/main.py",  # the module of the command that runs
        "forecasting/views.py",  # plots and reports of a forecaster, which are made above it
        "shift/runner/warm_up.py",  # all that a worker needs
    }


def resolve_imports(path, modules):
    """Return the modules of the package that a file imports, or that its stub imports on use."""
    stub = path.with_suffix(".pyi")
    for node in ast.walk(ast.parse(path.read_text() + (stub.read_text() if stub.exists() else ""))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            # A stub names modules relative to its package.
            origin = f"{module_name(path)}.{node.module}" if node.level else node.module
            if origin not in modules:
                continue
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                yield inner if inner in modules else origin


def test_the_root_and_its_files_stay_small():
    entries = {path.name for path in PACKAGE.iterdir()} - {"__init__.py", "__pycache__"}
    assert len(entries) <= MAX_ROOT_ENTRIES, sorted(entries)
    lengths = {str(path): len(path.read_text().splitlines()) for path in files()}
    assert max(lengths.values()) <= MAX_FILE_LINES, max(lengths, key=lengths.__getitem__)


@pytest.mark.parametrize("library", ALLOWED)
def test_heavy_libraries_stay_where_they_belong(library):
    for path in files():
        place = str(path.relative_to(PACKAGE))
        if library in {name.split(".")[0] for name in imports(path)}:
            assert any(place.startswith(home) for home in ALLOWED[library]), place


def loaded_after(statement):
    code = f"import sys; {statement}; print(*sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.slow
def test_names_are_imported_when_used():
    assert not loaded_after("import revin_forecast") & {"torch", "pandas", "lightning", "numpy"}
    options = "from revin_forecast.cli import help, options, parser"
    assert not loaded_after(options) & {"torch", "pandas", "numpy", "jsonargparse"}
    layer = loaded_after("from revin_forecast import RevIN, Reversible, Linear, share_parameters")
    assert "torch" in layer
    assert not layer & {"pandas", "lightning", "pytorch_lightning", "plotly", "jsonargparse"}
    product = loaded_after("from revin_forecast import Forecaster")
    assert not product & {"lightning", "pytorch_lightning", "jsonargparse", "plotly"}


@pytest.mark.slow
def test_a_forecast_in_closed_form_loads_nothing_that_it_does_not_use(tmp_path):
    days = [f"2024-{month:02}-{day:02}" for month in range(1, 8) for day in range(1, 29)]
    rows = [f"{day},{place % 7}.5" for place, day in enumerate(days)]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["day,sales", *rows]) + "\n")
    words = ["forecast", str(table), "--horizon", "7", "--frequency", "D", "--quiet"]
    words += ["--missing", "interpolate", "--out", str(tmp_path / "forecast.csv")]
    loaded = loaded_after(f"from revin_forecast.cli.main import main; assert main({words}) == 0")
    assert {"torch", "pandas"} <= loaded
    unused = {"lightning", "pytorch_lightning", "torchmetrics", "scipy", "plotly", "ray"}
    assert not loaded & (unused | {"jinja2", "rich", "tensorboard", "fsspec", "aiohttp"})


def test_every_public_name_is_there():
    import revin_forecast

    for name in revin_forecast.__all__:
        assert getattr(revin_forecast, name).__doc__, name
        assert name in dir(revin_forecast)
    with pytest.raises(AttributeError, match="No revin_forecast attribute Revin"):
        _ = revin_forecast.Revin
    assert not hasattr(revin_forecast, "Revin")


def test_names_are_plain_data():
    """The help of a command lists classes, and must not wait for torch."""
    code = (
        "import sys, revin_forecast\n"
        "from revin_forecast import backbones, normalizers\n"
        "assert {'DLinear', 'RevIN', 'Forecaster'} <= {*revin_forecast.__all__}\n"
        "assert 'DLinear' in backbones.__all__ and 'RevIN' in normalizers.__all__\n"
        "assert not {'Constant', 'Fracast', 'KnownEffects', 'WeightedCombination'}"
        " & {*revin_forecast.__all__}\n"
        "assert not {'torch', 'pandas', 'numpy'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_root_exports_every_backbone():
    import revin_forecast
    from revin_forecast import backbones

    assert {*backbones.__all__} <= {*revin_forecast.__all__}


def least_seconds(*arguments):
    """Return the least processor time of three runs of Python."""
    return min(run_python(*arguments)[1] for _ in range(3))


def test_import_and_help_are_quick():
    bare = least_seconds("-c", "pass")
    assert least_seconds("-c", "import revin_forecast") - bare < 0.3
    assert least_seconds("-m", "revin_forecast", "--help") < 1.0
    assert least_seconds("-m", "revin_forecast", "--version") < 1.0
