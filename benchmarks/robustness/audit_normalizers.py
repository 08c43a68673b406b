"""The contract as a table: every normalizer, beside the layer as it is usually copied."""

import inspect

import torch
from torch import Tensor, nn

from benchmarks.evidence import EvidencePage, Options, measurement
from revin_forecast import normalizers
from revin_forecast.checks import audit_normalizer
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import LocationScale, Normalizer

TEXT = """
# Which normalizer keeps which promise

Each row is a promise that `revin_forecast.checks` holds a class to, with parameters away from where
they start; `revin-forecast check mine.Scale` prints the same for your own class. `x`: it does not
hold, the number refers to the list below. `-`: not claimed, or not applicable. `Copied` is the
formula as most public copies have it, statistics on the module, a guard added to the variance, no
check of shapes. Repeat with

    python -m benchmarks.robustness.audit_normalizers
"""


class Copied(Normalizer[LocationScale]):
    """RevIN as it is usually written: the defects are the point."""

    def __init__(self, channels: int):
        super().__init__(channels)
        self.affine_weight = nn.Parameter(torch.ones(channels))
        self.affine_bias = nn.Parameter(torch.zeros(channels))

    def normalize(
        self, past: Tensor, observed: Tensor | None = None
    ) -> tuple[Tensor, LocationScale]:
        """Keep the statistics on the module."""
        self.mean = past.mean(1, keepdim=True).detach()
        self.stdev = torch.sqrt(past.var(1, keepdim=True, unbiased=False) + 1e-5).detach()
        z = (past - self.mean) / self.stdev * self.affine_weight + self.affine_bias
        return z, LocationScale(self.mean, torch.zeros_like(self.mean), self.stdev)

    def denormalize(self, future: Tensor, stats: LocationScale, kind: str = "location") -> Tensor:
        """Take whatever statistics the module has last seen."""
        future = (future - self.affine_bias) / (self.affine_weight + 1e-10)
        return future * self.stdev + self.mean

    @property
    def equivariant_to(self) -> frozenset:
        """What the paper is quoted for."""
        return frozenset({"shift", "scale"})


def candidates() -> dict[str, type[Normalizer]]:
    """Return the package's own classes, and the copied one."""
    found = {name: getattr(normalizers, name) for name in normalizers.__all__}
    ours = {
        name: kind
        for name, kind in found.items()
        if issubclass(kind, Normalizer) and not inspect.isabstract(kind)
    }
    return {"Copied": Copied} | dict(sorted(ours.items()))


def first_line(text: str) -> str:
    """Return a message's first line, shortened."""
    return text.strip().splitlines()[0][:160]


@measurement(
    "normalizer_audit",
    quick="two classes, no compiled programs",
    options={"--classes": {"nargs": "+", "help": "import paths of your own, beside ours"}},
)
def main(options: Options, page: EvidencePage) -> None:
    kinds = candidates()
    if options.quick:
        kinds = {name: kinds[name] for name in ("Copied", "RevIN")}
    for path in options.classes or []:
        component = ModuleSpec(path)
        kinds[component.name] = component.import_class()  # type: ignore[assignment]
    rows: dict[str, dict[str, object]] = {}
    notes: list[str] = []
    for name, kind in kinds.items():
        for result in audit_normalizer(kind, programs=not options.quick):
            cell = {True: "holds", None: "-", False: "x"}[result.holds]
            if result.holds is False:
                notes.append(
                    f"{len(notes) + 1}. {name}, {result.promise}: {first_line(result.detail)}"
                )
                cell = f"x {len(notes)}"
            rows.setdefault(result.promise, {"promise": result.promise})[name] = cell
        print(name)
    page.text = "\n".join([TEXT.strip(), "", *notes])
    page.rows += rows.values()


if __name__ == "__main__":
    main()
