"""Fingerprints of results: hashes of the settings, the data and the code they depend on."""

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
# Together with the package's version this number identifies our code in the keys of results.
# Increase it by one with every change after which the same settings and data give other weights or
# other figures: in a backbone, a normalizer, the training, a shift, a process, the windows or a
# measure. Earlier results are then measured again. Moving, renaming or documenting code needs no
# increase. Keys of schema 1 held a hash of our source instead, so every such edit changed them.
RESULTS_SCHEMA = 3
"""Version of the computation of results."""
_STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()
_INSTALLED = frozenset({"site-packages", "dist-packages"})


def fingerprint(content: Any) -> str:
    """Return the sha256 of plain values, independent of the order of keys.

    >>> fingerprint({"a": 1, "b": [2.5]}) == fingerprint({"b": [2.5], "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def public_name(kind: type) -> str:
    """Return the name of a class in results, which does not contain our package's modules.

    >>> from revin_forecast.normalizers import LastValue
    >>> public_name(LastValue)
    'revin_forecast.LastValue'
    >>> public_name(Path)
    'pathlib.Path'
    """
    # A spawned worker imports the script that started it under another name.
    module = "__main__" if kind.__module__ == "__mp_main__" else kind.__module__
    return f"{OURS if _is_ours(module) else module}.{kind.__qualname__}"


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == OURS


def is_user_class(kind: type) -> bool:
    """Return whether a class is defined outside this package.

    >>> is_user_class(Path)
    True
    """
    return not _is_ours(kind.__module__)


def with_defaults(component: ModuleSpec) -> dict[str, Any]:
    """Return a module spec with every parameter, the defaults of its class included.

    >>> from revin_forecast.normalizers import LastValue
    >>> with_defaults(ModuleSpec.from_class(LastValue))["path"]
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
    """Return a parameter as plain JSON values, with classes by their public names."""
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
    """Return the name and the attributes that identify a shift.

    Our own shifts are named as in tables, a user's own by their class.
    """
    kind = type(shift)
    path = (
        f"{OURS}.{getattr(shift, 'name', '')}" if _is_ours(kind.__module__) else public_name(kind)
    )
    attributes = {name: value for name, value in vars(shift).items() if not name.startswith("_")}
    declared = {
        name: getattr(shift, name) for name in ("knobs", "arm", "label") if hasattr(kind, name)
    }
    return {"path": path, **to_plain(declared | attributes)}


def component_salt(component: ModuleSpec) -> str:
    """Return the hash of the user's code behind a class and the classes among its parameters."""
    return code_salt(*_classes_in(component))


def has_own_code(component: ModuleSpec) -> bool:
    """Return whether a class, or one among its parameters, is not of our package."""
    return any(map(is_user_class, _classes_in(component)))


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


@functools.lru_cache(maxsize=256)  # called once a cell
def code_salt(*kinds: type) -> str:
    """Return the sha256 of the user's own source behind classes.

    It covers the files that define the classes and their ancestors, and every file that these
    import, at the top or inside functions. Our package, the standard library and installed
    packages are left out. A class without a file, such as one defined in a notebook, is identified
    by its name only.
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
        if path in hashes or not _is_user_file(path):
            continue
        source = path.read_bytes()
        hashes[path] = hashlib.sha256(source).hexdigest()
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        pending += _imported_files(source, package)
    return fingerprint(sorted(hashes.values()))  # without paths, which differ between machines


def _source_file(kind: type) -> Path | None:
    try:
        file = inspect.getsourcefile(kind)
    except (OSError, TypeError):  # a class from C, or from a notebook
        return None
    return None if file is None or not Path(file).is_file() else Path(file).resolve()


def _is_user_file(path: Path) -> bool:
    """Whether a file is neither installed nor in the standard library."""
    return _INSTALLED.isdisjoint(path.parts) and not path.is_relative_to(_STANDARD_LIBRARY)


def _imported_files(source: bytes, package: str) -> Iterator[tuple[str, Path]]:
    """Yield the modules that a source in a package imports, and their files, without importing."""
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
    except ImportError:  # beyond the top of the package: the import itself will fail
        return name


def _module_file(module: str) -> Path | None:
    """Return the file of a module, or None.

    Only the outermost package is looked up by `find_spec`, which would import the parents of any
    inner module.
    """
    top, *inner = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None:
        return None
    if inner:
        candidates = [Path(folder, *inner) for folder in spec.submodule_search_locations or ()]
    else:
        candidates = [Path(spec.origin).with_suffix("")] if spec.origin else []
    files = [file for path in candidates for file in (Path(f"{path}.py"), path / "__init__.py")]
    return next((file.resolve() for file in files if file.is_file()), None)
