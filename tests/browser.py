"""What the tests in a real browser share."""

import functools
import gzip
import http.server
import io
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from common import BASE_PATH, ROOT, read

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
SCREENSHOTS = ROOT / "screenshots"  # not in git; CI keeps them where a test fails

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium; on Debian: apt-get install chromium fonts-noto-cjk"
)


def launch(playwright):
    """Start Chromium, headless and without a word to its maker's hosts."""
    return playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    )


def note_errors(page, own):
    """Note what goes wrong on a page: requests not to the addresses `own`, and errors."""
    page.foreign, page.errors = [], []
    page.on("request", lambda r: r.url.startswith(own) or page.foreign.append(r.url))
    page.on("websocket", lambda w: w.url.startswith(own) or page.foreign.append(w.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda m: m.type == "error" and page.errors.append(m.text))


def wait_until(condition, seconds, what, every=0.2):
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(every)
    return result


@functools.cache
def compressed(path):
    return gzip.compress(path.read_bytes())


class Pages(http.server.SimpleHTTPRequestHandler):
    """Serves as GitHub Pages does: below BASE_PATH, compressed, with 404.html for what is missing.

    Pages share a context; so that each loads all that it needs, only MathJax may be cached.
    """

    def send_head(self):
        path = Path(self.translate_path(self.path.partition("?")[0]))
        path = path / "index.html" if path.is_dir() else path
        found = path.is_file()
        path = path if found else Path(self.directory) / "404.html"
        kind = self.guess_type(path)
        text = kind.startswith(("text/", "image/svg")) or "javascript" in kind
        body = compressed(path) if text else path.read_bytes()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", kind)
        if text:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Cache-Control", "max-age=600" if "/mathjax/" in self.path else "no-store")
        self.send_header("Content-Length", len(body))
        self.end_headers()
        return io.BytesIO(body)

    def translate_path(self, path):
        inside = path.startswith(BASE_PATH + "/")
        return super().translate_path(path.removeprefix(BASE_PATH) if inside else "/nowhere")

    def log_message(self, *arguments):
        pass


class Lab:
    """A JupyterLab as `nox -s lab` starts it for the Chinese chapter, on a copy of the course.

    The chapter lies there in both languages, without its outputs: what is seen has been run. A
    test may write notebooks of its own into `folder`, and opens them by their `address`.
    """

    def __init__(self, folder):
        self.folder = folder
        for name in ("utils.py", "course", "img", "tools"):
            path = ROOT / name
            (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / name)
        for language in ("zh", "en"):
            path = f"notebooks/{language}/momentum-scratch.ipynb"
            notebook = read(ROOT / path)
            for cell in notebook.cells:
                if cell.cell_type == "code":
                    cell.outputs, cell.execution_count = [], None
            (folder / path).parent.mkdir(parents=True)
            nbformat.write(notebook, folder / path)

    def __enter__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.host, self.token = f"127.0.0.1:{port}", secrets.token_hex()
        kinds = [f"JUPYTER_{kind}_DIR" for kind in ("CONFIG", "DATA", "RUNTIME")]
        kinds += [f"JUPYTERLAB_{kind}_DIR" for kind in ("SETTINGS", "WORKSPACES")]
        command = [sys.executable, "tools/lab.py", "notebooks/zh/momentum-scratch.ipynb"]
        command += ["--no-browser", "--ip=127.0.0.1", f"--port={port}"]
        command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={self.token}"]
        self.log = self.folder / "lab.log"
        with self.log.open("w") as log:
            self.server = subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | {kind: str(self.folder / kind) for kind in kinds},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(self._answers, 120, "JupyterLab answers")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.server.terminate()
        try:
            self.server.wait(60)  # it ends its kernels first
        except subprocess.TimeoutExpired:
            self.server.kill()

    def _answers(self):
        assert self.server.poll() is None, self.log.read_text()
        try:
            return urllib.request.urlopen(f"http://{self.host}/api", timeout=60).status == 200
        except OSError:
            return False

    @property
    def own(self):
        """Give what the addresses of a page of JupyterLab may begin with."""
        return (f"http://{self.host}", f"ws://{self.host}")

    def address(self, path):
        """Give the address of a notebook, in a workspace of its own: no tabs of other tests."""
        name = re.sub(r"\W", "-", path)
        return f"http://{self.host}/lab/workspaces/{name}/tree/{path}?token={self.token}"
