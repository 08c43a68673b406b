"""Read mappings of a suite into dataclasses, with messages that name the key."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any, cast, get_type_hints

from revin_forecast.errors import InputError, did_you_mean, join_words
from revin_forecast.utils.typed_parser import TypedParser


def read_fields(kind: Any, content: object, place: str, skip: Iterable[str] = ()) -> dict[str, Any]:
    """Return the fields of a dataclass that a mapping gives, with their types checked.

    Args:
        kind: the dataclass.
        content: the mapping as the suite has it.
        place: where the mapping is in the suite, such as "windows".
        skip: fields that a suite can't give.

    Raises:
        InputError: no mapping, an unknown key, a value of another type, or a missing one.
    """
    declared = [item for item in fields(kind) if item.init and item.name not in skip]
    known = [item.name for item in declared]
    mapping = check_mapping(content, known, place)
    for item in declared:
        has_default = item.default is not MISSING or item.default_factory is not MISSING
        if not has_default and item.name not in mapping:
            raise InputError(
                f"{place} has no {item.name}. Its keys are {join_words(known, 'and')}."
            )
    types = get_type_hints(kind)
    for name, value in mapping.items():
        if isinstance(value, str) and types[name] in (int, int | None):
            raise InputError(f"{place}.{name} is a whole number but got the text {value!r}.")
    parser: Any = TypedParser(types, f"{place}.")
    parser.add_class_arguments(kind, as_group=False, skip=set(skip))
    parsed = parser.parse_object(mapping, defaults=False)
    return {name: value for name, value in vars(parsed).items() if name in mapping}


def check_mapping(content: object, known: Iterable[str], place: str) -> dict[str, Any]:
    """Return a mapping of a suite whose keys are all known.

    Raises:
        InputError: no mapping, or an unknown key; the message suggests the closest known one.
    """
    known = list(known)
    if not isinstance(content, Mapping):
        raise InputError(
            f"{place} is a mapping with the keys {join_words(known, 'and')} but got {content!r}."
        )
    for key in cast(Mapping[Any, Any], content):
        if key not in known:
            raise InputError(
                f"{place} has no key {key!r}.{did_you_mean(str(key), known)} Its keys are "
                f"{join_words(known, 'and')}."
            )
    return dict(cast(Mapping[str, Any], content))


def check_list(content: object, place: str, example: str) -> list[Any]:
    """Return a list of a suite.

    Raises:
        InputError: something else; the message has the example.
    """
    if not isinstance(content, list | tuple):
        raise InputError(f"{place} is a list but got {content!r}. Write, for instance, {example}.")
    return list(cast(list[Any], content))
