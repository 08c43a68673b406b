"""Figures of the documentation, computed by the package and drawn as SVG or PNG."""
