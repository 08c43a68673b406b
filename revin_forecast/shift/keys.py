"""What a result depends on, as one name: its settings, its data and its code."""

import ast
import hashlib
import importlib.util
import inspect
import json
import site
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from revin_forecast.components import Component

OURS = "revin_forecast"
_FOREIGN = tuple(
    str(Path(place).resolve())
    for place in {*sysconfig.get_paths().values(), *site.getsitepackages()}
    if Path(place).resolve() not in (Path("/"), Path(sys.prefix).resolve())
)


def digest(content: Any) -> str:
    """Return the sha256 of plain values, whatever the order of their keys.

    >>> digest({"a": 1, "b": [2.5]}) == digest({"b": [2.5], "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def resolved(component: Component) -> dict[str, Any]:
    """Return a component with every parameter it has, the defaults of its class included.

    >>> from revin_forecast.normalizers import LastValue
    >>> resolved(Component.of(LastValue))["path"]
    'revin_forecast.normalizers.last_value.LastValue'
    """
    given = {
        name: resolved(value) if isinstance(value, Component) else value
        for name, value in component.parameters.items()
    }
    return {"path": component.path, "parameters": defaults(component.resolve()) | given}


def defaults(kind: type) -> dict[str, Any]:
    """Return the default of each constructor parameter that has one."""
    parameters = inspect.signature(kind).parameters.values()
    return {
        one.name: one.default if _is_plain(one.default) else repr(one.default)
        for one in parameters
        if one.default is not inspect.Parameter.empty
    }


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


@lru_cache(maxsize=256)
def code_salt(*modules: str) -> str:
    """Return the sha256 of modules' sources and of all first-party code that they import.

    Names imported from a package are followed to where they are defined, so that a change in one
    backbone is no change of another. Nothing is imported.

    Args:
        modules: by name, such as "revin_forecast.fitting" or that of a file of your own.
    """
    sources: dict[str, bytes] = {}
    pending = list(modules)
    while pending:
        name = pending.pop()
        if name in sources or (path := _own_file(name)) is None:
            continue
        sources[name] = path.read_bytes()
        pending += _imported(name, path)
    shas = {name: hashlib.sha256(content).hexdigest() for name, content in sources.items()}
    return digest(shas)


def component_salt(component: Component) -> str:
    """Return the salt of a class, of its ancestors and of the components it is given."""
    modules = [kind.__module__ for kind in component.resolve().__mro__]
    nested = [part for part in component.parameters.values() if isinstance(part, Component)]
    return digest([code_salt(*modules), *map(component_salt, nested)])


@lru_cache(maxsize=4096)
def _own_file(module: str) -> Path | None:
    """Return the file of a first-party module, this package's or one of your own.

    Only the outermost package is asked for: to ask for what lies inside would import it.
    """
    top, *inner = module.split(".")
    try:
        found = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return None
    if found is None or found.origin is None or not found.origin.endswith(".py"):
        return None
    path = Path(found.origin).resolve()
    if top != OURS and str(path).startswith(_FOREIGN):
        return None
    if not inner:
        return path
    place = path.parent.joinpath(*inner)
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if path.name == "__init__.py" and file.is_file():
            return file
    return None


@lru_cache(maxsize=4096)
def _imported(module: str, path: Path) -> tuple[str, ...]:
    """Name the modules that a module imports, at its top or inside functions."""
    return tuple(_imports(module, path))


def _imports(module: str, path: Path) -> Iterator[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            home = _home(node, package)
            for alias in node.names:
                yield from _definitions(home, alias.name)


def _definitions(home: str, name: str) -> Iterator[str]:
    """Name the modules where a name of a module is defined, through what packages pass on."""
    if _own_file(f"{home}.{name}") is not None:
        yield f"{home}.{name}"
    path = _own_file(home)
    if path is None:
        return
    if path.name != "__init__.py":
        yield home
        return
    for node in ast.walk(_tree(path)):
        names = [alias.asname or alias.name for alias in getattr(node, "names", [])]
        if isinstance(node, ast.ImportFrom) and name in names:
            yield from _definitions(_home(node, home), name)
            return
    yield home


def _home(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    base = package.rsplit(".", node.level - 1)[0]
    return f"{base}.{node.module}" if node.module else base


@lru_cache(maxsize=1024)
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def facts_of(shift: object) -> Mapping[str, Any]:
    """Return a shift's class and attributes, by which it is told from every other."""
    kind = type(shift)
    own = {name: value for name, value in vars(shift).items() if not name.startswith("_")}
    declared = {
        name: getattr(shift, name) for name in ("knobs", "arm", "label") if hasattr(kind, name)
    }
    return {"path": f"{kind.__module__}.{kind.__qualname__}", **declared, **own}
