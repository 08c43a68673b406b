"""Checks run to the end, and their failures are sorted by kind and size."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.checks import CheckError, CheckResult
from revin_forecast.checks.runner import (
    FAILURE_KINDS,
    Remark,
    collect_results,
    expect,
    expect_at_most,
    expect_close,
    expect_finite,
    expect_refusal,
    is_explained,
    run_checks,
    sort_failures,
)

ONE = torch.ones(2)


def stop_early():
    raise KeyError("a bug")


CHECKS = {
    "a": lambda: expect_close(ONE, ONE + 1e-3, 1e-4, "numbers"),
    "b": lambda: None,
    "c": stop_early,
    "d": lambda: expect_close(ONE, ONE + 1, 0.1, "results", "leak"),
    "e": lambda: "not claimed",
    "f": lambda: expect_finite(ONE / 0, "a result is infinite"),
    "g": lambda: Remark("frozen and exempt: weight"),
    "h": lambda: expect(False, "a wrong shape"),
    "i": lambda: expect_close(ONE, ONE + 1, 1e-6, "other numbers"),
}


def test_all_checks_run_and_one_error_names_all_failures(capsys):
    with pytest.raises(CheckError) as error:
        run_checks("Mine", CHECKS, "called as it is")
    assert (
        str(error.value) == "Mine: d: results: differs by 1, allowed is 0.1\n5 more: i; a; f; h; c"
    )
    assert capsys.readouterr().out.splitlines() == [
        "Mine",
        "  called as it is",
        "  FAILS  a",
        "  holds  b",
        "  FAILS  c",
        "  FAILS  d",
        "  -      e (not claimed)",
        "  FAILS  f",
        "  holds  g (frozen and exempt: weight)",
        "  FAILS  h",
        "  FAILS  i",
        "6 of 9 promises do not hold, worst first:",
        "  1. d: results: differs by 1, allowed is 0.1",
        "  2. i: other numbers: differs by 1, allowed is 1e-06",
        "  3. a: numbers: differs by 0.001, allowed is 0.0001",
        "  4. f: a result is infinite",
        "  5. h: a wrong shape",
        "  6. c: KeyError: 'a bug'",
    ]


def test_no_error_without_a_failure(capsys):
    run_checks("Mine", {"b": CHECKS["b"], "e": CHECKS["e"]})
    assert "worst" not in capsys.readouterr().out


@given(
    st.lists(
        st.builds(
            CheckResult,
            promise=st.just("p"),
            holds=st.sampled_from([True, False, None]),
            kind=st.sampled_from(FAILURE_KINDS),
            excess=st.floats(0, allow_nan=False),
        )
    )
)
def test_failures_are_sorted_by_kind_and_then_by_size(results):
    failures = sort_failures(results)
    assert len(failures) == sum(result.holds is False for result in results)
    keys = [(FAILURE_KINDS.index(failure.kind), -failure.excess) for failure in failures]
    assert keys == sorted(keys)


def test_errors_hold_their_kind_and_size():
    (result,) = collect_results({"i": CHECKS["i"]})
    assert (result.kind, result.excess) == ("wrong value", pytest.approx(1e6))
    with pytest.raises(CheckError) as error:
        expect_at_most(math.nan, 1.0, "a number")
    assert (error.value.kind, error.value.excess) == ("not finite", math.inf)
    # An exact comparison has no allowance: its size is in roundings.
    with pytest.raises(CheckError) as error:
        expect_close(ONE, ONE + 2**-23, 0.0, "bits")
    assert error.value.excess == pytest.approx(1, rel=1e-6)


def refuse():
    raise ValueError("got 3 channels instead of 2. Select 2 columns.")


def test_refusals_and_accidents_differ():
    expect_refusal(refuse, "3 channels")
    for call, expected in ((refuse, True), (stop_early, False), (lambda: ONE @ ONE[:1], False)):
        with pytest.raises((ValueError, KeyError, RuntimeError)) as error:
            call()
        assert is_explained(error.value) is expected
