"""Amounts and changes as a person reads them: 4,310 instead of 4310.284."""

import math

MAX_DIGITS = 6
"""Most significant digits of an amount."""
MIN_DIGITS = 2
"""Fewest significant digits of an amount, if it has as many."""
STEPS_PER_SPREAD = 10
"""Steps of the last digit that the spread of an amount holds at least."""
MAX_RATIO = 3.0
"""Ratio above which a change is not in percent."""
SAME_SHARE = 0.0005
"""Relative change below which two amounts are called the same."""


def find_resolution(amount: float, spread: float) -> float:
    """Return the power of ten that an amount is rounded to.

    Args:
        amount: the amount.
        spread: width of the amounts that are likely; 0 if it is unknown.

    >>> [find_resolution(amount, spread) for amount, spread in ((4310.3, 900.0), (371.45, 1.8))]
    [10.0, 0.1]
    >>> [find_resolution(amount, 0.0) for amount in (0.0, 12.3456)]
    [1.0, 0.1]
    """
    size = abs(amount) or spread
    if not size or not math.isfinite(size):
        return 1.0
    magnitude = math.floor(math.log10(size))
    if not spread or not math.isfinite(spread):
        return 10.0 ** (magnitude - MIN_DIGITS)
    power = math.floor(math.log10(spread / STEPS_PER_SPREAD))
    return 10.0 ** min(max(power, magnitude - MAX_DIGITS + 1), magnitude - MIN_DIGITS + 1)


def format_amount(amount: float, resolution: float) -> str:
    """Return an amount rounded to a resolution, without zeros after its last decimal.

    >>> format_amount(4310.284, 10.0), format_amount(371.448, 0.1), format_amount(2.0, 0.01)
    ('4,310', '371.4', '2')
    >>> format_amount(-0.04, 0.1), format_amount(3.2e-7, 1e-8), format_amount(2.5e18, 1e17)
    ('0', '3.2e-07', '2.5e+18')
    """
    if not math.isfinite(amount):
        return "unknown"
    rounded = round(amount / resolution) * resolution if resolution > 1 else amount
    size = abs(amount)
    if size and (size >= 1e15 or size < 1e-4) and size >= resolution:
        return f"{amount:.3g}"
    decimals = max(0, -math.floor(math.log10(resolution)))
    text = f"{rounded:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def measure_change(amount: float, past: float, is_ratio: bool) -> float | None:
    """Return the change from a past amount in percent; None where a percentage would mislead.

    Args:
        amount: the amount.
        past: the amount before.
        is_ratio: whether the amounts have a zero point, so that their ratio means something.

    >>> measure_change(105.0, 100.0, True), measure_change(3.0, -2.0, False)
    (5.0, None)
    >>> measure_change(500.0, 1.0, True)
    """
    if not is_ratio or not past > 0 or not 0 <= amount <= MAX_RATIO * past:
        return None
    return round(100 * (amount / past - 1), 9)


def describe_change(amount: float, past: float, percent: float | None, resolution: float) -> str:
    """Return a change in words, to be followed by the name of the past amount.

    >>> describe_change(105.0, 100.0, 5.0, 1.0), describe_change(98.7, 100.0, -1.3, 1.0)
    ('5 % above', '1.3 % below')
    >>> describe_change(-2.0, 3.0, None, 1.0), describe_change(9.0, 9.0, 0.0, 1.0)
    ('down from 3 in', 'the same as')
    """
    if percent is not None:
        if abs(percent) < 100 * SAME_SHARE:
            return "the same as"
        size = f"{abs(percent):.{0 if abs(percent) >= 10 else 1}f}".removesuffix(".0")
        return f"{size} % {'above' if percent > 0 else 'below'}"
    before, after = (format_amount(number, resolution) for number in (past, amount))
    if before == after:
        return "the same as"
    return f"{'up' if amount > past else 'down'} from {before} in"
