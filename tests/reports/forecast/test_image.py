"""Images of a forecast."""

import pytest

from revin_forecast import Forecaster, Ridge
from revin_forecast.cli.main import main
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


def test_missing_kaleido_is_reported(tmp_path, monkeypatch, capsys):
    from plotly.graph_objects import Figure

    def raise_missing_kaleido(*_, **__):
        raise ValueError("Image export using the kaleido engine requires the Kaleido package.")

    monkeypatch.setattr(Figure, "to_image", raise_missing_kaleido)
    file = tmp_path / "a.csv"
    make_table(("a",)).to_csv(file, index=False)
    arguments = ["forecast", str(file), "--horizon", "3", "--plot", str(tmp_path / "f.png")]
    assert main([*arguments, "--backbone", "Ridge"]) == 2
    message = capsys.readouterr().err
    assert "f.png could not be drawn: Image export using the kaleido engine requires" in message
    assert '".[plot]"' in message
    assert not (tmp_path / "f.png").exists()
