"""The site is served on this machine only, and runs no script but its own."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from analysis.site.serving import policy, server

PAGE = """<!DOCTYPE html><html lang="en"><head><title>x</title>
<script>document.documentElement.dataset.theme = "light"</script></head>
<body><button onclick="window.print()">print</button>
<article><p onclick="steal()">text</p><script>evil()</script></article>
<script>var after = 1</script></body></html>"""


def hashed(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "index.html").write_text(PAGE, "utf-8")
    (tmp_path / "data.csv").write_text("x\n1\n")
    (tmp_path.parent / "secret.txt").write_text("outside")
    with server(tmp_path, 0, quiet=True) as site:
        assert site.server_address[0] == "127.0.0.1"
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{site.server_port}"
        site.shutdown()


def test_scripts_of_the_theme_are_allowed_and_those_of_an_article_are_not() -> None:
    found = policy(PAGE)
    for script in ('document.documentElement.dataset.theme = "light"', "var after = 1"):
        assert hashed(script) in found
    assert hashed("window.print()") in found
    assert hashed("evil()") not in found and hashed("steal()") not in found
    scripts = found.partition(";")[0]
    assert "unsafe-eval" not in found and "unsafe-inline" not in scripts
    assert "default-src 'none'" in found


@pytest.mark.parametrize("path", ["", "index.html", "data.csv"])
def test_every_answer_carries_the_policy(address: str, path: str) -> None:
    with urlopen(f"{address}/{path}") as answer:
        rules = answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in rules
    assert (hashed("var after = 1") in rules) == (path != "data.csv")


@pytest.mark.parametrize("path", ["../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt"])
def test_nothing_outside_of_the_site_is_served(address: str, path: str) -> None:
    with pytest.raises(HTTPError, match="404"):
        urlopen(f"{address}/{path}")
