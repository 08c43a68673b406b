"""The page on the pretrained network shows the committed figures."""

import pytest

from tests.docs.test_site import parse_table
from tests.support.evidence_pages import committed_rows

PAGE = "theory/zero_shot.md"
SETS = {
    "23 tables": ("product", None),
    "12 tasks of GIFT-Eval": ("gift", None),
    "267 everyday series, origin 1": ("panel", 1),
    "266 everyday series, origin 2": ("panel", 2),
}
MODELS = ("Pretrained", "default", "AutoETS", "AutoARIMA", "Chronos-Bolt-base")


def read_number(cell):
    return float(str(cell).split()[0])


def test_errors_are_the_committed_ones():
    rows = {
        (row["set"], row["origin"], row["model"]): row["/ naive"]
        for row in committed_rows("accuracy_zero_shot")
        if row["group"] == "all"
    }
    for name, *cells in parse_table(PAGE, "accuracy_zero_shot"):
        assert len(cells) == len(MODELS)
        for model, cell in zip(MODELS, cells, strict=True):
            committed = rows.get((*SETS[name], model))
            assert (committed is None) == (cell == "-"), (name, model)
            if committed is not None:
                assert float(cell) == pytest.approx(read_number(committed), abs=6e-4)


def test_ablations_are_the_committed_ones():
    rows = committed_rows("zero_shot_ablations")
    shown = parse_table(PAGE, "zero_shot_ablations")
    assert [line[0] for line in shown] == [row["variant"] for row in rows[1:]]
    for row, (_, *cells) in zip(rows[1:], shown, strict=True):
        expected = [
            read_number(row[name]) for name in ("synthetic / full", "tables / full", "GIFT / full")
        ]
        assert [float(cell) for cell in cells] == pytest.approx(expected, abs=6e-4)
