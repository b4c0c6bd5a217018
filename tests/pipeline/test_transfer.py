"""Transfers against a loopback server that drops, truncates, stalls, lies about sizes, ignores ranges and refuses."""

import http.server
import threading
from pathlib import Path

import pytest

from hacm.errors import UserError
from pipeline.ingest import fetching
from pipeline.ingest.fetching import ATTEMPTS, fetch

CONTENT = bytes(range(256)) * 8000
OTHER = CONTENT[::-1] + b"and more"
HALF = len(CONTENT) // 2


class Server(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT, in ways that `behaviour` names. The first request is number 1."""

    behaviour = "good"
    requests: list[str | None] = []  # noqa: RUF012
    release = threading.Event()  # lets go of those who stall

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        type(self).requests.append(wanted)
        number = len(self.requests)
        content = OTHER if self.behaviour == "another file from now on" and number > 1 else CONTENT
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and "no ranges" not in self.behaviour else 0
        if self.behaviour == "absent":
            self.send_error(404)
        elif self.behaviour == "busy once" and number == 1:
            self.send_error(503)
        elif self.behaviour == "closes before it answers" and number < 3:
            self.close_connection = True
        elif self.behaviour == "stalls before it answers" and number < 3:
            self.release.wait(20)
        elif self.behaviour == "nonsense" and number < 3:
            self.wfile.write(b"\0\1\2 nonsense\r\n\r\n")
        elif start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.end_headers()
        else:
            self.answer(number, start, content)

    def answer(self, number: int, start: int, content: bytes) -> None:
        body = content[start:]
        shift = 10 if self.behaviour == "another part" and number == 2 else 0
        self.send_response(206 if start else 200)
        if start and not (self.behaviour == "part unsaid" and number == 2):
            self.send_header("Content-Range", f"bytes {start + shift}-{len(content) - 1}/{len(content)}")
        if self.behaviour != "no length":
            self.send_header("Content-Length", LENGTHS.get(self.behaviour, str)(len(body)))
        self.end_headers()
        if (self.behaviour in ("drops", "no ranges, drops") and number < 3) or self.behaviour == "always drops":
            self.wfile.write(body[: len(body) // 2])
        elif self.behaviour in ("another part", "part unsaid", "another file from now on") and number == 1:
            self.wfile.write(body[:HALF])
        elif self.behaviour == "stalls after a byte" and number < 3:
            self.wfile.write(body[:1])
            self.wfile.flush()
            self.release.wait(20)
        else:
            self.wfile.write(body)
            if self.behaviour == "longer than said":
                self.wfile.write(b"more")

    def log_message(self, *_: object) -> None:
        pass


LENGTHS = {
    "says too much": lambda size: str(size + 5),
    "says too much, no ranges": lambda size: str(size + 5),
    "says too little": lambda size: str(size - 5),
    "says nonsense": lambda size: "²",
}


@pytest.fixture
def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.handle_error = lambda *_: None  # those who hang up on purpose
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def start(behaviour: str) -> str:
        Server.behaviour, Server.requests, Server.release = behaviour, [], threading.Event()
        return f"http://127.0.0.1:{server.server_port}/file.zip"

    yield start
    Server.release.set()
    server.shutdown()
    server.server_close()


def bring(address: str, target: Path) -> bytes:
    fetch(address, target, pause_seconds=0, timeout_seconds=0.3)
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    return target.read_bytes()


@pytest.mark.parametrize("behaviour", ["good", "drops", "no ranges, drops", "busy once"])
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
    fetch(serve("good"), tmp_path / "file.zip", pause_seconds=0)
    assert (tmp_path / "file.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("behaviour", ["closes before it answers", "nonsense", "stalls before it answers"])
def test_a_server_that_does_not_answer_is_asked_again(tmp_path, serve, behaviour):
    assert bring(serve(behaviour), tmp_path / "file.zip") == CONTENT
    assert Server.requests == [None] * 3


def test_a_server_that_stalls_in_the_middle_is_left_and_what_came_is_kept(tmp_path, serve):
    assert bring(serve("stalls after a byte"), tmp_path / "file.zip") == CONTENT
    assert Server.requests == [None, "bytes=1-", "bytes=2-"]


def test_a_server_that_always_stalls_ends_with_one_line(tmp_path, serve, monkeypatch):
    monkeypatch.setattr(fetching, "ATTEMPTS", 2)
    address = serve("stalls after a byte")
    with pytest.raises(UserError, match="timed out") as caught:
        bring(address, tmp_path / "file.zip")
    assert address in str(caught.value)


@pytest.mark.parametrize("behaviour", ["another part", "part unsaid"])
def test_a_part_that_was_not_asked_for_is_not_put_into_the_file(tmp_path, serve, behaviour):
    assert bring(serve(behaviour), tmp_path / "file.zip") == CONTENT
    assert Server.requests == [None, f"bytes={HALF}-", None]


def test_a_file_that_changes_between_attempts_is_begun_anew(tmp_path, serve):
    assert bring(serve("another file from now on"), tmp_path / "file.zip") == OTHER
    assert Server.requests == [None, f"bytes={HALF}-", None]


def test_a_length_that_is_too_large_is_settled_by_asking_for_the_rest(tmp_path, serve):
    assert bring(serve("says too much"), tmp_path / "file.zip") == CONTENT
    assert Server.requests == [None, f"bytes={len(CONTENT)}-"]


def test_a_length_that_never_comes_is_an_error(tmp_path, serve):
    size = len(CONTENT)
    with pytest.raises(UserError, match=f"{size} of {size + 5} bytes came"):
        bring(serve("says too much, no ranges"), tmp_path / "file.zip")
    assert not (tmp_path / "file.zip").exists()


def test_no_more_is_read_than_was_announced(tmp_path, serve):
    """What such a file then holds is the archive's checksums to find."""
    assert bring(serve("says too little"), tmp_path / "file.zip") == CONTENT[:-5]
    assert bring(serve("longer than said"), tmp_path / "file.zip") == CONTENT


@pytest.mark.parametrize("behaviour", ["no length", "says nonsense"])
def test_without_a_length_the_end_is_where_the_server_ends(tmp_path, serve, behaviour):
    assert bring(serve(behaviour), tmp_path / "file.zip") == CONTENT


@pytest.mark.parametrize("address", ["http://127.0.0.1:port/file.zip", "http://a b/c", "http://[::1/file.zip"])
def test_an_address_that_is_none_is_not_tried_again(tmp_path, address):
    with pytest.raises(UserError, match="cannot be downloaded"):
        fetch(address, tmp_path / "file.zip", pause_seconds=100)


def test_a_local_file_that_is_absent(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.zip"):
        fetch(str(tmp_path / "nothing.zip"), tmp_path / "file.zip")


def test_local_paths_and_file_addresses(tmp_path):
    source = tmp_path / "a source.zip"
    source.write_bytes(CONTENT)
    fetch(str(source), tmp_path / "one")
    fetch(source.as_uri(), tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == CONTENT


def test_nobody_listens(tmp_path):
    with pytest.raises(UserError, match="cannot be downloaded"):
        fetch("http://127.0.0.1:9/file.zip", tmp_path / "file.zip", pause_seconds=0)
