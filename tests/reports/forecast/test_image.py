"""Images of a forecast."""

import re
from functools import cache

import pytest
from plotly.graph_objects import Figure

from revin_forecast import Forecaster, Ridge
from revin_forecast.cli.main import main
from revin_forecast.errors import InputError
from revin_forecast.forecasting.describe_contributions import split_parts
from revin_forecast.reports.forecast import image
from revin_forecast.reports.forecast.contribution_chart import contribution_figure
from tests.support.forecast_pages import make_table


def test_image_is_written_in_each_format(tmp_path, capsys, browser):
    file = tmp_path / "a.csv"
    make_table(("a", "b")).to_csv(file, index=False)
    for name, start in (("f.png", b"\x89PNG"), ("f.svg", b"<svg")):
        arguments = ["forecast", str(file), "--horizon", "3", "--plot", str(tmp_path / name)]
        assert main([*arguments, "--backbone", "Ridge", "--quiet"]) == 0
        assert (tmp_path / name).read_bytes().startswith(start)
    capsys.readouterr()


@pytest.mark.usefixtures("browser")
def test_saved_model_draws_newer_rows(tmp_path, capsys):
    frame = make_table(("a", "b"))
    Forecaster(3, 14, Ridge).fit(frame[:200]).save(tmp_path / "model")
    frame.assign(c=1.0).to_csv(tmp_path / "newer.csv", index=False)
    arguments = ["predict", str(tmp_path / "model"), str(tmp_path / "newer.csv")]
    arguments += ["--plot", str(tmp_path / "f.svg"), "--out", str(tmp_path / "f.csv")]
    assert main(arguments) == 0
    assert "f.svg: an image of the forecast" in capsys.readouterr().out
    svg = (tmp_path / "f.svg").read_text()
    assert svg.count("80 % interval") == 1  # in the legend, although no interval was requested
    assert ">b<" in svg
    assert ">c<" not in svg  # unknown to the model
    assert main([*arguments[:3], "--plot", "f.gif"]) == 2
    assert "a picture is written as .png" in capsys.readouterr().err


def write_plot(folder, name, names=("a",)):
    """Run `forecast --plot` on a table of some series; return the exit code and the image."""
    make_table(names).to_csv(folder / "a.csv", index=False)
    arguments = ["forecast", str(folder / "a.csv"), "--horizon", "3", "--plot", str(folder / name)]
    return main([*arguments, "--backbone", "Ridge", "--quiet"]), folder / name


def test_missing_libraries_are_reported_before_the_fit(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Forecaster, "fit", lambda *_: pytest.fail("fitted without an engine"))
    for missing, reason in (
        ({"kaleido", "matplotlib"}, "f.png cannot be drawn: kaleido is not installed, nor is"),
        ({"matplotlib"}, "f.png cannot be drawn: Chrome or Chromium is not installed, nor is"),
    ):
        hide_libraries(monkeypatch, missing)
        assert write_plot(tmp_path, "f.png")[0] == 2
        message = capsys.readouterr().err
        assert reason in message
        assert '".[plot]"' in message
        assert not (tmp_path / "f.png").exists()


def hide_libraries(monkeypatch, names):
    """Hide some libraries that draw images, and all browsers."""
    find = lambda name: None if name in names else name  # noqa: E731
    monkeypatch.setattr(image, "find_spec", find)
    monkeypatch.setattr(image, "_has_browser", lambda: False)


def test_matplotlib_draws_without_a_browser(tmp_path, monkeypatch, capsys):
    hide_libraries(monkeypatch, ())
    monkeypatch.setattr(image, "MAX_SERIES", 2)
    code, file = write_plot(tmp_path, "f.svg", ("$a_", "<b>", "c"))
    assert code == 0
    assert "The image has the first 2 of 3 series; --out writes all." in capsys.readouterr().err
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", file.read_text())
    title = "Forecast of a.csv (the first 2 of 3 series)"
    assert {title, "$a_", "&lt;b&gt;", "measured", "forecast", "80 % interval"} <= set(texts)
    assert "c" not in texts
    drawn = file.read_bytes()
    assert write_plot(tmp_path, "f.svg", ("$a_", "<b>", "c"))[1].read_bytes() == drawn


@pytest.mark.parametrize(
    ("suffix", "start"),
    [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("jpg", b"\xff\xd8"), ("webp", b"RIFF")],
)
def test_matplotlib_writes_every_format(tmp_path, monkeypatch, suffix, start):
    def raise_failed_start(*_, **__):
        raise RuntimeError("The browser closed at once.")

    monkeypatch.setattr(Figure, "to_image", raise_failed_start)
    monkeypatch.setattr(image, "choose_image_engine", lambda _: "kaleido")
    figure = contribution_or_fan(suffix)
    image.write_figure(figure, tmp_path / f"f.{suffix}")
    assert (tmp_path / f"f.{suffix}").read_bytes().startswith(start)
    monkeypatch.setattr(image, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="cannot be drawn: The browser closed at once"):
        image.write_figure(figure, tmp_path / f"f.{suffix}")


@cache
def fit_small():
    return Forecaster(3, 14, Ridge).fit(make_table(("a", "b")))


def contribution_or_fan(suffix):
    """Return a figure of bars for one format, and of lines and areas for the others."""
    fitted = fit_small()
    if suffix == "png":
        rows = split_parts(fitted.explain(steps=[1, 2]))
        figure = contribution_figure([panel for _, panel in rows][:2])
        return figure.update_layout(width=600)
    return fitted.plot().update_layout(width=600)
