"""Where the book is kept and where it is published: read from the checkout itself.

A clone or a fork has its own address. It is the address of git's remote ``origin``, so nobody needs
to type it; ``_config.yml`` and the environment can say otherwise.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: Environment variables that override what ``_config.yml`` and git say, by field of `Home`.
VARIABLES = {
    "repository": "ANALYSIS_REPOSITORY",
    "branch": "ANALYSIS_BRANCH",
    "address": "ANALYSIS_ADDRESS",
}

#: Environment variables by which git points at a checkout, wherever one stands.
_OTHER_CHECKOUT = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX")

#: ``scheme://[user[:password]@]host[:port]/path`` and ``[user@]host:path``.
_URL = re.compile(r"(?:https?|ssh|git|git\+ssh)://(?:[^/]*@)?([\w.-]+)(?::\d*)?/+(.+)")
_SCP = re.compile(r"(?:[^/@]+@)?([\w.-]+):(?!//)(.+)")
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)+")


@dataclass(frozen=True)
class Home:
    """Addresses of the book; each is empty if unknown.

    `repository` is the page of the sources, without a slash at its end, `branch` the branch that
    links to it name, `address` where the site is published, with a slash at its end.
    """

    repository: str = ""
    branch: str = "main"
    address: str = ""


def git(root: Path, *arguments: str) -> str:
    """Return what git says of the checkout whose top is `root`, or nothing if it cannot say.

    A folder within some other checkout is not taken for part of it, nor for the checkout that git
    names to a program that it starts itself, as to a hook.
    """
    top = _ask_git(root, "rev-parse", "--show-toplevel").removesuffix("\n")
    return _ask_git(root, *arguments) if top and Path(top).resolve() == root.resolve() else ""


def _ask_git(root: Path, *arguments: str) -> str:
    environment = {name: text for name, text in os.environ.items() if name not in _OTHER_CHECKOUT}
    try:
        run = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, env=environment, check=False
        )
    except OSError:
        return ""
    return os.fsdecode(run.stdout) if run.returncode == 0 else ""  # paths, in any locale


def repository_address(remote: str) -> str:
    """Page of a repository on GitHub or GitLab from the address that git fetches from.

    Less user name, password, port and ``.git``; empty for a local path and for a host whose pages
    we do not know.

    >>> repository_address("git@github.com:owner/name.git")
    'https://github.com/owner/name'
    >>> repository_address("https://user:secret@gitlab.com/group/part/name")
    'https://gitlab.com/group/part/name'
    >>> repository_address("/srv/git/name.git")
    ''
    """
    found = _URL.fullmatch(remote.strip()) or _SCP.fullmatch(remote.strip())
    path = found[2].strip("/").removesuffix(".git") if found else ""
    if not found or not _PATH.fullmatch(path):
        return ""
    host = re.sub(r"^(?:www|ssh|altssh)\.", "", found[1].lower())  # two offer SSH over port 443
    if host == "github.com" and path.count("/") > 1:
        return ""
    known = host == "github.com" or host.startswith("gitlab.")
    return f"https://{host}/{path}" if known else ""


def pages_address(repository: str) -> str:
    """Address at which GitHub Pages serves a repository; empty for other hosts.

    >>> pages_address("https://github.com/Owner/Name")
    'https://owner.github.io/Name/'
    >>> pages_address("https://github.com/owner/owner.github.io")
    'https://owner.github.io/'
    """
    match = re.fullmatch(r"https://github\.com/([^/]+)/([^/]+)", repository)
    if not match:
        return ""
    host = f"{match[1].lower()}.github.io"
    return f"https://{host}/" if match[2].lower() == host else f"https://{host}/{match[2]}/"


def find_home(
    root: Path, configured: Mapping[str, str], environment: Mapping[str, str] | None = None
) -> Home:
    """Find the book's addresses: the environment's, else ``_config.yml``'s, else the checkout's.

    `configured` is what ``_config.yml`` gives for the fields of `Home`. On GitHub Actions, the
    repository that runs the workflow (``GITHUB_REPOSITORY``) is the one that publishes.
    """
    given = os.environ if environment is None else environment
    said = {field: given.get(name) or configured.get(field) for field, name in VARIABLES.items()}
    runs = given.get("GITHUB_REPOSITORY", "")
    publishing = repository_address(f"https://github.com/{runs}") if runs else ""
    origin = repository_address(git(root, "remote", "get-url", "origin"))
    named = said["repository"] or ""
    repository = (repository_address(named) or named or origin or publishing).rstrip("/")
    address = (said["address"] or pages_address(publishing or repository)).rstrip("/")
    return Home(
        repository=repository,
        branch=said["branch"] or _branch(root),
        address=f"{address}/" if address else "",
    )


def _branch(root: Path) -> str:
    """Branch of ``origin`` that the checkout follows, else its default branch, else ``main``."""
    for question in (
        ("rev-parse", "--abbrev-ref", "@{upstream}"),
        ("rev-parse", "--abbrev-ref", "origin/HEAD"),
    ):
        remote, _, branch = git(root, *question).strip().partition("/")
        if remote == "origin" and branch:
            return branch
    return "main"
