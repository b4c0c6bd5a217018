"""A page on this machine that recordings are dropped on. Nothing leaves the machine, and nobody else reaches it.

- It listens on the loopback address alone.
- A request must name that address and port as its host: a site whose name is made to point here (DNS rebinding) names
  its own.
- It must carry a token that is in the printed address and nowhere else: other users and other sites do not know it.
- What is sent must come from this very page (Origin, and Sec-Fetch-Site where the browser says it): other sites cannot
  post here even if they knew the token.
- Sizes are limited before anything is read. Files get into an empty folder that is deleted after the answer; of what
  the browser calls them only letters, digits and a few signs of the last part are kept. Archives are not taken.
- Pages may load and send nothing but to this server (Content-Security-Policy), and are in no cache.
"""

import re
import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING

from hacm.archives.members import is_called_like_an_archive
from hacm.errors import UserError
from hacm.viewing.page import FOLDER, document, hash_of
from hacm.viewing.player import script

if TYPE_CHECKING:
    from flask import Flask, Request, Response
    from werkzeug.datastructures import FileStorage

ADDRESS = "127.0.0.1"
MOST_BYTES = 64 * 2**20
MOST_FILES = 64
MOST_FIELD_BYTES = 2**19
"""Of what is sent beside files. Werkzeug reads files through a buffer of that size too, 64 kB at a time."""
LONGEST_NAME = 120
TITLE = "Drop recordings here"
MISSING = "hacm view without recordings needs a server: pip install 'hacm-pipeline[view]'"
Make = Callable[[Path], str]


class Server:
    """Takes recordings on a page and answers with that of `make`, which is given the folder they are in.

    One recording after the other: `make` is never called twice at a time. UserError if the port is taken, or if the
    extra `view` is not installed.
    """

    def __init__(self, make: Make, port: int = 0) -> None:
        try:
            import flask  # noqa: F401
            from werkzeug.serving import make_server
        except ImportError as error:
            raise UserError(MISSING) from error
        self.token = secrets.token_urlsafe(24)
        try:
            self._socket = socket.create_server((ADDRESS, port))
        except OSError as error:
            raise UserError(f"--port {port}: cannot be listened on; say another, or none") from error
        self.port = self._socket.getsockname()[1]
        app = build_app(make, self.token, f"{ADDRESS}:{self.port}")
        self._server = make_server(
            ADDRESS, self.port, app, threaded=True, request_handler=_handler(), fd=self._socket.fileno()
        )

    @property
    def address(self) -> str:
        """Where the page is, with the token."""
        return f"http://{ADDRESS}:{self.port}/?token={self.token}"

    def run(self) -> None:
        """Serve until Ctrl-C, or until `stop` is called from another thread."""
        with suppress(KeyboardInterrupt):
            self._server.serve_forever()

    def stop(self) -> None:
        """End `run`."""
        self._server.shutdown()

    def __enter__(self) -> "Server":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.server_close()
        self._socket.close()


def build_app(make: Make, token: str, host: str) -> "Flask":
    """The application. host: the one address and port that requests may name."""
    from flask import Flask, abort, request

    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    app.config["MAX_FORM_PARTS"] = MOST_FILES
    app.config["MAX_FORM_MEMORY_SIZE"] = MOST_FIELD_BYTES
    turn = threading.Lock()

    @app.before_request
    def refuse_strangers() -> None:
        if not is_ours(request, token, host):
            abort(403)
        if request.method == "POST" and request.content_length is None:
            abort(411)  # so that what is too large is known before any of it is read

    @app.after_request
    def close_windows(response: "Response") -> "Response":
        response.headers.update(HEADERS | {"Content-Security-Policy": policy()})
        return response

    @app.get("/")
    def ask() -> str:
        return ask_html(token)

    @app.post("/show")
    def show() -> tuple[str, int]:
        files = request.files.getlist("recordings")  # read to the end before anybody else has to wait
        with turn, TemporaryDirectory(prefix="hacm-view-") as name:
            try:
                keep(files, Path(name))
                return make(Path(name)), 200
            except UserError as error:
                return ask_html(token, wrong=str(error).replace(f"{name}/", "").replace(name, "what was sent")), 400

    @app.errorhandler(413)
    def too_large(_: Exception) -> tuple[str, int]:
        return ask_html(token, wrong=f"at most {MOST_FILES} files of {MOST_BYTES >> 20} MB together are taken"), 413

    return app


HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def policy() -> str:
    """What its pages may do: run the two scripts they come with, and send the form here."""
    scripts = f"{hash_of(script())} {hash_of(drop_script())}"
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def is_ours(request: "Request", token: str, host: str) -> bool:
    """Whether a request comes from who was told the address, and what is sent from the page itself."""
    said = request.args.get("token", "")
    if request.headers.get("Host") != host or not secrets.compare_digest(said.encode(), token.encode()):
        return False
    if request.method in ("GET", "HEAD"):
        return True
    same_site = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    return request.method == "POST" and request.headers.get("Origin") == f"http://{host}" and same_site


def keep(files: Sequence["FileStorage"], folder: Path) -> None:
    """Save what was sent in this folder; UserError for none, too many, archives, and two of one name."""
    named = [file for file in files if file.filename]
    if not named:
        raise UserError("no file was sent")
    if len(named) > MOST_FILES:
        raise UserError(f"{len(named)} files were sent, and at most {MOST_FILES} are taken")
    for file in named:
        path = folder / plain_name(file.filename or "")
        if is_called_like_an_archive(path.name):
            raise UserError(f"{path.name}: archives are not taken here; unpack it, or name it on the command line")
        if path.exists():
            raise UserError(f"{path.name}: two files of that name were sent")
        with open(path, "xb") as target:
            file.save(target)


def plain_name(name: str) -> str:
    """The last part of what a browser calls a file, of letters, digits, `_`, `-`, `.` and spaces, not hidden.

    Formats are known by names, so that much of it is needed.
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    plain = re.sub(r"[^A-Za-z0-9_. -]", "_", last).lstrip(". ")
    return plain[-LONGEST_NAME:].lstrip(". ") or "unnamed"


def drop_script() -> str:
    """The code of the page that asks."""
    return (FOLDER / "drop.js").read_text(encoding="utf-8")


def ask_html(token: str, wrong: str = "") -> str:
    """The page that recordings are dropped on. wrong: why those that were sent before are not shown."""
    said = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    form = (
        f'<form method="post" action="/show?token={escape(token, quote=True)}" enctype="multipart/form-data" '
        f'data-most-bytes="{MOST_BYTES}" data-most-files="{MOST_FILES}">'
        '<label class="drop">Drop files here, or choose them<br>'
        '<input type="file" name="recordings" multiple required></label>'
        '<p role="status"></p><noscript><button>Show</button></noscript></form>'
    )
    hint = (
        '<p class="hint">Files that belong together, such as UI-PRMD\'s positions and angles, at a time. '
        "Nothing leaves this machine.</p>"
    )
    return document(TITLE, said, form, hint, scripts=(drop_script(),))


def _handler() -> type:
    """The server's handler of requests, which writes no log: addresses hold the token."""
    from werkzeug.serving import WSGIRequestHandler

    class Quiet(WSGIRequestHandler):
        timeout = 60

        def log(self, type: str, message: str, *args: object) -> None:
            return

    return Quiet
