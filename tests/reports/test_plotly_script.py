"""The script that draws charts is the one that plotly.py expects, and draws every kind of trace."""

import re
from pathlib import Path

from plotly.offline import get_plotlyjs_version

from revin_forecast.reports import plotly_script

PACKAGE = Path(plotly_script.__file__).parents[1]


def test_version_is_the_one_that_plotly_brings():
    assert plotly_script.read_script_version() == get_plotlyjs_version()
    notice = (plotly_script.COMPRESSED_FILE.parent / "README.md").read_text()
    assert set(re.findall(r"\d+\.\d+\.\d+", notice)) == {get_plotlyjs_version()}


def test_script_is_small_and_knows_the_traces_of_this_package():
    assert len(plotly_script.read_compressed_script()) < 0.5e6
    script = plotly_script.read_script()
    for trace in ("scatter", "bar", "heatmap", "histogram"):
        assert f'name:"{trace}"' in script, trace
    # Traces of other kinds would be drawn nowhere: the script has no WebGL, maps or polar axes.
    imported = re.compile(r"\b(Scattergl|Scatterpolar|Scatter3d|Surface|Pie|Table|Sankey)\(")
    for path in PACKAGE.glob("reports/**/*.py"):
        assert not imported.search(path.read_text()), path
