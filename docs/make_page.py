"""Makes firmware_assets/page/small-listen.wasm again: the module of the page that ships built.

    python docs/make_page.py

It needs clang and wasm-ld (Debian: clang, lld). A test compares its scores with those of the PC.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from convert.targets import Request, bundle
from convert.targets.browser.webassembly import MODULE, SHIPPED
from convert.tflite import artifact
from edgekws.errors import UserError

PLACE = Path(__file__).parents[1] / "firmware_assets" / "page" / f"{SHIPPED}.wasm"


def main() -> None:
    with TemporaryDirectory() as folder:
        made = bundle.make(Request(artifact.load(SHIPPED), None, "sliding"), "web", Path(folder) / "page")
        if missing := bundle.not_built(made):
            raise UserError(missing)
        if "it ships" in (made / "manifest.json").read_text(encoding="utf-8"):
            raise UserError("there is no compiler here: the module that ships was taken")
        PLACE.write_bytes((made / MODULE).read_bytes())
    print(f"{PLACE}: {PLACE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
