"""Reversible normalizers: one method per file, one contract for all.

`__init__.pyi` lists the names; each is imported on first use.
"""

# lazy_loader has no types, which the strict mode of this package requires.
# pyright: standard
from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
