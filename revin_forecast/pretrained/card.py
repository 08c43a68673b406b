"""The weights of the zero-shot network as a file, and the model card that describes them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from revin_forecast.errors import InputError
from revin_forecast.pretrained.generator import GENERATOR_VERSION
from revin_forecast.pretrained.learning_curve import (
    SHAPES,
    CurvePoint,
    SyntheticScore,
    average_scores,
    build_validation,
    score_networks,
)
from revin_forecast.pretrained.train import TrainedMember, load_member
from revin_forecast.pretrained.training_state import PretrainingSettings
from revin_forecast.utils.environment import environment_info
from revin_forecast.utils.files import atomic_write
from revin_forecast.utils.templates import build_environment
from revin_forecast.utils.threads import torch_threads

WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "card.json"
MARKDOWN_FILE = "MODEL_CARD.md"
MAX_CURVE_ROWS = 12
"""Most rows of the learning curve in the Markdown; `card.json` has all."""


def write_model(
    folder: Path,
    settings: PretrainingSettings,
    members: Sequence[TrainedMember],
    is_quick: bool = False,
) -> None:
    """Write weights, `card.json` and the model card of trained networks.

    Args:
        folder: where the three files are written.
        settings: settings of their training.
        members: the trained networks, whose forecasts are averaged.
        is_quick: whether the training was a tiny one, in which nothing is learned.
    """
    halves = [
        {name: _halve(tensor) for name, tensor in member.weights.items()} for member in members
    ]
    _write_weights(folder / WEIGHTS_FILE, halves, settings, [member.seed for member in members])
    with torch_threads(1):
        networks = [load_member(weights) for weights in halves]
        scores = score_networks(networks, build_validation(settings.validation_series))
        parameters = sum(tensor.numel() for tensor in networks[0].parameters())
        card = {
            "file": WEIGHTS_FILE,
            "sha256": hash_file(folder / WEIGHTS_FILE),
            "bytes": (folder / WEIGHTS_FILE).stat().st_size,
            "generator_version": GENERATOR_VERSION,
            "seeds": [member.seed for member in members],
            "steps": settings.steps,
            "series": settings.steps * settings.batch.groups * settings.batch.series,
            "parameters": parameters,
            "settings": asdict(settings),
            **environment_info() | {"quick": is_quick},
            "seconds": [round(member.seconds, 1) for member in members],
            "skipped_steps": [member.skipped_steps for member in members],
            "synthetic": _list_synthetic(scores),
            "curves": [[asdict(point) for point in member.curve] for member in members],
            "figures": [],
        }
    write_card(folder, card)


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Write `card.json` and the model card in Markdown that is made of it alone."""
    with atomic_write(folder / CARD_FILE) as partial:
        partial.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    with atomic_write(folder / MARKDOWN_FILE) as partial:
        partial.write_text(format_card(card), encoding="utf-8")


def add_figures(folder: Path, figures: Path) -> None:
    """Write the card again with figures on real data; nothing is trained.

    Args:
        folder: the folder of weights and card.
        figures: a JSON file, a list of tables: objects of `title`, `text`, `columns` (a list of
            texts) and `rows` (a list of lists). They replace those of an earlier call.

    Raises:
        InputError: a file is missing or no such list, or the card describes other weights.
    """
    card = _read_json(folder / CARD_FILE)
    if card["sha256"] != (found := hash_file(folder / WEIGHTS_FILE)):
        raise InputError(
            f"{folder / CARD_FILE} describes weights with the SHA-256 {card['sha256']}, but those "
            f"in its folder have {found}. Put the files of one training into the folder."
        )
    tables = _read_json(figures)
    _check_tables(tables, figures)
    write_card(folder, card | {"figures": tables})


def format_card(card: Mapping[str, Any]) -> str:
    """Return the model card as Markdown.

    Args:
        card: the content of `card.json`.
    """
    return _load_template().render(
        card=card,
        settings=card["settings"],
        is_single=len(card["seeds"]) == 1,
        minutes=round(sum(card["seconds"]) / 60),
        score_columns=[field.name.replace("_", " ") for field in fields(SyntheticScore)],
        curve_columns=[field.name.replace("_", " ") for field in fields(CurvePoint)],
        curves=[_thin_out(curve) for curve in card["curves"]],
    )


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    return sha256(path.read_bytes()).hexdigest()


def _write_weights(
    path: Path,
    members: Sequence[Mapping[str, torch.Tensor]],
    settings: PretrainingSettings,
    seeds: Sequence[int],
) -> None:
    tensors = {
        f"members.{index}.{name}": tensor.contiguous()
        for index, weights in enumerate(members)
        for name, tensor in weights.items()
    }
    origin = {
        "generator_version": GENERATOR_VERSION,
        "steps": settings.steps,
        "seeds": list(seeds),
    }
    with atomic_write(path) as partial:
        # One entry: the library writes several in a random order, which changes the bytes.
        save_file(tensors, partial, {"pretraining": json.dumps(origin)})


def _halve(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor in float16, half the size; whole numbers stay as they are."""
    return tensor.half() if tensor.is_floating_point() else tensor


def _list_synthetic(scores: Sequence[SyntheticScore]) -> list[dict[str, Any]]:
    """Return the scores by kind of series, and of all."""
    rows = [
        {**shape._asdict(), **asdict(score)} for shape, score in zip(SHAPES, scores, strict=True)
    ]
    everything = {"season": "all", "rows": "", "horizon": ""}
    return [*rows, {**everything, **asdict(average_scores(scores))}]


def _check_tables(tables: Any, path: Path) -> None:
    if not (isinstance(tables, list) and all(map(_is_table, tables))):
        raise InputError(
            f"{path} is not a list of tables, objects of title, text, columns and rows. Write one."
        )
    for table in tables:
        for cells in table["rows"]:
            if len(cells) != len(table["columns"]):
                raise InputError(
                    f"{path} has a row with {len(cells)} cells in a table of "
                    f"{len(table['columns'])} columns, {table['title']!r}. Give each column one."
                )


def _is_table(table: Any) -> bool:
    return isinstance(table, dict) and set(table) == {"title", "text", "columns", "rows"}


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing; train first, or name another file.") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}. Write it again.") from error


def _thin_out(curve: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return at most `MAX_CURVE_ROWS` rows of a curve, the last one among them."""
    every = -(-len(curve) // MAX_CURVE_ROWS)
    return list(curve[::-1][::every][::-1]) if curve else []


def _format_number(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


@cache
def _load_template() -> Any:
    filters = {"number": _format_number}
    return build_environment("md", filters).get_template("pretrained/model_card.md.jinja")
