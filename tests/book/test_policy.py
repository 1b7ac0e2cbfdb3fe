"""What a page's article smuggles in does not run, whatever it is."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from analysis.site.serving import server

pytestmark = pytest.mark.browser

_ARTICLE = """<article><script>window.ran = "script"</script>
<img src="missing.png" onerror="window.ran = 'handler'" alt="x">
<a id="link" href="javascript:window.ran = 'address'">x</a></article>"""
_THEME = "<script>window.theme = 1; try { eval('window.ran = 1') } catch (e) {}</script>"


def test_only_the_theme_runs_scripts(browser: Browser, tmp_path: Path) -> None:
    page_text = f"<!DOCTYPE html><title>x</title>{_THEME}{_ARTICLE}"
    (tmp_path / "index.html").write_text(page_text, "utf-8")
    with server(tmp_path, 0, quiet=True) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{site.server_port}/", wait_until="load")
        page.click("#link")
        page.wait_for_timeout(200)
        assert page.evaluate("[window.theme, window.ran]") == [1, None]
        page.close()
        site.shutdown()
