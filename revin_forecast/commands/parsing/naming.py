"""Names of commands, options and classes: like ones, and lists of them."""

import inspect
from collections.abc import Sequence

from revin_forecast.errors import InputError, did_you_mean


def join_words(words: Sequence[str], last: str) -> str:
    """Return words as people list them: a, b and c."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def describe_invalid_class(kind: str, name: str) -> str:
    """Say why a name can't be taken for an option's class, and what can.

    Args:
        kind: the option, such as "backbone" or "backbone.backbone".
        name: what was given.
    """
    from revin_forecast import backbones, normalizers
    from revin_forecast.components import ModuleSpec

    names = {"backbone": backbones.__all__, "normalizer": normalizers.__all__}
    own = next((known for known in names if kind.endswith(known)), None)
    if own is None:
        return f"{name} is no class of that kind."
    other = "normalizer" if own == "backbone" else "backbone"
    if name in names[other]:
        return f"{name} is no {own} but a {other}; pass --{other} {name}."
    if "." not in name:
        return (
            f"{name} is no {own} of revin_forecast.{did_you_mean(name, names[own])} Name your own as "
            "module.Class."
        )
    try:
        ModuleSpec(name).import_class()
    except InputError as error:
        return str(error)
    return f"{name} is no {own}, which is a class or function that takes sizes and makes one."


def list_class_options(name: str) -> list[str]:
    """Return the options that a class has beside its sizes; none where it can't be imported."""
    from revin_forecast.components import ModuleSpec

    path = name if "." in name else f"revin_forecast.{name}"
    try:
        given = inspect.signature(ModuleSpec(path).import_class()).parameters
    except (InputError, ValueError):
        return []
    return [one for one in given if one not in ("lookback", "horizon", "channels")]
