"""A backbone or normalizer as users name it, in words or in YAML, as a `ModuleSpec`."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast, get_args, get_type_hints

from jsonargparse import Namespace
from torch import nn

from revin_forecast import backbones, normalizers
from revin_forecast.errors import InputError, did_you_mean, join_words
from revin_forecast.models.class_names import name_class
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.utils.typed_parser import TypedParser

ModuleKind = Literal["backbone", "normalizer"]
BASES: dict[ModuleKind, type[nn.Module]] = {
    "backbone": backbones.Backbone,
    "normalizer": normalizers.Normalizer,
}
NAMES: dict[ModuleKind, list[str]] = {
    "backbone": backbones.__all__,
    "normalizer": normalizers.__all__,
}
SIZE_COUNTS: dict[ModuleKind, int] = {"backbone": 3, "normalizer": 1}
"""Number of sizes that a constructor takes first."""
REQUIREMENTS: dict[ModuleKind, str] = {
    "backbone": "an nn.Module class whose constructor begins with (lookback, horizon, channels)",
    "normalizer": "a subclass of revin_forecast.Normalizer",
}


def parse_module(
    kind: ModuleKind,
    value: object,
    words: Mapping[str, str] | None = None,
    *,
    option: str,
    with_defaults: bool = True,
) -> ModuleSpec:
    """Return the specification of a module that a user names, with its parameters checked.

    Args:
        kind: kind of module.
        value: name or import path of the class, or {class_path: ..., init_args: {...}}.
        words: parameters as texts of a command line, by name; "backbone.kernel" is a parameter of
            the class that the parameter `backbone` names.
        option: name of the option in messages, such as "--backbone".
        with_defaults: whether the specification holds the defaults of all parameters, too.

    Raises:
        InputError: not a class of that kind, an unknown parameter or one of the wrong type.
    """
    name, given = split_module(value, option)
    words = words or {}
    module_class = find_class(kind, name, option)
    # A default would hide that the data are to decide.
    with_defaults &= not getattr(module_class, "is_completed_by_data", False)
    own = list_parameters(kind, module_class)
    heads = [*given, *(key.partition(".")[0] for key in words)]
    _require_known(name, own, heads)
    _require_complete(name, own, heads, option)
    hints = _resolve_hints(module_class)
    modules: dict[str, ModuleKind] = {
        item.name: inner for item in own if (inner := _module_kind(hints.get(item.name)))
    }
    sizes = list(inspect.signature(module_class).parameters)[: SIZE_COUNTS[kind]]
    parser: Any = TypedParser(hints, f"{option}.")
    parser.add_class_arguments(
        module_class, as_group=False, skip={*sizes, *modules}, fail_untyped=False
    )
    plain = {key: given[key] for key in given if key not in modules}
    flags = [f"--{key}={text}" for key, text in words.items() if key.split(".")[0] not in modules]
    base = parser.parse_object(plain, defaults=with_defaults)
    options = parser.parse_args(flags, namespace=base, defaults=with_defaults)
    fields = cast(dict[str, Any], vars(options))
    parsed: dict[str, Any] = {key: _to_specs(fields[key]) for key in fields}
    if not with_defaults:  # also unchanged: 1 stays 1 where a float is expected
        parsed |= plain
    for item in own:
        inner_kind = modules.get(item.name)
        default = item.default if with_defaults else None
        default = name_class(default) if isinstance(default, type) else default
        inner = words.get(item.name, given.get(item.name, default))
        if inner_kind is not None and inner not in (None, inspect.Parameter.empty):
            inner_words = select_words(words, item.name)
            parsed[item.name] = parse_module(
                inner_kind,
                inner,
                inner_words,
                option=f"{option}.{item.name}",
                with_defaults=with_defaults,
            )
    order = dict.fromkeys([*(item.name for item in own if item.name in parsed), *parsed])
    return ModuleSpec(name_class(module_class), {key: parsed[key] for key in order})


def list_parameters(kind: ModuleKind, module_class: type[nn.Module]) -> list[inspect.Parameter]:
    """Return the parameters of a class after its sizes."""
    return list(inspect.signature(module_class).parameters.values())[SIZE_COUNTS[kind] :]


def split_module(value: object, option: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the parameters of a class that a user names.

    Raises:
        InputError: neither a name nor {class_path: ..., init_args: {...}}.
    """
    if isinstance(value, str) and value:
        return value, {}
    fields = cast(dict[str, Any], value) if isinstance(value, dict) else {}
    name, parameters = fields.get("class_path"), fields.get("init_args")
    if not isinstance(name, str) or set(fields) - {"class_path", "init_args"}:
        raise InputError(
            f"{option}: a class is a name or {{class_path: ..., init_args: {{...}}}} but got "
            f"{value!r}."
        )
    return name, dict(parameters or {})


def find_class(kind: ModuleKind, name: str, option: str) -> type[nn.Module]:
    """Return the class of a name or an import path.

    Raises:
        InputError: it can't be imported, is not of that kind, or is abstract.
    """
    other: ModuleKind = "normalizer" if kind == "backbone" else "backbone"
    if "." not in name:
        if name in NAMES[other]:
            raise InputError(
                f"{option}: {name} is not a {kind} but a {other}; pass --{other} {name}."
            )
        if name not in NAMES[kind]:
            raise InputError(
                f"{option}: {name} is not a {kind} of revin_forecast."
                f"{did_you_mean(name, NAMES[kind])} Name your own class as module.Class."
            )
    path = name if "." in name else f"revin_forecast.{name}"
    try:
        module_class = ModuleSpec(path).import_class()
    except InputError as error:
        raise InputError(f"{option}: {error.message}") from error
    if not issubclass(module_class, BASES[kind]):
        raise InputError(f"{option}: {name} is not a {kind}, which is {REQUIREMENTS[kind]}.")
    if inspect.isabstract(module_class) and path.startswith("revin_forecast."):
        raise InputError(f"{option}: {name} is a base class; name one of its subclasses.")
    return module_class


def select_words(words: Mapping[str, str], name: str) -> dict[str, str]:
    """Return the words about the parameters of a nested class, without its name.

    >>> select_words({"backbone": "DLinear", "backbone.kernel": "5"}, "backbone")
    {'kernel': '5'}
    """
    prefix = f"{name}."
    return {key.removeprefix(prefix): text for key, text in words.items() if key.startswith(prefix)}


def _require_known(name: str, own: Sequence[inspect.Parameter], given: Sequence[str]) -> None:
    known = [item.name for item in own]
    accepts_any = any(item.kind is inspect.Parameter.VAR_KEYWORD for item in own)
    for key in given:
        if key not in known and not accepts_any:
            listed = f"it has {join_words(known, 'and')}" if known else "it has none"
            raise InputError(f"{name} has no option {key!r}; {listed}.{did_you_mean(key, known)}")


def _require_complete(
    name: str, own: Sequence[inspect.Parameter], given: Sequence[str], option: str
) -> None:
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    missing = [
        f"{option}.{item.name}"
        for item in own
        if item.default is inspect.Parameter.empty
        and item.kind not in variadic
        and item.name not in given
    ]
    if missing:
        raise InputError(f"{name} needs {join_words(missing, 'and')}.")


def _resolve_hints(module_class: type[nn.Module]) -> dict[str, Any]:
    try:
        return get_type_hints(module_class.__init__)
    except NameError:  # a name that is imported for type checkers only
        return {}


def _module_kind(annotation: Any) -> ModuleKind | None:
    """Return the kind of module that a parameter names, as `Callable[[int], Normalizer]` does."""
    for inner in (annotation, *get_args(annotation), *_last(get_args(annotation))):
        for kind, base in BASES.items():
            if isinstance(inner, type) and issubclass(inner, base):
                return kind
    return None


def _last(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(get_args(argument)[-1] for argument in arguments if get_args(argument))


def _to_specs(value: Any) -> Any:
    """Convert classes, which jsonargparse returns in its own form, to specifications."""
    if isinstance(value, Namespace):
        fields = vars(value)
        if "class_path" in fields:
            parameters = vars(fields.get("init_args") or Namespace())
            return ModuleSpec(
                fields["class_path"], {key: _to_specs(item) for key, item in parameters.items()}
            )
        return {key: _to_specs(item) for key, item in fields.items()}
    if isinstance(value, type):
        return ModuleSpec.from_class(value)
    if isinstance(value, list | tuple):
        elements = cast(list[Any] | tuple[Any, ...], value)
        return type(elements)(_to_specs(element) for element in elements)
    return value
