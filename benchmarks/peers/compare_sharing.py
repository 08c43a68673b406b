"""Compare tools for shared parameters: this package, accelerate and transformers.

Run it in an environment with this package, `accelerate==1.15.0` and `transformers==5.24.0`. It
prints the table of docs/sharing_parameters.md and writes the outcomes as JSON. With `--ours`, only
this package is run, and neither of the others is needed.
"""

import argparse
import contextlib
import json
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from benchmarks.peers.sharing_tools import TOOLS, Groups, Tool

RECORD = Path(__file__).with_suffix(".json")


@contextlib.contextmanager
def collect_messages() -> Iterator[list[str]]:
    """Collect the warnings and the log messages of the libraries, without printing them."""
    messages: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())
    loggers = [logging.getLogger(name) for name in ("accelerate", "transformers")]
    printing = [logger.handlers for logger in loggers]
    for logger in loggers:
        logger.handlers = [handler]
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield messages
        messages += [str(warning.message) for warning in caught]
    finally:
        for logger, handlers in zip(loggers, printing, strict=True):
            logger.handlers = handlers


def are_tied(module: nn.Module, *names: str) -> bool:
    """Return whether layers have the same weights, now and whatever an optimizer does."""
    layers: list[Any] = [module.get_submodule(name) for name in names or ("first", "second")]
    for layer in layers[1:]:
        sources = [list(one.parameters()) for one in (layers[0], layer)]
        if not all(a is b for a, b in zip(*sources, strict=False)):
            return False
        if len(sources[0]) != len(sources[1]) or not torch.equal(layers[0].weight, layer.weight):
            return False
    return True


def restore(tool: Tool, module: nn.Module, groups: Groups, *names: str) -> str:
    """Restore the groups; return the outcome in words."""
    try:
        with collect_messages() as messages:
            tool.retie(module, groups)
    except Exception as error:
        return "refused" if isinstance(error, ValueError) else f"bare {type(error).__name__}"
    return "tied" if are_tied(module, *names) else describe("untied", messages)


def describe(outcome: str, messages: Sequence[str]) -> str:
    """Return an outcome with the way in which the library reported it."""
    return f"{outcome}, {'with a warning' if messages else 'silently'}"


def find_tie(tool: Tool) -> str:
    """Tie two layers by assignment and look for them."""
    module = tool.build(tied=False)
    third: Any = module.third
    third.weight = cast(Any, module.first).weight
    return "found" if any("third.weight" in group for group in tool.find(module)) else "not found"


def find_lookalike(tool: Tool) -> str:
    """Let two parameters use one memory and look for them."""
    module = tool.build(tied=False)
    third: Any = module.third
    third.weight = nn.Parameter(cast(Any, module.first).weight)
    return "found" if any("third.weight" in group for group in tool.find(module)) else "not found"


def break_by_to_empty(tool: Tool) -> str:
    """Build on the meta device, then allocate each name."""
    with torch.device("meta"):
        module = tool.build()
    groups = find_declared(tool, module)
    module.to_empty(device="cpu")
    for parameter in module.parameters():
        nn.init.ones_(parameter)  # allocated memory may hold NaN, which equals nothing
    return restore(tool, module, groups)


def break_on_meta(tool: Tool) -> str:
    """Break a tie of two parameters that have no memory yet."""
    with torch.device("meta"):
        module = tool.build()
        groups = find_declared(tool, module)
        layer: Any = module.second
        layer.weight = nn.Parameter(torch.empty(4, 4))
    with collect_messages() as messages:
        tool.retie(module, groups)
    layers: list[Any] = [module.first, module.second]
    is_tied = layers[0].weight is layers[1].weight
    return "tied" if is_tied else describe("untied", messages)


def break_by_assignment(tool: Tool) -> str:
    """Load a state with assign=True."""
    module = tool.build()
    groups = find_declared(tool, module)
    state = {name: part.clone() for name, part in module.state_dict().items()}
    module.load_state_dict(state, assign=True)
    return restore(tool, module, groups)


def break_by_weight_norm(tool: Tool, layer: str) -> str:
    """Parametrize one of the two layers."""
    module = tool.build()
    groups = find_declared(tool, module)
    weight_norm(module.get_submodule(layer))
    return restore(tool, module, groups)


def find_declared(tool: Tool, module: nn.Module) -> Groups:
    """Return the groups that the tool finds, or those of the module where it has no memory."""
    return tool.find(module) or [("first.weight", "second.weight")]


def tie_unequal(tool: Tool, weight: nn.Parameter) -> str:
    """Replace one parameter by a different one and restore the tie."""
    module = tool.build()
    groups = find_declared(tool, module)
    layer: Any = module.second
    layer.weight = weight
    with collect_messages() as messages:
        outcome = restore(tool, module, groups)
    return describe("tied", messages) if outcome == "tied" else outcome


def keep_third_name(tool: Tool) -> str:
    """Restore a group of two names, one of which is tied with a third name by now."""
    module = tool.build()
    groups = find_declared(tool, module)
    second: Any = module.second
    third: Any = module.third
    third.weight = second.weight = nn.Parameter(torch.ones(4, 4))
    with collect_messages() as messages:
        tool.retie(module, groups)
    is_tied = are_tied(module, "first", "second", "third")
    return "follows" if is_tied else describe("left behind", messages)


def train_old_optimizer(tool: Tool) -> str:
    """Build an optimizer, break and restore the tie, and look for the stale objects."""
    module = tool.build()
    groups = find_declared(tool, module)
    optimizer = torch.optim.AdamW(module.parameters())
    state = {name: part.clone() for name, part in module.state_dict().items()}
    module.load_state_dict(state, assign=True)
    tool.retie(module, groups)
    return tool.check_optimizer(module, optimizer)


def count_stored(tool: Tool) -> str:
    """Save a tied module and count the stored matrices: two if each is stored once."""
    with tempfile.TemporaryDirectory() as folder:
        tool.save(tool.build(), Path(folder))
        from safetensors.torch import load_file

        stored = load_file(Path(folder) / "model.safetensors")
    return "stored once" if len(stored) == 2 else "stored twice"


def load_into(tool: Tool, tied: bool) -> str:
    """Save a tied module and load the file into a new one."""
    with tempfile.TemporaryDirectory() as folder:
        saved: Any = tool.build()
        tool.save(saved, Path(folder))
        with collect_messages() as messages:
            loaded: Any = tool.load(Path(folder), tied)
    if not torch.equal(loaded.second.weight, saved.second.weight):
        return describe("second layer random", messages)
    return "tied" if are_tied(loaded) else "untied, equal values"


def load_different_values(tool: Tool) -> str:
    """Load two different values into a tied module."""
    with tempfile.TemporaryDirectory() as folder:
        saved: Any = tool.build(tied=False)
        tool.save(saved, Path(folder))
        try:
            with collect_messages() as messages:
                loaded: Any = tool.load(Path(folder), True)
        except ValueError:
            return "refused"
    return describe("first value lost" if are_tied(loaded) else "untied", messages)


CASES: dict[str, Callable[[Tool], str]] = {
    "a tie made by assignment": find_tie,
    "a look-alike (one memory, two parameters)": find_lookalike,
    "retie after `to_empty`": break_by_to_empty,
    "retie on the meta device": break_on_meta,
    "retie after `assign=True`": break_by_assignment,
    "retie after `weight_norm` of the first": lambda tool: break_by_weight_norm(tool, "first"),
    "retie after `weight_norm` of the second": lambda tool: break_by_weight_norm(tool, "second"),
    "retie unequal shapes": lambda tool: tie_unequal(tool, nn.Parameter(torch.ones(3, 4))),
    "retie unequal dtypes": lambda tool: tie_unequal(tool, nn.Parameter(torch.ones(4, 4).half())),
    "retie a frozen and a trained one": lambda tool: tie_unequal(
        tool, nn.Parameter(torch.ones(4, 4), requires_grad=False)
    ),
    "a third name that is tied with the second": keep_third_name,
    "an optimizer built before the tie": train_old_optimizer,
    "a file of a tied module": count_stored,
    "its file in a tied module": lambda tool: load_into(tool, tied=True),
    "its file in an untied module": lambda tool: load_into(tool, tied=False),
    "different values for one tie in a file": load_different_values,
}


def compare(names: Sequence[str]) -> list[dict[str, str]]:
    """Run all cases with the named tools; return a row for each case."""
    torch.manual_seed(0)
    rows = [{"case": case} for case in CASES]
    for name in names:
        tool = TOOLS[name]()
        for row, run in zip(rows, CASES.values(), strict=True):
            row[name] = run(tool)
    return rows


def format_table(rows: Sequence[dict[str, str]]) -> str:
    """Return the rows as a Markdown table."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(words: Sequence[str] | None = None) -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RECORD, help="JSON file of the outcomes")
    parser.add_argument("--ours", action="store_true", help="run this package only, print only")
    options = parser.parse_args(words)
    rows = compare(list(TOOLS)[:1] if options.ours else list(TOOLS))
    print(format_table(rows))
    if not options.ours:
        versions = {name: version(name) for name in ("accelerate", "transformers", "torch")}
        record = {"versions": versions, "rows": rows}
        options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
