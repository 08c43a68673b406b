"""Compare the package's classes with outputs of the authors' code, with equal weights."""

from collections.abc import Mapping

from benchmarks.authors.fixture import FIXTURES, Fixture, largest_difference, read_fixture
from benchmarks.evidence import EvidencePage, Options, measurement

TEXT = """
# Equal weights, equal output

Each row is a network or a normalizer with random weights, away from their initial values, that the
authors' code evaluated in float64: `tests/fixtures/authors` holds its weights, its inputs and its
outputs. The class of the package gets the same weights and inputs. The column is the largest
absolute difference of the outputs, measured on the machine named below; a test accepts 1e-10. The
outputs of a network are its forecasts; those of a normalizer are the normalized window and the
forecast in the units of the data. Training is not compared: initial weights, dropout and optimizers
differ. Repeat with

    python -m benchmarks.authors.compare

`benchmarks/authors` holds the programs that record outputs; each needs a checkout of the authors'
repository at the commit in the table.
"""
HEADING = "Differences by design. The part was switched off or replaced in the authors' code:"


@measurement("authors_outputs", quick="the same; it takes seconds")
def main(options: Options, page: EvidencePage) -> None:
    """Compare every fixture."""
    fixtures = {path.stem: read_fixture(path) for path in sorted(FIXTURES.glob("*.safetensors"))}
    page.text = "\n".join([TEXT.strip(), "", HEADING, "", *list_differences(fixtures)])
    for name, fixture in fixtures.items():
        page.add(compare(name, fixture))


def list_differences(fixtures: Mapping[str, Fixture]) -> list[str]:
    """Return a line for each difference by design, with the names of its fixtures."""
    names: dict[str, list[str]] = {}
    for name, fixture in fixtures.items():
        if fixture.source.differences:
            names.setdefault(fixture.source.differences.strip(), []).append(f"`{name}`")
    return [f"* {', '.join(found)}: {text}" for text, found in names.items()]


def compare(name: str, fixture: Fixture) -> dict[str, str | float]:
    """Return the row of a fixture."""
    repository = fixture.source.repository.removeprefix("https://github.com/")
    return {
        "class": fixture.class_name,
        "fixture": name,
        "authors' code": repository,
        "commit": fixture.source.commit[:8],
        "weights": sum(value.numel() for value in fixture.weights.values()),
        "largest difference": float(f"{largest_difference(fixture):.1e}"),
    }


if __name__ == "__main__":
    main()
