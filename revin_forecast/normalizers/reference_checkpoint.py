"""RevIN's parameters in the state dicts of public copies, which differ in names and shapes."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, TypeVar, cast

from torch import Tensor, nn

from revin_forecast.errors import join_words
from revin_forecast.normalizers.statistics import statistics_dtype
from revin_forecast.normalizers.weight_bound import undo_bound, warn_of_small_weights

AFFINE_NAMES = ("affine_weight", "affine_bias")
"""Names in the authors' layer, PatchTST, Time-Series-Library, neuralforecast and darts."""
GREEK_NAMES = ("gamma", "beta")
GENERIC_NAMES = ("weight", "bias")
"""Names in layers of every kind: RevIN's only at a given prefix, or where nothing else is found."""
WRAPPERS = frozenset({"module", "_orig_mod"})
"""Parts of names that DistributedDataParallel and torch.compile add."""
MAX_NAMES_SHOWN = 6

Layer = TypeVar("Layer", bound=nn.Module)
AffineLayer = tuple[Tensor, Tensor]
"""Weight and bias of a layer, (channels,) each, in float32 at least."""


def find_affine_layers(state_dict: Mapping[str, Tensor]) -> dict[str, AffineLayer]:
    """Return weight and bias of every RevIN layer, by the prefix of their names.

    Prefixes have no final dot, and no parts that DistributedDataParallel or torch.compile add.

    Raises:
        ValueError: there is none, a weight has no bias, or one of them has no axis of channels.
        TypeError: it is not a state dict, such as a path or a module.
    """
    _check_state_dict(state_dict)
    layers = _find_pairs(state_dict, AFFINE_NAMES) or _find_pairs(state_dict, GREEK_NAMES)
    # With a prefix these are those of any layer, such as the head of a network.
    if not layers and {_remove_wrappers(key) for key in state_dict} == set(GENERIC_NAMES):
        layers = _find_pairs(state_dict, GENERIC_NAMES)
    if not layers:
        raise ValueError(_describe_missing_layer(state_dict))
    return layers


def select_affine_layer(
    state_dict: Mapping[str, Tensor], prefix: str | None
) -> dict[str, AffineLayer]:
    """Return the only RevIN layer, or the only one at or below a prefix, by its prefix.

    At a prefix they may also have the names `weight` and `bias`.

    Raises:
        ValueError: as `find_affine_layers`, or there are several such layers.
    """
    layers = (
        find_affine_layers(state_dict)
        if prefix is None
        else _find_at(state_dict, prefix.rstrip("."))
    )
    if len(layers) > 1:
        raise ValueError(
            f"the state dict holds {len(layers)} RevIN layers, with the prefixes "
            f"{_join_names(layers)}. Pass prefix={next(iter(layers))!r} for one, or load all with "
            "RevIN.all_from_reference."
        )
    return layers


def build_layers(
    build: Callable[..., Layer], layers: Mapping[str, AffineLayer], exact: bool, **options: object
) -> dict[str, Layer]:
    """Build layers from weight and bias, and warn of weights that the bound changes.

    Args:
        build: takes the channels, `affine` and the options, and has `affine_weight`.
        layers: weight and bias by prefix.
        exact: build unguarded layers.
        options: further arguments.
    """
    built: dict[str, Layer] = {}
    for prefix, (weight, bias) in layers.items():
        layer = build(len(weight), affine="unguarded" if exact else True, **options).to(weight)
        stored = weight if exact else undo_bound(weight)
        layer.load_state_dict(dict(zip(AFFINE_NAMES, (stored, bias), strict=True)))
        if not exact:
            warn_of_small_weights(weight, prefix)
        built[prefix] = layer
    return built


def write_affine_layer(
    layer: Iterable[Tensor], shape: Sequence[int], names: tuple[str, str], prefix: str
) -> dict[str, Tensor]:
    """Return copies of a layer's weight and bias under other names, in another shape.

    Raises:
        ValueError: the shape has another axis than one for the channels, -1.
    """
    if sorted(shape) != sorted([-1] + [1] * (len(shape) - 1)):
        raise ValueError(
            f"shape must have one -1, for the channels, and else 1 but got {tuple(shape)}. Pass "
            "(-1,) or (1, 1, -1)."
        )
    start = f"{prefix.rstrip('.')}." if prefix else ""
    return {
        start + name: parameter.detach().clone().reshape(*shape)
        for name, parameter in zip(names, layer, strict=True)
    }


def _find_at(state_dict: Mapping[str, Tensor], prefix: str) -> dict[str, AffineLayer]:
    """Return the layer at a prefix or, if there is none, those below it."""
    _check_state_dict(state_dict)
    place = _remove_wrappers(prefix)
    inside = {
        key: value
        for key, value in state_dict.items()
        if not place or _remove_wrappers(key).startswith(f"{place}.")
    }
    if not inside:
        raise ValueError(
            f"no names have the prefix {prefix!r}. Pass that of a RevIN layer: "
            f"{_join_names(find_affine_layers(state_dict))}."
        )
    generic_names = [f"{place}.{name}".lstrip(".") for name in GENERIC_NAMES]
    generic = {key: inside[key] for key in inside if _remove_wrappers(key) in generic_names}
    is_generic = len(generic) == len(GENERIC_NAMES)
    layers = _find_pairs(generic, GENERIC_NAMES) if is_generic else find_affine_layers(inside)
    exact = next((name for name in (prefix, place) if name in layers), None)
    return layers if exact is None else {exact: layers[exact]}


def _find_pairs(state_dict: Mapping[str, Tensor], names: tuple[str, str]) -> dict[str, AffineLayer]:
    """Return the layers whose weight and bias have these names, by prefix."""
    keys = [key for key in state_dict if key.rpartition(".")[2] in names]
    prefixes = list(dict.fromkeys(key.rpartition(".")[0] for key in keys))
    count = Counter(map(_remove_wrappers, prefixes))
    layers: dict[str, AffineLayer] = {}
    for prefix in prefixes:
        weight, bias = (f"{prefix}.{name}".lstrip(".") for name in names)
        short = _remove_wrappers(prefix)
        # Two layers whose prefixes differ only by such a part keep it.
        layers[short if count[short] == 1 else prefix] = _read_pair(state_dict, weight, bias)
    return layers


def _read_pair(state_dict: Mapping[str, Tensor], weight: str, bias: str) -> AffineLayer:
    """Return the two tensors of these names with one axis."""
    for name, other in ((weight, bias), (bias, weight)):
        if name not in state_dict:
            raise ValueError(
                f"the state dict holds {other} but not {name}. Pass that of a layer with both."
            )
    layer = (_flatten(weight, state_dict[weight]), _flatten(bias, state_dict[bias]))
    if len(layer[0]) != len(layer[1]):
        raise ValueError(
            f"{weight} has {len(layer[0])} entries but {bias} has {len(layer[1])}. Pass the state "
            "dict of a layer with one weight and one bias per channel."
        )
    return layer


def _check_state_dict(state_dict: object) -> None:
    """Check that a checkpoint is a mapping of names; `find_affine_layers` checks the rest.

    Raises:
        TypeError: it is not.
    """
    if isinstance(state_dict, Mapping):
        # Names of a pickle may be of any class.
        names = cast(Mapping[object, object], state_dict)
        strange = [name for name in names if not isinstance(name, str)]
        if not strange:
            return
        kind, remedy = f"the name {strange[0]!r}", "Pass the state dict of a layer or a model."
    elif isinstance(state_dict, nn.Module):
        kind, remedy = f"the module {type(state_dict).__name__}", "Pass its state_dict()."
    elif isinstance(state_dict, (str, PathLike)):
        kind = f"the path {str(cast(object, state_dict))!r}"
        remedy = 'Pass torch.load(path, map_location="cpu").'
    else:
        kind = f"a {type(state_dict).__name__}"
        remedy = "Pass layer.state_dict(), or the one in a file."
    raise TypeError(f"a state dict has tensors by name but got {kind}. {remedy}")


def _flatten(name: str, parameter: object) -> Tensor:
    """Return a parameter with one axis, of channels; it may have more, of length 1."""
    if not isinstance(parameter, Tensor):
        raise TypeError(
            f"{name} must be a tensor but is a {type(parameter).__name__}. Pass "
            "{name: torch.as_tensor(value) for name, value in state_dict.items()}."
        )
    if parameter.is_meta:
        raise ValueError(
            f"{name} is on the meta device, which stores no values. Pass a state dict that was "
            'loaded from a file, such as torch.load(path, map_location="cpu").'
        )
    if parameter.numel() != max(parameter.shape, default=1) or parameter.numel() == 0:
        raise ValueError(
            f"{name} has shape {tuple(parameter.shape)} but RevIN has one number per channel, "
            "(channels,) or (1, 1, channels). Select those of one series or layer first."
        )
    # Half precision can't hold the weights near 0 that the bound stores.
    return parameter.detach().reshape(-1).to(statistics_dtype(parameter.dtype))


def _remove_wrappers(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def _describe_missing_layer(state_dict: Mapping[str, Any]) -> str:
    """Return a message for a state dict without RevIN layer, which names the likely reason."""
    modules = [key for key, value in state_dict.items() if isinstance(value, nn.Module)]
    if modules:
        return (
            f"the checkpoint is not a state dict: its entries {_join_names(modules)} are modules. "
            f"Pass checkpoint[{modules[0]!r}].state_dict()."
        )
    nested = [key for key, value in state_dict.items() if isinstance(value, Mapping)]
    if nested:
        # An optimizer's state may come first.
        likely = next((key for key in nested if _has_affine_names(state_dict[key])), nested[0])
        return (
            f"the checkpoint is not a state dict: its entries {_join_names(nested)} are dicts. "
            f"Pass checkpoint[{likely!r}]."
        )
    if any(key.rpartition(".")[2] == "revin_weight" for key in state_dict):
        return (
            "revin_weight and revin_bias belong to neuralforecast's TemporalNorm, whose formula "
            "differs: it has no affine map on the way in. RevIN can't reproduce it."
        )
    return (
        "the state dict holds no RevIN layer: affine_weight and affine_bias, or gamma and beta; "
        f"its names are {_join_names(state_dict)}. Pass prefix=... for a layer with weight and "
        "bias. A layer without an affine map has nothing to load: use "
        "RevIN(channels, affine=False, eps=1e-5)."
    )


def _has_affine_names(state_dict: Mapping[Any, Any]) -> bool:
    """Return whether a name ends like those of a RevIN layer."""
    ends = {str(key).rpartition(".")[2] for key in state_dict}
    return not ends.isdisjoint(AFFINE_NAMES + GREEK_NAMES)


def _join_names(names: Iterable[str]) -> str:
    """Return names in quotes for a message, the first few of many."""
    quoted = [repr(name) for name in names]
    more = [f"{len(quoted) - MAX_NAMES_SHOWN} more"] if len(quoted) > MAX_NAMES_SHOWN else []
    return join_words(quoted[:MAX_NAMES_SHOWN] + more, "and")
