"""Makes docs/page-desktop.png and docs/page-phone.png: the page that ships, after it heard docs/demo.wav.

    python docs/make_screens.py

It needs Playwright and Chromium (pip install '.[browser]', Debian: chromium).
"""

import shutil
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from convert.targets import Request, bundle
from convert.targets.browser import page_server
from convert.tflite import artifact

DOCS = Path(__file__).parent
SCREENS = {"desktop": (1280, "light", 260), "phone": (390, "dark", 0)}  # width, colours, margin left out on each side


def main() -> None:
    with TemporaryDirectory() as place, sync_playwright() as driver:
        folder = bundle.make(Request(artifact.load("small-listen"), None, "sliding"), "web", Path(place) / "page")
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with page_server.server(folder, 0) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            for name, (width, scheme, margin) in SCREENS.items():
                page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
                page.goto(f"http://{page_server.HOST}:{server.server_address[1]}/")
                page.get_by_label("Open a recording").set_input_files(DOCS / "demo.wav")
                page.get_by_role("status").filter(has_text="The recording has ended").wait_for()
                page.wait_for_timeout(1500)  # until no word is lit
                height = page.evaluate("document.documentElement.scrollHeight")
                shown = {"x": margin, "y": 0, "width": width - 2 * margin, "height": height}
                page.screenshot(path=DOCS / f"page-{name}.png", full_page=True, clip=shown)
            server.shutdown()
        browser.close()


if __name__ == "__main__":
    main()
