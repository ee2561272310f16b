"""What mkdocs.yml leaves to a program: folders of the navigation, the pictures, which lie beside docs/, and the search from the disk."""

import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

PICTURES = Path(__file__).parents[1] / "screenshots"
WORKER = Path(__file__).with_name("search-from-disk.js")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of a folder in its place, its README first."""
    docs = Path(config.docs_dir)
    named = set(_named(config.nav))
    config.nav = _with_pages(config.nav, docs, named)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pictures are part of the site, and what the search needs where there is no server."""
    for path in sorted(PICTURES.glob("*.png")):
        files.append(File.generated(config, f"screenshots/{path.name}", abs_src_path=str(path)))
    files.append(File.generated(config, f"assets/{WORKER.name}", abs_src_path=str(WORKER)))
    return files


def on_post_build(config: MkDocsConfig) -> None:
    """From the disk a page may not read a file, but run a script: there the theme asks for the index of the search as one."""
    search = Path(config.site_dir) / "search"
    index = (search / "search_index.json").read_text()
    (search / "search_index.js").write_text(f"var __index = {index};\n")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """In the repository a page finds the pictures beside docs/, on the site within it."""
    depth = posixpath.dirname(page.file.src_uri).count("/") + 1 if "/" in page.file.src_uri else 0
    here = "../" * depth
    return markdown.replace(f"]({here}../screenshots/", f"]({here}screenshots/")


def _named(nav: Any) -> Iterator[str]:
    """Every page and folder of the navigation."""
    for one in nav.values() if isinstance(nav, dict) else nav:
        if isinstance(one, str):
            yield one
        else:
            yield from _named(one)


def _with_pages(nav: Any, docs: Path, named: set[str]) -> list[Any]:
    found: list[Any] = []
    for one in nav:
        if isinstance(one, dict):
            found += [
                {title: below if isinstance(below, str) else _with_pages(below, docs, named)}
                for title, below in one.items()
            ]
        elif one.endswith("/"):
            pages = sorted((docs / one).glob("*.md"), key=lambda path: (path.name != "README.md", path.name))
            found += [name for path in pages if (name := f"{one}{path.name}") not in named]
        else:
            found.append(one)
    return found
