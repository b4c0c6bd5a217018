"""The page that recordings are dropped on, over the loopback address: what it takes, and all that it must not."""

import http.client
import re
import socket
import threading
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from hacm.errors import UserError
from hacm.viewing import server as module
from hacm.viewing.server import MOST_BYTES, MOST_FILES, Server, plain_name
from tests.helpers.browser import NEEDS_BROWSER, chromium, open_page
from tests.helpers.posting import BOUNDARY, form_of

pytestmark = pytest.mark.network


class Box:
    """What the server's maker was given: the names and bytes in the folder, and where it was."""

    def __init__(self):
        self.given, self.folders = [], []

    def __call__(self, folder):
        self.folders.append(folder)
        self.given.append({path.name: path.read_bytes() for path in folder.iterdir()})
        if any(b"damaged" in data for data in self.given[-1].values()):
            raise UserError(f"{folder}/one.npy: <b>cannot</b> be read")
        return "<!doctype html><title>Recordings</title><h1>what was found</h1>"


@contextmanager
def serving(make):
    with Server(make) as found:
        thread = threading.Thread(target=found.run, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            found.stop()
            thread.join(10)


@pytest.fixture(scope="module")
def box():
    return Box()


@pytest.fixture(scope="module")
def server(box):
    with serving(box) as found:
        yield found


@pytest.fixture(autouse=True)
def emptied(box):
    box.given.clear()


def send(server, method="POST", body=None, path="/show", token=None, **headers):
    """One request as the page itself would make it, but for what is said otherwise; status, headers and text."""
    home = f"127.0.0.1:{server.port}"
    usual = {"Host": home}
    if method == "POST":
        form = f"multipart/form-data; boundary={BOUNDARY}"
        usual |= {"Origin": f"http://{home}", "Content-Type": form, "Sec-Fetch-Site": "same-origin"}
    usual |= {name.replace("_", "-"): value for name, value in headers.items()}
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    word = server.token if token is None else token
    line.putrequest(method, f"{path}?token={word}", skip_host=True)
    for name, value in usual.items():
        if value is not None:
            line.putheader(name, value)
    if body is not None and "Transfer-Encoding" not in usual and "Content-Length" not in usual:
        line.putheader("Content-Length", str(len(body)))
    line.endheaders(body)
    answer = line.getresponse()
    text = answer.read().decode()
    line.close()
    return answer.status, dict(answer.getheaders()), text


ONE = form_of(("one.npy", b"numbers"))


def test_what_is_dropped_is_shown_and_nothing_of_it_stays(server, box):
    status, _, text = send(server, body=form_of(("one.npy", b"numbers"), ("m01_s01_e01_angles.txt", b"1 2")))
    assert (status, "what was found" in text) == (200, True)
    assert box.given == [{"one.npy": b"numbers", "m01_s01_e01_angles.txt": b"1 2"}]
    assert not any(folder.exists() for folder in box.folders)


def test_large_files_arrive_whole(server, box):
    files = {f"{number}.npy": bytes([number]) * 1_500_000 for number in range(3)}
    assert send(server, body=form_of(*files.items()))[0] == 200
    assert box.given == [files]


def test_a_mistake_is_said_on_the_page_without_where_files_were(server, box):
    status, _, text = send(server, body=form_of(("one.npy", b"damaged")))
    assert status == 400
    assert "one.npy: &lt;b&gt;cannot&lt;/b&gt; be read" in text
    assert str(box.folders[-1]) not in text
    assert not box.folders[-1].exists()


def test_it_listens_on_the_loopback_address_alone(server):
    assert server._socket.getsockname()[0] == "127.0.0.1"
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in others:
        with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
            socket.create_connection((address, server.port), timeout=2).close()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{}", "localhost:{}", "127.0.0.1", "127.0.0.1:1", "", None]
)
def test_a_name_that_was_made_to_point_here_is_refused(server, box, method, host):
    """DNS rebinding: the browser believes it talks to that site, with the right token or not."""
    body, path = (ONE, "/show") if method == "POST" else (None, "/")
    origin = {} if method == "GET" or host is None else {"Origin": f"http://{host.format(server.port)}"}
    status, _, text = send(
        server, method, body, path, Host=None if host is None else host.format(server.port), **origin
    )
    assert status in (400, 403)
    assert server.token not in text
    assert box.given == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": None},
        {"Origin": "https://127.0.0.1:{}"},
        {"Origin": "http://localhost:{}"},
        {"Origin": "http://127.0.0.1:{}.evil.example"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
    ],
)
def test_no_other_site_can_post(server, box, headers):
    headers = {name: value and value.format(server.port) for name, value in headers.items()}
    assert send(server, body=ONE, **headers)[0] == 403
    assert box.given == []


@pytest.mark.parametrize("token", ["", "x", "é"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/show"), ("GET", "/anything")])
def test_without_the_token_nothing_is_told_and_nothing_taken(server, box, token, method, path):
    from urllib.parse import quote

    status, _, text = send(server, method, ONE if method == "POST" else None, path, token=quote(token))
    assert status == 403
    assert server.token not in text
    assert box.given == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_other_methods_are_refused(server, box, method):
    assert send(server, method, path="/show")[0] in (403, 405, 501)
    assert box.given == []


def test_no_other_site_is_let_read_or_frame_the_pages(server):
    for _, headers, _ in (send(server, "GET", path="/"), send(server, body=ONE), send(server, "GET", token="x")):
        assert "Access-Control-Allow-Origin" not in headers
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
        assert "connect-src" not in policy  # so none, as default-src says


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ("C:\\x.npy", "x.npy"),
        ("..", "unnamed"),
        (".bashrc", "bashrc"),
        ("...", "unnamed"),
        ("a\0b.npy", "a_b.npy"),
        ("a\nb.npy", "a_b.npy"),
        ("<img src=x>.npy", "_img src_x_.npy"),
        ("größe.npy", "gr__e.npy"),
        ("m01_s02_e01_positions.txt", "m01_s02_e01_positions.txt"),
        ("x" * 500 + ".skeleton", "x" * 111 + ".skeleton"),
    ],
)
def test_of_a_name_only_the_harmless_part_is_kept(name, kept):
    assert plain_name(name) == kept
    assert len(plain_name(name)) <= module.LONGEST_NAME


def test_no_name_leads_out_of_the_folder(server, box, tmp_path):
    status, _, _ = send(server, body=form_of((f"../..{tmp_path}/one.npy", b"1"), ("/two.npy", b"2"), ("..", b"3")))
    assert status == 200
    assert box.given == [{"one.npy": b"1", "two.npy": b"2", "unnamed": b"3"}]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ([], "no file was sent"),
        ([("a/one.npy", b"1"), ("b/one.npy", b"2")], "two files of that name"),
        ([("one.zip", b"PK")], "archives are not taken"),
        ([("one.TAR.gz", b"PK")], "archives are not taken"),
        ([("one.rar", b"PK")], "archives are not taken"),
    ],
)
def test_what_is_not_taken_is_said(server, box, files, line):
    status, _, text = send(server, body=form_of(*files))
    assert (status, line in text) == (400, True)
    assert box.given == []


def test_sizes_are_limited_before_anything_is_read(server, box):
    began = time.monotonic()
    status, _, _ = send(server, body=b"", Content_Length=str(MOST_BYTES + 1))
    assert status == 413
    assert time.monotonic() - began < 10  # nothing was waited for
    files = [(f"{number}.npy", b"1") for number in range(MOST_FILES + 1)]
    assert send(server, body=form_of(*files))[0] == 413
    assert box.given == []


def test_a_body_of_no_stated_length_is_not_read(server, box):
    assert send(server, body=ONE, Transfer_Encoding="chunked", Content_Length=None)[0] == 411
    assert box.given == []


def test_long_fields_are_not_kept_in_memory(server, box):
    long = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="x"\r\n\r\n'.encode() + b"x" * 2**20 + b"\r\n"
    assert send(server, body=long + ONE)[0] == 413
    assert box.given == []


def test_a_port_that_is_taken_is_one_line(server):
    with pytest.raises(UserError, match=rf"--port {server.port}: cannot be listened on"):
        Server(lambda folder: "", server.port)


def test_nothing_is_written_to_a_log(server, capfd):
    send(server, "GET", path="/")
    send(server, "GET", path="/", token="x")
    assert capfd.readouterr() == ("", "")


def test_every_start_has_its_own_token(server):
    with Server(lambda folder: "") as other:
        assert other.token != server.token
        assert len(other.token) >= 32
        assert urlsplit(other.address).hostname == "127.0.0.1"


@pytest.mark.browser
@NEEDS_BROWSER
def test_in_a_browser_files_are_chosen_and_another_site_gets_nothing(server, box, tmp_path):
    (tmp_path / "one.npy").write_bytes(b"numbers")
    with chromium() as browser:
        page, seen = open_page(browser, server.address)
        with page.expect_navigation():
            page.set_input_files("input[type=file]", tmp_path / "one.npy")
        assert page.inner_text("h1") == "what was found"
        assert box.given == [{"one.npy": b"numbers"}]
        assert seen.complaints == []
        assert {urlsplit(one).netloc for one in seen.requests if one.startswith("http")} == {f"127.0.0.1:{server.port}"}

        # A page of another origin that knows even the token.
        with serving(lambda folder: "") as other:
            page.goto(other.address)
            action = f"http://127.0.0.1:{server.port}/show?token={server.token}"
            evil = tmp_path / "evil.html"
            evil.write_text(
                f'<form method=post enctype="multipart/form-data" action="{action}"><input name=recordings value=x></form>'
                f"<script>fetch('{action}', {{method: 'POST', body: new FormData()}}).then(() => document.title = 'read', "
                "() => document.title = 'refused')</script>"
            )
            page.goto(evil.as_uri())
            page.wait_for_function("document.title !== ''")
            assert page.title() == "refused"
            with page.expect_navigation() as posted:
                page.evaluate("document.forms[0].submit()")
            assert posted.value.status == 403
    assert len(box.given) == 1


def test_the_page_names_its_limits(server):
    _, _, text = send(server, "GET", path="/")
    assert re.search(rf'data-most-bytes="{MOST_BYTES}" data-most-files="{MOST_FILES}"', text)
