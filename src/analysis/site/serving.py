"""Serves the built site on this machine only, under a content-security policy.

The policy lets a page run the site's own script files and the inline scripts that the theme wrote;
a script inside a page's article, where chapters write, never runs.
"""

from __future__ import annotations

import base64
import hashlib
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_POLICY = {
    "default-src": "'none'",
    "style-src": "'self' 'unsafe-inline'",  # MathJax computes styles in the page
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "media-src": "'self'",
    "connect-src": "'self'",
    "worker-src": "'self' blob:",
    "frame-src": "'self'",
    "frame-ancestors": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
}


class _Scripts(HTMLParser):
    """Collects the inline scripts and event handlers outside of a page's article."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, None] = {}
        self.articles = 0
        self.inside: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note handlers, and where a script starts."""
        self.articles += tag == "article"
        if self.articles:
            return
        self.found |= dict.fromkeys(value for name, value in attrs if name[:2] == "on" and value)
        if tag == "script" and "src" not in dict(attrs):
            self.inside = []

    def handle_data(self, data: str) -> None:
        """Take a script's text."""
        if self.inside is not None:
            self.inside.append(data)

    def handle_endtag(self, tag: str) -> None:
        """Note the end of an article or of a script."""
        if tag == "article" and self.articles:
            self.articles -= 1
        if tag == "script" and self.inside is not None:
            self.found["".join(self.inside)] = None
            self.inside = None


def policy(page: str) -> str:
    """Content-security policy of a page's HTML.

    Inline scripts and event handlers outside of the article are allowed by their hashes; nothing
    may be evaluated from text.

    Examples
    --------
    >>> "unsafe-eval" in policy("<script>f()</script>")
    False
    """
    scripts = _Scripts()
    scripts.feed(page)
    hashes = [hashlib.sha256(text.encode()).digest() for text in scripts.found]
    allowed = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes]
    own = " ".join(["'self'", *allowed, *(["'unsafe-hashes'"] if allowed else [])])
    rules = {"script-src": own} | _POLICY
    return "; ".join(f"{name} {value}" for name, value in rules.items())


class _Handler(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        html = path.suffix == ".html" and path.is_file()
        page = path.read_text("utf-8", errors="replace") if html else ""
        self.send_header("Content-Security-Policy", policy(page))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        super().end_headers()


class _QuietHandler(_Handler):
    def log_message(self, format: str, *arguments: object) -> None:
        del format, arguments


def server(folder: Path, port: int, quiet: bool = False) -> ThreadingHTTPServer:
    """Server of a folder, not yet serving, on 127.0.0.1 and no other address; port 0 is any."""
    handler = partial(_QuietHandler if quiet else _Handler, directory=str(folder))
    return ThreadingHTTPServer(("127.0.0.1", port), handler)
