"""The site of the pages: it is built, no link of it is dead, nothing of it comes from elsewhere, and it says what the pages say."""

import importlib.util
import re
from collections import Counter
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from swarm_testkit.host import lacking
from swarm_testkit.site import built
from swarm_tui.views import registry

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SCREENS = DOCS / "screens.md"
_REFERENCE = re.compile(r"<(\w+)\b[^>]*?\s(?:href|src)=(?:\"([^\"]*)\"|([^\s>]+))")
_ID = re.compile(r"\sid=(?:\"([^\"]*)\"|([^\s>]+))")
_PARTS = ("ul", "ol", "li", "td", "h2", "h3", "pre", "blockquote")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("site"))


def _references(text: str) -> list[tuple[str, str]]:
    return [(tag, unescape(quoted or bare)) for tag, quoted, bare in _REFERENCE.findall(text)]


def test_no_reference_is_dead_and_none_is_fetched_from_elsewhere(site: Path) -> None:
    """Every link, picture, style and script of every page is a file of the site, and every anchor is there."""
    pages = {path: path.read_text() for path in site.rglob("*.html") if path.name != "404.html"}
    ids = {path: {a or b for a, b in _ID.findall(text)} for path, text in pages.items()}
    dead, foreign = [], []
    for path, text in pages.items():
        for tag, reference in _references(text):
            parts = urlsplit(reference)
            if parts.scheme or parts.netloc:
                foreign += [f"{path.name}: {reference}"] if tag != "a" else []
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file() or (
                parts.fragment and unquote(parts.fragment) not in ids.get(target, ())
            ):
                dead.append(f"{path.relative_to(site)}: {reference}")
    assert not dead and not foreign
    assert len(pages) > 100
    assert not [path.name for path, text in pages.items() if 'class="mermaid"' in text]


def test_each_page_is_on_the_site(site: Path) -> None:
    """No page of docs/ is left out, and every picture of the page of screens came along."""
    expected = {
        path.relative_to(DOCS).with_name("index.html" if path.name == "README.md" else f"{path.stem}.html")
        for path in DOCS.rglob("*.md")
    }
    assert expected <= {path.relative_to(site) for path in site.rglob("*.html")}


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(DOCS)))
def test_a_page_reads_the_same_in_the_repository(page: Path) -> None:
    """As many list entries, cells, headings and blocks as a reader of CommonMark makes of it: what is nested is indented by four blanks."""
    if importlib.util.find_spec("pymdownx") is None:
        lacking("mkdocs-material is not installed: make .venv/.installed-dev")
    import markdown

    text = page.read_text()
    there = markdown.markdown(text, extensions=["tables", "pymdownx.superfences"])
    here = MarkdownIt("commonmark").enable("table").render(text)
    assert _counted(there) == _counted(here)


def _counted(html: str) -> Counter[str]:
    return Counter({part: len(re.findall(rf"<{part}[ >]", html)) for part in _PARTS})


def test_every_screen_has_its_picture() -> None:
    """Each view of the program is named on the page of screens, with a picture before the next; each picture that is made is shown."""
    text = SCREENS.read_text()
    parts = re.split(r"<!-- view: ([\w -]+) -->", text)
    shown = {
        name
        for names, part in zip(parts[1::2], parts[2::2], strict=True)
        if "![" in part
        for name in names.split()
    }
    assert shown == {view.name for view in registry.everywhere()}
    pictures = {path.name for path in (ROOT / "screenshots").glob("*.png")}
    assert set(re.findall(r"\]\(\.\./screenshots/([\w.-]+)\)", text)) == pictures
