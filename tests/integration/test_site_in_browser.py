"""The site of the pages in a browser, opened from the disk: nothing of it needs a server or another place."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from swarm_testkit.browser import Browser, Page, browser
from swarm_testkit.site import built

pytestmark = [pytest.mark.slow, pytest.mark.timeout(480), pytest.mark.xdist_group("site")]
TABS = 4
DESKTOP = (1280, 800)
PHONE = (390, 800)
ON_A_DESK = ("index.html", "screens.html", "commands/service.html")
WRONG = """({
  pictures: [...document.images].filter((one) => !one.complete || !one.naturalWidth).map((one) => one.src),
  tooWide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
})"""
FOUND = "[...document.querySelectorAll('.md-search-result__link')].map((one) => one.getAttribute('href')).join(' ')"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("site"))


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with browser() as one:
        yield one


async def test_each_page_on_a_phone(chromium: Browser, site: Path) -> None:
    """Every picture is there, no page is wider than the window, no script complains, and nothing is asked of another place."""
    # The page of what is not found is for a server: it names its files from the root.
    pages = [path for path in sorted(site.rglob("*.html")) if path.name != "404.html"]
    async with asyncio.TaskGroup() as tabs:
        for number in range(TABS):
            tabs.create_task(_looked_at(await chromium.page(*PHONE), pages[number::TABS], site))


async def test_pages_on_a_desk(chromium: Browser, site: Path) -> None:
    """The first page, a page of pictures and one of a command in a window of usual size; the search of the last one finds another page."""
    page = await chromium.page(*DESKTOP)
    await _looked_at(page, [site / name for name in ON_A_DESK], site)
    await page.evaluate("document.querySelector('[data-md-component=search-query]').focus()")
    await page.type("rollback")
    await page.until(
        lambda: page.evaluate(FOUND),
        lambda found: "stack.html#swarm-tui-stack-rollback" in found,
        "the other page",
    )
    assert page.complaints == []


async def _looked_at(page: Page, paths: list[Path], site: Path) -> None:
    for path in paths:
        await page.open(path.as_uri())
        assert await page.evaluate(WRONG) == {"pictures": [], "tooWide": 0}, path
    assert page.complaints == []
    ours = (f"{site.as_uri()}/", "data:")
    assert len(page.requests) > len(paths)
    assert not [address for address in page.requests if not address.startswith(ours)]
