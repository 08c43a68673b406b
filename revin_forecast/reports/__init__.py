"""Reports of forecasts and benchmarks: self-contained HTML pages, and Markdown tables."""
