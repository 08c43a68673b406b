"""Downloads from a local server."""

import gzip
import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from revin_forecast.data.catalog import catalog
from revin_forecast.data.catalog.download import download
from revin_forecast.errors import InputError

CONTENT = b"date,x\n" + b"2024-01-01,1\n" * 50_000


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/missing.csv":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT if self.path == "/good.csv" else CONTENT[:1000])

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def make_entry(server, page="good.csv", digest=None):
    digest = digest or hashlib.sha256(CONTENT).hexdigest()
    return replace(catalog.find_entry("etth1"), url=f"{server}/{page}", sha256=digest)


def list_files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_good_file_is_put_in_place(server, tmp_path):
    path = download(make_entry(server), tmp_path)
    assert path == tmp_path / "ETT-small" / "ETTh1.csv"
    assert path.read_bytes() == CONTENT
    assert list_files(tmp_path) == [path]


@pytest.mark.parametrize(
    ("page", "digest", "message"),
    [
        ("good.csv", "0" * 64, "returned other content: sha256 .*, wanted 0000"),
        ("missing.csv", None, "could not download .*404"),
        ("short.csv", None, "returned other content|could not download"),
    ],
)
def test_a_bad_response_leaves_the_folder_unchanged(server, tmp_path, page, digest, message):
    old = tmp_path / "ETT-small" / "ETTh1.csv"
    old.parent.mkdir()
    old.write_text("old")
    with pytest.raises(InputError, match=message):
        download(make_entry(server, page, digest), tmp_path)
    assert list_files(tmp_path) == [old]
    assert old.read_text() == "old"


def test_unreachable_and_unknown_addresses(tmp_path):
    with pytest.raises(InputError, match="could not download"):
        download(make_entry("http://127.0.0.1:9"), tmp_path)
    with pytest.raises(InputError, match="is not an http or https address"):
        download(make_entry("file:///etc"), tmp_path)
    with pytest.raises(InputError, match="no public address is known for ecl"):
        download(catalog.find_entry("ecl"), tmp_path)
    (tmp_path / "occupied").write_text("")
    with pytest.raises(InputError, match="could not download .*Nothing was saved"):
        download(make_entry("http://127.0.0.1:9"), tmp_path / "occupied")


def test_checksum_is_that_of_the_decompressed_content(tmp_path):
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(CONTENT))
    assert catalog.compute_content_sha256(packed) == hashlib.sha256(CONTENT).hexdigest()
