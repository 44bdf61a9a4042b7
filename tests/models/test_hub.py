"""Weights from the hub: cached, downloaded once, and every way that can fail, without a network."""

from __future__ import annotations

import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from huggingface_hub import constants

from vot_memory import models
from vot_memory.errors import InputError
from vot_memory.models import hub

NAME = "sam2.1-t"
PATH = "/facebook/sam2.1-hiera-tiny/resolve/main/sam2.1_hiera_tiny.pt"
CONTENT = b"as if these were weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
COMMIT = "0123456789" * 4


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, where the user's own is left alone."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True, raising=False)
    return folder


@pytest.fixture
def served(cache, monkeypatch):
    """Start a hub on this machine; `served(answer)` returns the list of requests it got.

    `answer(handler)` answers a request; None serves CONTENT at PATH.
    """
    servers = []

    def start(answer=None):
        requests = []

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self):
                requests.append((self.command, self.path))
                (answer or file)(self)

            do_GET = do_HEAD  # noqa: N815

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        use(monkeypatch, f"http://127.0.0.1:{server.server_address[1]}")
        return requests

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def use(monkeypatch, endpoint):
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def respond(handler, status, body=b"", **headers):
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    if handler.command == "GET":
        handler.wfile.write(body)


def file(handler):
    respond(handler, 200, CONTENT, ETag=f'"{DIGEST}"', X_Repo_Commit=COMMIT)


def put(cache, content=CONTENT, digest=DIGEST):
    """Lay a file into the cache as huggingface_hub does."""
    repo = cache / "models--facebook--sam2.1-hiera-tiny"
    blob = repo / "blobs" / digest
    link = repo / "snapshots" / COMMIT / "sam2.1_hiera_tiny.pt"
    for path in (blob, link, repo / "refs" / "main"):
        path.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(content)
    link.symlink_to(blob)
    (repo / "refs" / "main").write_text(COMMIT)
    return link


def test_names_are_those_of_sam2():
    from sam2 import build_sam

    theirs = build_sam.HF_MODEL_ID_TO_FILENAMES
    assert {m.repo: (m.config, m.file) for m in models.SAM2.values()} == theirs


def test_what_is_cached_needs_no_network(cache, served, capsys):
    requests = served()
    link = put(cache)
    assert hub.cached(NAME) == link
    assert hub.fetch(NAME) == link
    assert models.locate(NAME)[1] == link
    assert requests == []
    assert capsys.readouterr().err == ""


def test_what_is_cached_is_used_offline(cache, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    link = put(cache)
    assert hub.fetch(NAME) == link


def test_a_download_is_announced_and_happens_once(cache, served, capsys):
    requests = served()
    assert hub.cached(NAME) is None
    first = hub.fetch(NAME)
    assert first.read_bytes() == CONTENT
    assert ("GET", PATH) in requests
    assert "downloading the weights of sam2.1-t (0 MB)" in capsys.readouterr().err
    requests.clear()
    assert hub.fetch(NAME) == first
    assert requests == []
    assert models.weights.fingerprint(first) == DIGEST


def test_offline_and_not_cached(cache, served, monkeypatch):
    requests = served()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"HF_HUB_OFFLINE is set: .* --checkpoint sam2.1_hiera"):
        models.load_model(NAME, device="cpu")
    assert requests == []


def test_no_network_fails_at_once(cache, monkeypatch):
    use(monkeypatch, "http://127.0.0.1:9")  # nobody listens there
    start = time.monotonic()
    with pytest.raises(InputError, match=r"sam2.1-t are not in the cache .* cannot be downloaded"):
        hub.fetch(NAME)
    assert time.monotonic() - start < 5


def test_a_hub_that_does_not_answer(cache, served, monkeypatch):
    released = threading.Event()
    served(lambda handler: released.wait(20))
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 1)
    start = time.monotonic()
    with pytest.raises(InputError, match="timed out"):
        hub.fetch(NAME)
    assert time.monotonic() - start < 5
    released.set()


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "GatedRepo", "it wants its terms accepted"),
        (401, "RepoNotFound", "no such repository or file"),
        (404, "EntryNotFound", "no such repository or file"),
        (500, "", "500"),
    ],
)
def test_a_hub_that_refuses(served, status, code, words):
    requests = served(lambda handler: respond(handler, status, X_Error_Code=code))
    with pytest.raises(InputError, match=words) as caught:
        hub.fetch(NAME)
    assert "\n" not in str(caught.value)
    assert requests == [("HEAD", PATH)]


def test_a_connection_that_breaks(cache, served, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: None)  # huggingface_hub waits before it resumes

    def half(handler):
        if handler.command == "HEAD":
            file(handler)
        else:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(CONTENT)))
            handler.end_headers()
            handler.wfile.write(CONTENT[:5])

    served(half)
    with pytest.raises(InputError, match="cannot be downloaded"):
        hub.fetch(NAME)
    assert hub.cached(NAME) is None


def test_a_cached_file_that_was_damaged(cache):
    put(cache, content=CONTENT[:-1])
    with pytest.raises(InputError, match=rf"blobs/{DIGEST} are damaged .* delete the file"):
        models.load_model(NAME, device="cpu")
