"""Transfers against a loopback server that drops, truncates, ignores ranges and refuses."""

import http.server
import threading

import pytest

from pipeline.errors import UserError
from pipeline.transfer import ATTEMPTS, fetch

CONTENT = bytes(range(256)) * 8000


class Server(http.server.BaseHTTPRequestHandler):
    behaviour = "good"
    requests: list[str | None] = []  # noqa: RUF012

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        type(self).requests.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.behaviour != "no ranges" else 0
        if self.behaviour == "absent":
            self.send_error(404)
            return
        if self.behaviour == "busy once" and len(self.requests) == 1:
            self.send_error(503)
            return
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        drops = self.behaviour == "always drops" or (
            self.behaviour in ("drops", "no ranges") and len(self.requests) < 3
        )
        self.wfile.write(body[: len(body) // 2] if drops else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def start(behaviour: str) -> str:
        Server.behaviour, Server.requests = behaviour, []
        return f"http://127.0.0.1:{server.server_port}/file.zip"

    yield start
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("behaviour", ["good", "drops", "no ranges", "busy once"])
def test_arrives_whole_whatever_happens_on_the_way(tmp_path, serve, behaviour):
    seen = []
    fetch(
        serve(behaviour),
        tmp_path / "file.zip",
        progress=lambda have, total: seen.append((have, total)),
        pause_seconds=0,
    )
    assert (tmp_path / "file.zip").read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in tmp_path.iterdir()] == ["file.zip"]


def test_resumes_where_it_stopped(tmp_path, serve):
    fetch(serve("drops"), tmp_path / "file.zip", pause_seconds=0)
    assert Server.requests == [None, f"bytes={len(CONTENT) // 2}-", f"bytes={len(CONTENT) * 3 // 4}-"]


def test_gives_up_with_one_line_and_keeps_what_came(tmp_path, serve):
    address = serve("always drops")
    with pytest.raises(UserError, match="cannot be downloaded") as caught:
        fetch(address, tmp_path / "file.zip", pause_seconds=0)
    assert address in str(caught.value)
    assert len(Server.requests) == ATTEMPTS
    assert [path.name for path in tmp_path.iterdir()] == ["file.zip.part"]
    Server.behaviour = "good"
    fetch(address, tmp_path / "file.zip", pause_seconds=0)
    assert (tmp_path / "file.zip").read_bytes() == CONTENT
    assert Server.requests[-1].startswith("bytes=")


def test_absent_file_is_not_asked_for_again(tmp_path, serve):
    with pytest.raises(UserError, match="HTTP 404"):
        fetch(serve("absent"), tmp_path / "file.zip", pause_seconds=0)
    assert len(Server.requests) == 1


def test_a_stale_part_longer_than_the_file_is_thrown_away(tmp_path, serve):
    (tmp_path / "file.zip.part").write_bytes(b"x" * (len(CONTENT) + 5))
    fetch(serve("no ranges"), tmp_path / "file.zip", pause_seconds=0)
    assert (tmp_path / "file.zip").read_bytes() == CONTENT


def test_local_paths_and_file_addresses(tmp_path):
    source = tmp_path / "a source.zip"
    source.write_bytes(CONTENT)
    fetch(str(source), tmp_path / "one")
    fetch(source.as_uri(), tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == CONTENT


def test_nobody_listens(tmp_path):
    with pytest.raises(UserError, match="cannot be downloaded"):
        fetch("http://127.0.0.1:9/file.zip", tmp_path / "file.zip", pause_seconds=0)
