"""The ways out of edgekws beside their peers, in one run on this machine:

    export PYTHONPATH=.
    python tests/benchmarks/ways_out.py browser --litert node_modules/@litertjs   # npm install @litertjs/core
    python tests/benchmarks/ways_out.py package edgekws_gsc16_small_listen=ours/bin/python \
        pymicro_wakeword=theirs/bin/python
    python tests/benchmarks/ways_out.py service edgekws_gsc16_small_listen.wyoming=ours/bin/python \
        "wyoming_openwakeword --preload-model ok_nabu=theirs/bin/python"

Each package is in an environment of its own. `browser` needs Chromium and Playwright, `service` the Wyoming library.
"""

from __future__ import annotations

import argparse
import asyncio
import shlex
import shutil
import socket
import statistics
import subprocess
import threading
import time
import wave
from pathlib import Path
from tempfile import TemporaryDirectory

DEMO = Path(__file__).parents[2] / "docs" / "demo.wav"
FORM = {"rate": 16_000, "width": 2, "channels": 1}
PAGE = """<!doctype html>
<script type="importmap">{"imports": {"@litertjs/wasm-utils": "./litert/wasm-utils/dist/index.js"}}</script>
<script type="module">
import { loadAndCompile, loadLiteRt, Tensor } from "./litert/core/dist/index.js";
import { Spotter } from "./ours/lib/spotter.js";
const fastest = async (run, repeats) => {
  let least = Infinity;
  for (let i = 0; i < repeats; i++) {
    const began = performance.now();
    await run();
    least = Math.min(least, performance.now() - began);
  }
  return least;
};
window.measure = async (pairs, repeats) => {
  await loadLiteRt("./litert/core/wasm/");
  const model = await loadAndCompile("./ours/model_phone.tflite", { accelerator: "wasm" });
  const [details] = model.getInputDetails();
  const sound = Float32Array.from({ length: 16000 }, () => 2 * Math.random() - 1);
  const theirs = async () => {
    const input = new Tensor(sound, [...details.shape]);
    const [output] = await model.run(input);
    await output.data();
    output.delete();
    input.delete();
  };
  const spotter = await Spotter.load();
  const samples = Int16Array.from({ length: 16000 }, () => Math.floor(65536 * Math.random()) - 32768);
  const ours = () => {
    if (spotter.push(samples).length !== 1) throw new Error("a window gives one result");
  };
  const found = [];
  for (let i = 0; i < pairs; i++) found.push([await fastest(ours, repeats), await fastest(theirs, repeats)]);
  return found;
};
window.ready = true;
</script>"""


def browser(options: argparse.Namespace) -> None:
    """One window of the model by the WebAssembly of the web bundle and by LiteRT.js, in turn, in Chromium."""
    from playwright.sync_api import sync_playwright

    from convert.targets import Request, bundle
    from convert.targets.browser import page_server
    from convert.tflite import artifact
    from edgekws import zoo

    with TemporaryDirectory() as place, sync_playwright() as driver:
        folder = Path(place)
        model = artifact.load(options.model)
        made = bundle.make(Request(model, None, "window"), "web", folder / "ours")
        shutil.copy(zoo.folders()[options.model] / "model_phone.tflite", made)  # LiteRT.js takes no int8 input
        shutil.copytree(options.litert, folder / "litert")
        (folder / "index.html").write_text(PAGE)
        chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with page_server.server(folder, 0) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            page = chromium.new_page()
            page.goto(f"http://{page_server.HOST}:{server.server_address[1]}/")
            page.wait_for_function("window.ready")
            fetched: list[int] = []
            page.on("response", lambda got: fetched.append(len(got.body())) if "/litert/core/wasm" in got.url else None)
            pairs = page.evaluate("([pairs, repeats]) => measure(pairs, repeats)", [options.pairs, options.repeats])
            server.shutdown()
        chromium.close()
        ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratio = statistics.median(mine / other for mine, other in pairs)
        wasm = (made / "lib" / "spotter.wasm").stat().st_size
    print(f"{options.model}, one window, medians of {options.pairs} pairs, each the fastest of {options.repeats}:")
    print(f"edgekws {ours:.2f} ms, LiteRT.js {theirs:.2f} ms, ratio {ratio:.3f}")
    print(f"bytes: edgekws with the model {wasm:,}; LiteRT.js without it {sum(fetched):,}")


def package(options: argparse.Namespace) -> None:
    """What importing a package takes, and what its environment holds without pip and setuptools."""
    for module, python in options.of:
        code = f"import time; began = time.process_time(); import {module}; print(1000 * (time.process_time() - began))"
        times = [float(_output([python, "-c", code])) for _ in range(21)]
        where = "import sysconfig; print(sysconfig.get_path('purelib'))"
        site = Path(_output([python, "-c", where]).strip())
        tools = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence")
        parts = [path for path in site.iterdir() if not path.name.startswith(tools)]
        files = [file for part in parts for file in (part.rglob("*") if part.is_dir() else [part])]
        size = sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc")
        print(
            f"{module}: import {statistics.median(times):.1f} ms of processor time; {size:,} bytes with what it needs"
        )


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def service(options: argparse.Namespace) -> None:
    """Resident memory of Wyoming services: at rest, and after clients sent the same minutes of sound."""
    for command, python in options.of:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            uri = f"tcp://127.0.0.1:{found.getsockname()[1]}"
        process = subprocess.Popen([python, "-m", *shlex.split(command), "--uri", uri], stdout=subprocess.DEVNULL)
        try:
            asyncio.run(_send(uri, 0))
            rest = _resident(process.pid)
            seconds = asyncio.run(_send(uri, options.minutes))
            print(
                f"{command}: at rest {rest:.1f} MB, after {seconds:.0f} s of sound {_resident(process.pid):.1f} MB; "
                f"{_processor(process.pid):.1f} s of processor time"
            )
        finally:
            process.terminate()
            process.wait()


async def _send(uri: str, minutes: float) -> float:
    """Seconds of sound that a client sent, after the service said what it is and answered the end."""
    from wyoming.audio import AudioChunk, AudioStart, AudioStop
    from wyoming.client import AsyncClient
    from wyoming.info import Describe

    with wave.open(str(DEMO)) as file:
        sound = file.readframes(file.getnframes())
    for _ in range(600):
        try:
            async with AsyncClient.from_uri(uri) as client:
                await client.write_event(Describe().event())
                while (await client.read_event()).type != "info":
                    pass
                await client.write_event(AudioStart(**FORM).event())
                count = round(60 * minutes * 32_000 / len(sound))
                for _ in range(count):
                    for at in range(0, len(sound), 2560):
                        await client.write_event(AudioChunk(**FORM, audio=sound[at : at + 2560]).event())
                        await asyncio.sleep(0.01)  # eight times as fast as sound
                await client.write_event(AudioStop().event())
                await asyncio.sleep(2)
                return count * len(sound) / 32_000
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise SystemExit(f"nothing answered at {uri}")


def _resident(pid: int) -> float:
    """Megabytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


def _processor(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / 100


def _of(text: str) -> tuple[str, str]:
    module, _, python = text.rpartition("=")
    return module, python


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    in_browser = commands.add_parser("browser")
    in_browser.add_argument("--litert", type=Path, required=True)
    in_browser.add_argument("--model", default="small")
    in_browser.add_argument("--pairs", type=int, default=30)
    in_browser.add_argument("--repeats", type=int, default=10)
    in_browser.set_defaults(run=browser)
    for name, run in (("package", package), ("service", service)):
        one = commands.add_parser(name)
        one.add_argument("of", nargs="+", type=_of, metavar="MODULE=PYTHON")
        one.set_defaults(run=run)
    one.add_argument("--minutes", type=float, default=4)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
