"""The README and the overview of the evidence state the committed figures."""

import math
import re

import pytest

from tests.support.evidence_pages import PAGES, ROOT, committed_rows

README = (ROOT / "README.md").read_text()
OVERVIEW = (PAGES / "index.md").read_text()
FLAT_OVERVIEW = " ".join(OVERVIEW.split())


def test_every_finding_links_to_a_page_of_evidence():
    findings = OVERVIEW.split("\n## ")[0].split("\n* ")[1:]
    assert len(findings) == 11
    for finding in findings:
        links = re.findall(r"\]\(([\w/.]+)\)", finding)
        assert links, finding
        assert all((PAGES / link).is_file() for link in links), finding


def test_claims_about_the_default_follow_from_its_tables():
    *tables, total, _ = committed_rows("accuracy_product")
    rivals = ("SeasonalNaive", "AutoETS", "AutoTheta", "DynamicOptimizedTheta")
    best = sum(row["default"] <= min(row[name] for name in rivals) for row in tables)
    assert all(total["default"] < total[name] for name in rivals)
    assert f"lowest mean error of those compared on {len(tables)} tables" in FLAT_OVERVIEW
    behind = {1: "one", 2: "two", 3: "three"}[len(tables) - best]
    limits = " ".join((ROOT / "docs" / "limits.md").read_text().split())
    worse = f"error on {len(tables)} tables, and another model is better on {behind} of them"
    assert worse in limits
    figures = [f"{total[name]:.2f}" for name in ("default", "SeasonalNaive", "AutoETS")]
    ours, naive, smoothed = figures[0].removeprefix("0"), figures[1], figures[2]
    assert f"mean MASE {ours}]" in README
    assert f"seasonal naive {naive}, AutoETS {smoothed}" in README
    assert f"{ours} MASE, seasonal naive {naive}, AutoETS {smoothed}." in OVERVIEW


def test_claims_about_everyday_series_follow_from_their_records():
    ours, rivals = (
        [
            float(row["/ naive"].split()[0])
            for row in committed_rows(record)
            if row["frequency"] == "all" and row.get("family", "all") == "all"
            if row.get("model", model) == model
        ]
        for record, model in (("accuracy_pretrained_member", ""), ("accuracy_panel", "AutoETS"))
    )
    shown = re.search(
        r"\[(\.\d\d) and (\.\d\d) of the seasonal naive error\].*?AutoETS (\.\d\d) and (\.\d\d)",
        README,
    )
    assert [float(number) for number in shown.groups()] == pytest.approx(ours + rivals, abs=0.0051)
    assert f"{shown[1]} and {shown[2]} of the seasonal naive error" in OVERVIEW
    assert f"two origins | **{shown[1]}**, **{shown[2]}** | {shown[3]}, {shown[4]} |" in OVERVIEW


def test_claims_about_revin_follow_from_its_records():
    rows = committed_rows("accuracy_backbones")
    helped = sum(row["RevIN MSE"] < row["without MSE"] for row in rows)
    for page in (README, OVERVIEW):
        assert f"n {helped} of {len(rows)} settings" in page
    rest = [row for row in rows if row["RevIN MSE"] >= row["without MSE"]]
    assert {(row["data"], row["look-back"]) for row in rest} == {("etth1", 96)}
    assert {row["data"] for row in rows} == {"etth1", "etth2"}
    assert {row["backbone"] for row in rest} <= {"Ridge", "SparseTSF", "FITS"}
    broken = sum(row["Copied"].startswith("x") for row in committed_rows("normalizer_audit"))
    assert f"{broken} of them fail in a common copy" in OVERVIEW


def test_claims_about_dated_shifts_follow_from_their_families():
    rows = committed_rows("shift_dated")
    for column, shown in (("RevIN", ".75 of the error"), ("before", ".80 before")):
        families = {}
        for row in rows:
            families.setdefault(row["family"], []).append(math.log(row[column]))
        means = [sum(logs) / len(logs) for logs in families.values()]
        ratio = math.exp(sum(means) / len(means))
        assert ratio == pytest.approx(float(shown.split()[0]), abs=0.006)
        assert shown in README
        assert shown in OVERVIEW
    assert f"the documented events of {len(rows)} data sets" in README


def test_claims_about_intervals_follow_from_their_coverage():
    rows = [row for row in committed_rows("interval_coverage") if row["shift"] == "none"]
    near = sum(abs(row["80 %"] - 80) <= 3 for row in rows)
    worst = min(row["80 %"] for row in rows)
    for page in (README, OVERVIEW):
        assert f"within 3 points on {near} of {len(rows)} data sets" in page
        assert f"worst holds {worst:.0f} %" in page


def test_claims_about_foundation_models_are_the_published_figures():
    (row,) = [
        row
        for row in committed_rows("accuracy_gift")
        if (row["score"], row["task"]) == ("MASE", "geometric mean, relative")
    ]
    for name in ("Chronos-Bolt-base", "Chronos-2", "TiRex-2"):
        assert f"{name} {row[name]:.3f}".replace("0.", ".") in OVERVIEW
    assert f"it has {row['default']:.3f} of that error".replace("0.", ".") in OVERVIEW


def test_claims_about_damaged_tables_follow_from_the_fuzzer():
    rows = committed_rows("table_fuzz")
    assert sum(row["files"] for row in rows) == 20000
    wrong = ("bad message", "silent", "traceback", "differs")
    assert all(row[name] == 0 for row in rows for name in wrong)
    assert "20,000 damaged and strange files**: no traceback, no wrong value" in OVERVIEW


def test_claims_about_sensors_are_those_of_the_findings():
    findings = " ".join((PAGES / "shift_findings.md").read_text().split())
    ratios = re.findall(
        r"\| (?:Ridge|Linear|MLP|PatchTST) \|[^|]*\|[^|]*\|[^|]*\| (1\.0\d)", findings
    )
    assert "An offset of a sensor costs 1.31 to 1.36 times the error" in findings
    for page in (README, FLAT_OVERVIEW):
        assert f"{min(ratios[:4])} to {max(ratios[:4])} times the error" in page
        assert "up to 1.36 times after an offset" in page


def test_claims_about_verdicts_are_those_of_their_page():
    (row,) = re.findall(
        r"^\| all, balanced \| (.*) \|$", (PAGES / "shift_verdicts.md").read_text(), re.M
    )
    spoken, right = row.split(" | ")[-3:-1]
    assert f"answers for {spoken} % of" in FLAT_OVERVIEW
    assert f"{right} % of its answers are right" in FLAT_OVERVIEW
