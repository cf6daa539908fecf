"""`NwbResults` reads a file at a web address, and downloads only what is used."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from caiman_interface import CaimanResults, NwbResults


@contextmanager
def serve(file: Path, requests: list[tuple[int, int]]) -> Iterator[str]:
    """Serve a file in ranges of bytes, as an archive does, and record which ranges are requested."""
    content = file.read_bytes()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if self.path != f"/{file.name}":
                self.send_error(404)
                return
            if found is None:  # only the size is of interest: the answer is not read
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.close_connection = True
                return
            start, stop = int(found[1]), min(int(found[2]) + 1, len(content))
            requests.append((start, stop))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
            self.send_header("Content-Length", str(stop - start))
            self.end_headers()
            self.wfile.write(content[start:stop])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{file.name}"
        server.shutdown()


def test_only_what_is_used_is_downloaded(
    caiman_files: dict[str, Path], converted: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    file, ranges = converted("sim2p_full"), []
    with (
        serve(file, ranges) as address,
        NwbResults.open(address) as remote,
        CaimanResults.open(caiman_files["sim2p_full"]) as results,
    ):
        components = results.components
        np.testing.assert_array_equal(remote.components.metrics["snr"], components.metrics["snr"])
        assert remote.parameters["data"]["fr"] == 15.49
        assert sum(stop - start for start, stop in ranges) < file.stat().st_size
        np.testing.assert_array_equal(remote.components.traces["raw"][:, 3], components.traces["raw"][:, 3])
        np.testing.assert_array_equal(
            remote.components.footprints.matrix.toarray(), components.footprints.matrix.toarray()
        )


def test_a_missing_address_is_an_error(converted: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve(converted("sim2p_full"), []) as address, pytest.raises(OSError, match="404"):
        NwbResults.open(f"{address}.other")
