"""Where the book is kept: every form of a remote's address, and who overrides whom."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import nbformat
import pytest

from analysis.building.book import Book, commit
from analysis.building.graph import build_book
from analysis.publishing.forge import (
    VARIABLES,
    Home,
    find_home,
    git,
    pages_address,
    repository_address,
)
from tests.conftest import ROOT

GITHUB = "https://github.com/owner/some.name"
GITLAB = "https://gitlab.com/group/part/name"


@pytest.fixture(autouse=True)
def no_forge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that a workflow's runner sets."""
    for name in (*VARIABLES.values(), "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)


def command(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@b.example"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    root = tmp_path / "clone"
    root.mkdir()
    command(root, "init", "--initial-branch=main")
    command(root, "remote", "add", "origin", "git@github.com:owner/some.name.git")
    return root


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/owner/some.name",
        "https://github.com/owner/some.name.git",
        "https://github.com/owner/some.name/",
        "https://github.com:443/owner/some.name.git/",
        "https://www.github.com/owner/some.name",
        "http://github.com/owner/some.name.git",
        "https://GitHub.com/owner/some.name.git\n",
        "https://user@github.com/owner/some.name.git",
        "https://user:secret@github.com/owner/some.name.git",
        "https://x-access-token:ghs_a%40b@github.com/owner/some.name",
        "https://me@mail.example:secret@github.com/owner/some.name",
        "git://github.com/owner/some.name.git",
        "ssh://git@github.com/owner/some.name.git",
        "ssh://git@github.com:22/owner/some.name",
        "ssh://git@ssh.github.com:443/owner/some.name.git",
        "git+ssh://git@github.com/owner/some.name.git",
        "git@github.com:owner/some.name.git",
        "git@github.com:/owner/some.name.git",
        "git@github.com:owner/some.name",
        "github.com:owner/some.name.git",
    ],
)
def test_every_form_of_a_github_address_gives_its_page(remote: str) -> None:
    assert repository_address(remote) == GITHUB


@pytest.mark.parametrize(
    "remote",
    [
        "https://gitlab.com/group/part/name.git",
        "https://oauth2:glpat-secret@gitlab.com/group/part/name.git",
        "ssh://git@gitlab.com/group/part/name.git",
        "ssh://git@altssh.gitlab.com:443/group/part/name.git",
        "git@gitlab.com:group/part/name.git",
    ],
)
def test_groups_of_gitlab_nest(remote: str) -> None:
    assert repository_address(remote) == GITLAB
    own = remote.replace("altssh.", "").replace("gitlab.com", "gitlab.institute.example")
    assert repository_address(own) == GITLAB.replace("gitlab.com", "gitlab.institute.example")


@pytest.mark.parametrize(
    "remote",
    [
        "",
        "/srv/git/name.git",
        "../name",
        "file:///srv/git/name.git",
        "C:\\books\\name",
        "C:/books/name",
        "https://git.example/owner/name",  # whose pages we do not know
        "git@work:owner/name.git",  # a name that only this machine's ssh knows
        "https://github.com/owner",
        "https://github.com/owner/part/name",
        "https://github.com.evil.example/owner/name",
        "https://evil.example/github.com/owner/name",
        "https://github.com/owner/name?x=1",
        'https://github.com/owner/"><script>',
    ],
)
def test_what_is_on_no_known_forge_gives_nothing(remote: str) -> None:
    assert repository_address(remote) == ""


def test_no_password_gets_into_an_address() -> None:
    for scheme in ("https", "ssh"):
        for host in ("github.com", "gitlab.com"):
            assert "secret" not in repository_address(f"{scheme}://u:secret@{host}/o/n.git")


def test_only_github_pages_are_derived() -> None:
    assert pages_address(GITHUB) == "https://owner.github.io/some.name/"
    assert pages_address("https://github.com/Owner/owner.github.io") == "https://owner.github.io/"
    assert pages_address(GITLAB) == pages_address("") == ""  # nothing here publishes there


def test_a_clone_tells_repository_branch_and_address(clone: Path) -> None:
    home = Home(GITHUB, "main", "https://owner.github.io/some.name/")
    assert find_home(clone, {}) == home
    command(clone, "remote", "set-url", "origin", "/srv/git/name.git")
    assert find_home(clone, {}) == Home()
    command(clone, "remote", "remove", "origin")
    assert find_home(clone, {}) == Home()


def test_the_branch_is_the_one_that_origin_has(clone: Path) -> None:
    command(clone, "commit", "--allow-empty", "-m", "x")
    command(clone, "update-ref", "refs/remotes/origin/trunk", "HEAD")
    assert find_home(clone, {}).branch == "main"  # nothing says what origin has
    command(clone, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    assert find_home(clone, {}).branch == "trunk"  # its default branch
    command(clone, "update-ref", "refs/remotes/origin/topic/one", "HEAD")
    command(clone, "branch", "--set-upstream-to=origin/topic/one")
    assert find_home(clone, {}).branch == "topic/one"  # the one that is followed
    command(clone, "checkout", "--detach")
    assert find_home(clone, {}).branch == "trunk"


def test_settings_win_over_git_and_the_environment_over_both(clone: Path) -> None:
    configured = {"repository": GITLAB + "/", "branch": "b", "address": "https://book.example"}
    assert find_home(clone, configured) == Home(GITLAB, "b", "https://book.example/")
    given = {
        "ANALYSIS_REPOSITORY": "https://u:secret@github.com/x/y.git",
        "ANALYSIS_BRANCH": "c",
        "ANALYSIS_ADDRESS": "https://other.example/",
    }
    home = find_home(clone, configured, given)
    assert home == Home("https://github.com/x/y", "c", "https://other.example/")
    other = find_home(clone, {}, {"ANALYSIS_REPOSITORY": "https://git.example/x/y/"})
    assert other == Home("https://git.example/x/y", "main", "")  # taken as it is


def test_the_repository_that_runs_the_workflow_publishes(clone: Path, tmp_path: Path) -> None:
    running = {"GITHUB_REPOSITORY": "fork/name"}
    home = find_home(clone, {}, running)
    assert (home.repository, home.address) == (GITHUB, "https://fork.github.io/name/")
    unpacked = find_home(tmp_path, {}, running)  # no git here
    assert unpacked.repository == "https://github.com/fork/name"
    assert unpacked.address == "https://fork.github.io/name/"


def test_an_unpacked_archive_does_not_take_the_commit_of_another_checkout(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of the one in which it lies, nor of the one whose hook or rebase runs the build."""
    command(clone, "commit", "--allow-empty", "-m", "of the other")
    odd = clone / "a:b"  # git takes a colon in a list of folders for the end of one
    for archive in (clone / "archive", odd / "archive", tmp_path / "elsewhere"):
        archive.mkdir(parents=True)
        assert commit(archive) == "unknown"
        monkeypatch.setenv("GIT_DIR", str(clone / ".git"))
        monkeypatch.setenv("GIT_WORK_TREE", str(clone))
        assert commit(archive) == "unknown"
        monkeypatch.undo()
        command(archive, "init")
        assert commit(archive) == "unknown", "it has a repository, but no commit"
        command(archive, "commit", "--allow-empty", "-m", "its own")
        own = git(archive, "log", "-1", "--format=%s")
        assert own == "its own\n"
        assert commit(archive) == git(archive, "rev-parse", "--short=12", "HEAD").strip()
        assert commit(archive) != commit(clone)


def test_a_book_within_another_checkout_is_no_part_of_it(clone: Path) -> None:
    (clone / "book").mkdir()
    assert git(clone, "remote") == "origin\n"
    assert git(clone / "book", "remote") == ""


@pytest.mark.slow
def test_a_clone_from_a_forge_links_to_it_without_configuration(tiny: Book) -> None:
    """A site as a fork would build it; a new origin renders it again, and executes nothing."""
    command(tiny.root, "init", "--initial-branch=main")
    command(tiny.root, "remote", "add", "origin", "https://u:secret@github.com/Owner/name.git")
    command(tiny.root, "add", "book", "_config.yml", "_toc.yml")
    command(tiny.root, "commit", "-m", "x")
    statics = ROOT / "book" / "_static" / "explorers"
    (tiny.root / "book" / "_static" / "explorers").mkdir()
    for path in statics.iterdir():
        (tiny.root / "book" / "_static" / "explorers" / path.name).write_bytes(path.read_bytes())
    assert sorted(build_book(tiny, "edition", jobs=2)) == ["one", "two"]
    site = tiny.build / "html"
    page = (site / "book" / "one.html").read_text("utf-8")
    base = "https://owner.github.io/name/"
    assert f'<link rel="canonical" href="{base}book/one.html"' in page
    assert f'<meta property="og:url" content="{base}book/one.html"/>' in page
    assert f'<meta property="og:image" content="{base}figures/fig-one-line.png"/>' in page
    (linked,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.S)
    article = json.loads(linked)
    assert article["url"] == f"{base}book/one.html"
    copies = [copy["contentUrl"] for copy in article["hasPart"][0]["distribution"]]
    assert f"{base}figures/fig-one-line.csv" in copies
    assert 'href="https://github.com/Owner/name/commits/main/book/one.md">history</a>' in page
    links = re.findall(r'href="([^"]+)"', page)
    binder = "https://mybinder.org/v2/gh/Owner/name/main?urlpath=lab/tree/book/one.md"
    colab = "https://colab.research.google.com/github/Owner/name/blob/gh-pages/"
    assert links.count(binder) == 2  # in the header and at the page's end
    assert links.count(f"{colab}_sources/book/one.ipynb") == 2
    published = nbformat.read(site / "_sources" / "book" / "one.ipynb", as_version=4)
    assert any(cell.get("execution_count") for cell in published.cells)
    assert (tiny.root / "book" / "one.md").exists()
    assert base in (site / "figures" / "fig-one-line.bib").read_text("utf-8")
    assert "secret" not in page

    command(tiny.root, "remote", "set-url", "origin", "git@gitlab.com:group/part/name.git")
    assert build_book(tiny, "edition", jobs=2) == []
    page = (site / "book" / "one.html").read_text("utf-8")
    assert "https://gitlab.com/group/part/name/-/commits/main/book/one.md" in page
    assert "https://mybinder.org/v2/gl/group%2Fpart%2Fname/main?" in page
    assert "colab.research" not in page and 'rel="canonical"' not in page
