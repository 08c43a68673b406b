"""Small pictures of forecasts, as SVG with the reader's own light or dark colours."""

import numpy as np

from revin_forecast.reports.forecast.content import ReportContent

WIDTH, HEIGHT, MARGIN = 320, 140, 6
TOP = 30
"""Height of the title."""
SHOWN_WIDTH = 228
"""Width on the page, in pixels: three pictures to a line."""
HISTORY_HORIZONS = 5
"""Past steps shown, in horizons."""
MIN_HISTORY = 40
STYLE = (
    ".t{fill:#222;font:600 17px sans-serif}"
    ".h{stroke:#444}.f{stroke:#0072b2}.b{fill:#0072b2;fill-opacity:.25}"
    "@media(prefers-color-scheme:dark){.t{fill:#eee}.h{stroke:#ccc}.f{stroke:#6cc0f0}.b{fill:#6cc0f0}}"
)


def draw_thumbnail(content: ReportContent, title: str, level: int) -> str:
    """Return a picture of the last rows of the first series, its forecast and its interval."""
    name = content.series.targets[0]
    past, forecast, lower, upper = read_first_series(content, name, level)
    values = np.concatenate([past, lower, upper])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    scale_x = (WIDTH - 2 * MARGIN) / max(1, len(past) + len(forecast) - 1)
    scale_y = (HEIGHT - TOP - MARGIN) / ((high - low) or 1)

    def locate(start: int, line: np.ndarray) -> list[str]:
        """Return the coordinates of the observed values of a line."""
        x = MARGIN + (start + np.arange(len(line))) * scale_x
        y = HEIGHT - MARGIN - (line - low) * scale_y
        return [f"{x[i]:.1f},{y[i]:.1f}" for i in np.flatnonzero(np.isfinite(line))]

    end = len(past)
    band = locate(end, upper) + locate(end, lower)[::-1]
    joined = locate(end - 1, np.concatenate([past[-1:], forecast]))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{SHOWN_WIDTH}" height="{SHOWN_WIDTH * HEIGHT // WIDTH}" role="img">'
        f"<title>{title}: {len(past)} past steps and the forecast of the next {len(forecast)}, "
        f"with its {level} % interval</title><style>{STYLE}</style>"
        f'<text class="t" x="{MARGIN}" y="18">{title}</text>'
        f'<polygon class="b" points="{" ".join(band)}"/>'
        f'<polyline class="h" fill="none" stroke-width="1.5" points="{" ".join(locate(0, past))}"/>'
        f'<polyline class="f" fill="none" stroke-width="2.5" points="{" ".join(joined)}"/></svg>\n'
    )


def read_first_series(
    content: ReportContent, name: str, level: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the last values of a series, its forecast, and the bounds of its interval."""
    horizon = content.fitted.config.horizon
    past = content.series.channel(name)[1]
    frame = content.forecast
    if name not in frame.columns:  # a long table
        frame = frame.loc[(frame == name).any(axis=1)]
        value = next(column for column in frame.columns if f"{column}-lo-{level}" in frame.columns)
    else:
        value = name
    columns = (value, f"{value}-lo-{level}", f"{value}-hi-{level}")
    forecast, lower, upper = (frame[column].to_numpy(float) for column in columns)
    return past[-max(MIN_HISTORY, HISTORY_HORIZONS * horizon) :], forecast, lower, upper
