"""The chart script: compressed where the client accepts it, and kept by browsers."""

import gzip

from revin_forecast.reports.plotly_script import read_script


def test_the_script_is_sent_compressed_and_kept(client):
    plain = client.get("/plotly.js", headers={"Accept-Encoding": "identity"})
    packed = client.get("/plotly.js", headers={"Accept-Encoding": "br;q=1, gzip;q=0.8"})
    refusing = client.get("/plotly.js", headers={"Accept-Encoding": "gzip;q=0, *;q=0"})
    assert plain.text == packed.text == refusing.text == read_script()
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in refusing.headers
    assert int(packed.headers["content-length"]) < 600_000
    for answer in (plain, packed):
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["vary"] == "Accept-Encoding"
        assert "max-age" in answer.headers["cache-control"]
    assert plain.headers["etag"] != packed.headers["etag"]
    tags = {"Accept-Encoding": "gzip", "If-None-Match": f'"older", {packed.headers["etag"]}'}
    again = client.get("/plotly.js", headers=tags)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == packed.headers["etag"]
    other = client.get("/plotly.js", headers={**tags, "If-None-Match": plain.headers["etag"]})
    assert other.status_code == 200


def test_the_compressed_bytes_are_valid(client):
    with client.stream("GET", "/plotly.js", headers={"Accept-Encoding": "gzip"}) as answer:
        assert gzip.decompress(b"".join(answer.iter_raw())).startswith(b"/*")
