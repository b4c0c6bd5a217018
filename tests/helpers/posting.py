"""Files posted to the page of `hacm view`, as a browser does it."""

import http.client
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

BOUNDARY = "-----------------------------7d1"


def form_of(*files: tuple[str, bytes]) -> bytes:
    """The body of a form with these files."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="recordings"; filename="{name}"\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for name, data in files
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def post_files(address: str, paths: Sequence[Path]) -> tuple[int, str]:
    """Post files to the server whose page is at this address; the status and the page that comes back."""
    place = urlsplit(address)
    line = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
    headers = {
        "Origin": f"http://{place.netloc}",
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Sec-Fetch-Site": "same-origin",
    }
    line.request("POST", f"/show?{place.query}", form_of(*((path.name, path.read_bytes()) for path in paths)), headers)
    answer = line.getresponse()
    text = answer.read().decode()
    line.close()
    return answer.status, text
