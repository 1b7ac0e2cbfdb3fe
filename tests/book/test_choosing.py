"""The front page's choices, made: the guide's questions and the ledger's filters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from analysis.evidence.claims import CLAIMS

pytestmark = pytest.mark.browser


@pytest.fixture(params=[1400, 360])
def page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The front page, on a wide and on a narrow screen."""
    page = browser.new_page(viewport={"width": request.param, "height": 900})
    page.goto(f"{address}/book/intro.html", wait_until="load")
    yield page
    page.close()


def test_filters_leave_the_claims_that_they_name(page: Page) -> None:
    rows = page.locator(".ledger details.claim")
    status = page.locator(".ledger-filters [role=status]")
    expect(rows).to_have_count(len(CLAIMS))
    proved = page.locator(".ledger details.claim.is-proved").count()
    page.get_by_role("button", name="proved").click()
    expect(status).to_have_text(f"{proved} of {len(CLAIMS)} claims")
    assert page.locator(".ledger details.claim:visible").count() == proved
    page.get_by_role("button", name="proved").press("Enter")
    expect(status).to_have_text(f"{len(CLAIMS)} of {len(CLAIMS)} claims")


def test_the_ledger_fits_on_screens_that_people_have(page: Page) -> None:
    box = page.locator(".ledger").bounding_box()
    assert box
    narrow = page.viewport_size and page.viewport_size["width"] == 360
    assert box["height"] < (4 if narrow else 1.5) * 900


def test_a_link_to_a_claim_opens_it(page: Page) -> None:
    page.evaluate("location.hash = 'claim-a5'")
    expect(page.locator("details.claim[open]")).to_have_count(1)
    expect(page.locator("details.claim[open] summary")).to_contain_text("A5")


def test_answers_leave_the_advice_for_them(page: Page) -> None:
    rows = page.locator("table.guide tbody tr")
    total = rows.count()
    page.get_by_label("a pretrained image net").check()
    kept = page.locator("table.guide tbody tr:visible")
    assert kept.count() < total
    expect(kept.first).to_contain_text("pretrained")
    page.get_by_label("a pretrained image net").press("ArrowDown")
    expect(kept.first).not_to_contain_text("a pretrained image net")
    page.get_by_role("button", name="Show all advice").click()
    assert kept.count() == total


def test_every_answer_of_the_guide_is_known_to_the_questions(page: Page) -> None:
    words = page.eval_on_selector_all(
        "table.guide [data-when]", "marks => marks.flatMap(mark => mark.dataset.when.split(' '))"
    )
    values = page.eval_on_selector_all(".guide-questions input", "all => all.map(one => one.value)")
    assert words
    assert set(words) <= set(values)
