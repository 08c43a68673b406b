"""What a result depends on, as one name: its settings, its data and its code."""

import ast
import functools
import hashlib
import importlib.util
import inspect
import json
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from revin_forecast.models.spec import ModuleSpec

OURS = "revin_forecast"
# Together with the package's version it stands for all of our own code in the names of results.
# Raise it by one with every change after which the same settings and data give other weights or
# other figures: in a backbone, a normalizer, the training, a shift, a process, the windows or a
# measure. To move, rename or document code is no such change. What was measured before is then
# measured anew. Names of schema 1 held the source of our code instead.
RESULTS_SCHEMA = 2
"""Number of the way in which results are made."""
_STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()
_INSTALLED = frozenset({"site-packages", "dist-packages"})


def fingerprint(content: Any) -> str:
    """Return the sha256 of plain values, whatever the order of their keys.

    >>> digest({"a": 1, "b": [2.5]}) == digest({"b": [2.5], "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def public_name(kind: type) -> str:
    """Return the name of a class in results, which does not say where in our package it lies.

    >>> from revin_forecast.normalizers import LastValue
    >>> public_name(LastValue)
    'revin_forecast.LastValue'
    >>> public_name(Path)
    'pathlib.Path'
    """
    # A worker process imports the script that it was started from under a name of its own.
    module = "__main__" if kind.__module__ == "__mp_main__" else kind.__module__
    return f"{OURS if _is_ours(module) else module}.{kind.__qualname__}"


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == OURS


def with_defaults(component: ModuleSpec) -> dict[str, Any]:
    """Return a component with every parameter it has, the defaults of its class included.

    >>> from revin_forecast.normalizers import LastValue
    >>> resolved(Component.of(LastValue))["path"]
    'revin_forecast.LastValue'
    """
    kind = component.import_class()
    parameters = inspect.signature(kind).parameters.values()
    defaults = {
        parameter.name: parameter.default
        for parameter in parameters
        if parameter.default is not inspect.Parameter.empty
    }
    return {
        "path": public_name(kind),
        "parameters": to_plain(defaults | dict(component.parameters)),
    }


def to_plain(value: Any) -> Any:
    """Return a parameter as JSON holds it, classes by their public names."""
    if isinstance(value, ModuleSpec):
        return with_defaults(value)
    if isinstance(value, type):
        return public_name(value)
    if isinstance(value, Mapping):
        return {str(name): to_plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(part) for part in value]
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)


def shift_parameters(shift: object) -> Mapping[str, Any]:
    """Return a shift's name and attributes, by which it is told from every other.

    Our own shifts go by the name they have in tables, people's own by their class.
    """
    kind = type(shift)
    path = (
        f"{OURS}.{getattr(shift, 'name', '')}" if _is_ours(kind.__module__) else public_name(kind)
    )
    own = {name: value for name, value in vars(shift).items() if not name.startswith("_")}
    declared = {
        name: getattr(shift, name) for name in ("knobs", "arm", "label") if hasattr(kind, name)
    }
    return {"path": path, **to_plain(declared | own)}


def component_salt(component: ModuleSpec) -> str:
    """Return the salt of a class and of the components it is given."""
    return code_salt(*_classes_in(component))


def _classes_in(value: Any) -> Iterator[type]:
    if isinstance(value, ModuleSpec):
        yield value.import_class()
        yield from _classes_in(value.parameters)
    elif isinstance(value, type):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _classes_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _classes_in(part)


@functools.lru_cache(maxsize=256)  # keys are asked for once a cell
def code_salt(*kinds: type) -> str:
    """Return the sha256 of people's own source behind classes; that of our classes has none.

    It holds the files in which the classes and their ancestors are defined, and every file beside
    them that these import, at their top or inside functions. Our package, the standard library
    and what is installed are left out. A class without a file, such as one that was defined in a
    notebook, is known by its name alone.
    """
    pending = [
        (ancestor.__module__, path)
        for kind in kinds
        for ancestor in kind.__mro__
        if not _is_ours(ancestor.__module__) and (path := _source_file(ancestor)) is not None
    ]
    hashes: dict[Path, str] = {}
    while pending:
        module, path = pending.pop()
        if path in hashes or not _is_own(path):
            continue
        source = path.read_bytes()
        hashes[path] = hashlib.sha256(source).hexdigest()
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        pending += _imported_files(source, package)
    return fingerprint(sorted(hashes.values()))  # without paths, which differ between machines


def _source_file(kind: type) -> Path | None:
    try:
        file = inspect.getsourcefile(kind)
    except (OSError, TypeError):  # written in C, or in a notebook
        return None
    return None if file is None or not Path(file).is_file() else Path(file).resolve()


def _is_own(path: Path) -> bool:
    """Whether a file is neither installed nor of the standard library."""
    return _INSTALLED.isdisjoint(path.parts) and not path.is_relative_to(_STANDARD_LIBRARY)


def _imported_files(source: bytes, package: str) -> Iterator[tuple[str, Path]]:
    """Yield the modules that a source in a package imports, and their files; import nothing."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            home = _absolute_name(node, package)
            modules = [home, *(f"{home}.{alias.name}" for alias in node.names)]
        else:
            continue
        for module in modules:
            if not _is_ours(module) and (path := _module_file(module)) is not None:
                yield module, path


def _absolute_name(node: ast.ImportFrom, package: str) -> str:
    name = "." * node.level + (node.module or "")
    try:
        return importlib.util.resolve_name(name, package)
    except ImportError:  # it leads out of the package: whoever imports it will say so
        return name


def _module_file(module: str) -> Path | None:
    """Return the file of a module; only its outermost package is asked for.

    To ask for what lies inside would import it.
    """
    top, *inner = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None:
        return None
    if inner:
        places = [Path(folder, *inner) for folder in spec.submodule_search_locations or ()]
    else:
        places = [Path(spec.origin).with_suffix("")] if spec.origin else []
    files = [file for place in places for file in (Path(f"{place}.py"), place / "__init__.py")]
    return next((file.resolve() for file in files if file.is_file()), None)
