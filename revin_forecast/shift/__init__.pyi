"""The public names and their modules, for `__init__.py` and for type checkers."""

from .card.table_card import shift_card as shift_card
from .dataset import ShiftDataset as ShiftDataset
from .robustness_table import robustness as robustness
from .shift import AffineShift as AffineShift
from .shift import Shift as Shift
from .shift import ShiftOnset as ShiftOnset
from .suite.suite_yaml import read_suite as read_suite
from .suite_tables import run_benchmark as run_benchmark
