"""The dashboard's load on a browser: `python -m benchmarks.dashboard`, beside a running `make up`.

Bytes are those of a first visit, compressed as API Gateway does. The flood is 5,000 updates in a minute, in
frames like those of the service; the page's own clock measures the longest work of its main thread.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from typing import Final

from playwright.sync_api import Page

from chalicelib.web.assets import site
from local.supervisor import ENDPOINTS
from tests.e2e.browser import CHROMIUM, chromium
from tests.e2e.flood import Flood

UPDATES_A_MINUTE: Final = 5000
SECONDS: Final = 60
TASKS: Final = 6  #: of a burst
VERSIONS: Final = 4  #: of each task
_WATCH: Final = """
    window.seen = { frames: 0, worst: 0, last: performance.now(), long: [] };
    new PerformanceObserver((list) => seen.long.push(...list.getEntries().map((each) => each.duration)))
      .observe({ type: "longtask" });
    const look = (now) => {
      seen.frames += 1;
      seen.worst = Math.max(seen.worst, now - seen.last);
      seen.last = now;
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
"""


def main() -> int:
    """Print the figures. Returns 2 without Chromium or a running stage."""
    if CHROMIUM is None or not ENDPOINTS.exists():
        print("Chromium and a running `make up` are needed.", file=sys.stderr)
        return 2
    endpoints = json.loads(ENDPOINTS.read_text())
    link = f"{endpoints['http']}/#token={endpoints['token']}"
    with chromium() as browser:
        page = browser.new_page()
        _measure_first_load(page, link)
        page.close()
        page = browser.new_page()
        _measure_flood(page, link)
    return 0


def _measure_first_load(page: Page, link: str) -> None:
    dashboard = [text for name, text in site().pages.items() if name == "dashboard"]
    dashboard += [asset.text for name, asset in site().assets.items() if not name.startswith("reference")]
    started = time.monotonic()
    page.goto(link)
    page.locator(".filters").wait_for()
    seconds = time.monotonic() - started
    size = sum(len(gzip.compress(text.encode())) for text in dashboard)
    print(
        f"first load: {len(dashboard)} files, {size / 1024:.1f} KB compressed, usable after {seconds:.2f} s"
    )


def _measure_flood(page: Page, link: str) -> None:
    flood = Flood(page)
    page.goto(link)
    page.locator(".connection.live").wait_for()
    page.evaluate(_WATCH)
    started, sent = time.monotonic(), 0
    clicks: list[float] = []
    while (elapsed := time.monotonic() - started) < SECONDS:
        flood.send(tasks=TASKS, versions=VERSIONS)
        sent += TASKS * VERSIONS
        if len(clicks) < elapsed // 5:
            clicks.append(_click(page, len(clicks)))
        ahead = sent * 60 / UPDATES_A_MINUTE - (time.monotonic() - started)
        page.wait_for_timeout(max(0, 1000 * ahead))
    seen = page.evaluate("seen")
    rows = page.locator(".row").count()
    print(
        f"flood: {sent} updates in {elapsed:.0f} s, {seen['frames'] / elapsed:.0f} frames a second, "
        f"longest gap between two {seen['worst']:.0f} ms, {len(seen['long'])} tasks over 50 ms "
        f"(longest {max(seen['long'], default=0):.0f} ms), {rows} rows drawn, "
        f"a click shown after {sorted(clicks)[len(clicks) // 2]:.0f} ms (median), "
        f"{max(clicks):.0f} ms (worst)"
    )


def _click(page: Page, number: int) -> float:
    """Milliseconds from a click on a filter until the page shows it."""
    button = page.locator(".statuses button").nth(5 if number % 2 == 0 else 0)
    started = time.monotonic()
    button.click()
    button.and_(page.locator("[aria-pressed=true]")).wait_for()
    return (time.monotonic() - started) * 1000


if __name__ == "__main__":
    sys.exit(main())
