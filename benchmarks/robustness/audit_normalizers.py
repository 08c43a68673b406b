"""The contract of normalizers as a table, compared with the layer as it is usually copied."""

import inspect

import torch
from torch import Tensor, nn

from benchmarks.evidence import EvidencePage, Options, Row, measurement
from revin_forecast import normalizers
from revin_forecast.checks import audit_normalizer
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import LocationScale, Normalizer

TEXT = """
# Which normalizer keeps which promise

Each row is a promise that `revin_forecast.checks` verifies for a class, with parameters away from
their initial values; `revin-forecast check mine.Scale` prints the same for your own class. `x`: it
does not hold, and the number refers to the list below. `-`: not claimed, or not applicable.
`Copied` is the formula of most public copies: statistics stored on the module, a constant added to
the variance, no check of shapes. Repeat with

    python -m benchmarks.robustness.audit_normalizers
"""
CELLS = {True: "holds", None: "-", False: "x"}
MAX_DETAIL_CHARACTERS = 160


@measurement(
    "normalizer_audit",
    quick="two classes, no compiled programs",
    options={"--classes": {"nargs": "+", "help": "further classes, by import path"}},
)
def main(options: Options, page: EvidencePage) -> None:
    """Check every promise of every class."""
    classes = list_classes()
    if options.quick:
        classes = {name: classes[name] for name in ("Copied", "RevIN")}
    for path in options.classes or []:
        spec = ModuleSpec(path)
        classes[spec.name] = spec.import_class()  # type: ignore[assignment]
    rows: dict[str, Row] = {}
    notes: list[str] = []
    for name, normalizer in classes.items():
        for result in audit_normalizer(normalizer, programs=not options.quick):
            cell = CELLS[result.holds]
            if result.holds is False:
                detail = shorten_detail(result.detail)
                notes.append(f"{len(notes) + 1}. {name}, {result.promise}: {detail}")
                cell = f"x {len(notes)}"
            rows.setdefault(result.promise, {"promise": result.promise})[name] = cell
        print(name)
    page.text = "\n".join([TEXT.strip(), "", *notes])
    # Some promises exist only for classes that claim them.
    page.rows += [
        {"promise": promise} | dict.fromkeys(classes, "-") | row for promise, row in rows.items()
    ]


class Copied(Normalizer[LocationScale]):
    """RevIN as it is usually written; its defects are the purpose of the class."""

    def __init__(self, channels: int):
        super().__init__(channels)
        self.affine_weight = nn.Parameter(torch.ones(channels))
        self.affine_bias = nn.Parameter(torch.zeros(channels))

    def normalize(
        self, past: Tensor, observed: Tensor | None = None
    ) -> tuple[Tensor, LocationScale]:
        """Store the statistics on the module."""
        self.mean = past.mean(1, keepdim=True).detach()
        self.stdev = torch.sqrt(past.var(1, keepdim=True, unbiased=False) + 1e-5).detach()
        z = (past - self.mean) / self.stdev * self.affine_weight + self.affine_bias
        return z, LocationScale(self.mean, torch.zeros_like(self.mean), self.stdev)

    def denormalize(self, future: Tensor, stats: LocationScale, kind: str = "location") -> Tensor:
        """Use the statistics of the last window, whatever is passed."""
        future = (future - self.affine_bias) / (self.affine_weight + 1e-10)
        return future * self.stdev + self.mean

    @property
    def equivariant_to(self) -> frozenset:
        """The equivariances that the paper is quoted for."""
        return frozenset({"shift", "scale"})


def list_classes() -> dict[str, type[Normalizer]]:
    """Return the copied class and those of the package, by name."""
    exported = {name: getattr(normalizers, name) for name in normalizers.__all__}
    ours = {
        name: member
        for name, member in exported.items()
        if issubclass(member, Normalizer) and not inspect.isabstract(member)
    }
    return {"Copied": Copied} | dict(sorted(ours.items()))


def shorten_detail(text: str) -> str:
    """Return the first line of a message, shortened."""
    return text.strip().splitlines()[0][:MAX_DETAIL_CHARACTERS]


if __name__ == "__main__":
    main()
