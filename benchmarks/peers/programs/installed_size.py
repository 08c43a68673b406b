"""Print the MiB that a distribution brings along beside torch, and its version, as JSON.

Counted are the files of the distribution and of all that it requires, as their records list them,
without compiled bytecode and without what torch requires itself.
"""

import json
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

MIB = 2**20


def required(name: str, extras: tuple[str, ...] = ()) -> dict[str, Distribution]:
    """Return a distribution and all that it requires, by name."""
    found: dict[str, Distribution] = {}
    waiting, seen = [(name, extras)], set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            one = distribution(name)
        except PackageNotFoundError:  # for another system, or left out by the pins
            continue
        found[canonicalize_name(name)] = one
        for line in one.requires or ():
            requirement = Requirement(line)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                waiting.append((requirement.name, tuple(sorted(requirement.extras))))
    return found


def size(one: Distribution) -> int:
    """Return the bytes of a distribution's files."""
    paths = {Path(str(one.locate_file(file))) for file in one.files or ()}
    if '"editable": true' in (one.read_text("direct_url.json") or ""):  # its files lie elsewhere
        paths |= set(Path(__file__).resolve().parents[3].joinpath("revin_forecast").rglob("*.*"))
    kept = [path for path in paths if path.suffix != ".pyc" and path.is_file()]
    return sum(path.stat().st_size for path in kept)


def main(name: str, *extras: str) -> None:
    every, torch = required(name, extras), required("torch")
    beside = {key: size(one) for key, one in every.items() if key not in torch}
    told = {"version": every[canonicalize_name(name)].version, "distributions": len(beside)}
    print(json.dumps(told | {"mib": sum(beside.values()) / MIB}))


if __name__ == "__main__":
    main(*sys.argv[1:])
