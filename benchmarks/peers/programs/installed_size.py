"""Print version and MiB of a distribution as JSON, with its requirements but without torch.

Counted are the files in the records of the distribution and of everything it requires, without
compiled bytecode and without what torch requires itself.
"""

import json
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

MIB = 2**20
PACKAGE = Path(__file__).resolve().parents[3] / "revin_forecast"


def collect_requirements(name: str, extras: tuple[str, ...] = ()) -> dict[str, Distribution]:
    """Return a distribution and everything it requires, by name."""
    distributions: dict[str, Distribution] = {}
    waiting, visited = [(name, extras)], set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in visited:
            continue
        visited.add((name, extras))
        try:
            current = distribution(name)
        except PackageNotFoundError:  # for another system, or left out by the pins
            continue
        distributions[canonicalize_name(name)] = current
        for line in current.requires or ():
            requirement = Requirement(line)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                waiting.append((requirement.name, tuple(sorted(requirement.extras))))
    return distributions


def count_bytes(installed: Distribution) -> int:
    """Return the bytes of a distribution's files."""
    paths = {Path(str(installed.locate_file(file))) for file in installed.files or ()}
    # The record of an editable installation lists no source files.
    if '"editable": true' in (installed.read_text("direct_url.json") or ""):
        paths |= set(PACKAGE.rglob("*.*"))
    counted = [path for path in paths if path.suffix != ".pyc" and path.is_file()]
    return sum(path.stat().st_size for path in counted)


def main(name: str, *extras: str) -> None:
    """Print the size of a distribution."""
    every, torch = collect_requirements(name, extras), collect_requirements("torch")
    sizes = [count_bytes(installed) for key, installed in every.items() if key not in torch]
    version = every[canonicalize_name(name)].version
    result = {"version": version, "distributions": len(sizes), "mib": sum(sizes) / MIB}
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
