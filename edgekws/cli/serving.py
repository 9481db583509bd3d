"""Commands that serve a model from this machine: serve (to Home Assistant), demo (a page in the browser)."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

from edgekws.cli import arguments
from edgekws.cli.terminal import next_step
from edgekws.errors import UserError

PORT = 8416  # always the same: with it a browser remembers that the microphone is allowed


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the commands of this module; ``command(name, function, help, examples, about)`` makes a parser."""
    serve = command(
        "serve",
        _serve,
        "serve a model's words to Home Assistant, by the Wyoming protocol",
        """
        edgekws serve small-listen --uri tcp://0.0.0.0:10400
        edgekws serve runs/mine --threshold 0.8 --debug
        """,
        """
        Each word of the model is a wake word for Home Assistant. The protocol has no password: whoever reaches the
        address can send sound and learns which words are in it. By default only this machine reaches it.
        """,
    )
    serve.add_argument("run", type=Path, metavar="RUN", help=arguments.RUN)
    serve.add_argument("--uri", default="tcp://127.0.0.1:10400", help="where to listen: tcp://ADDRESS:PORT or "
                       "unix://PATH; tcp://0.0.0.0:10400 lets other machines in (default: "
                       "tcp://127.0.0.1:10400)")  # fmt: skip
    arguments.add_thresholds(serve)
    arguments.add_opened(serve)
    serve.add_argument("--no-zeroconf", action="store_true", help="do not announce it to Home Assistant")
    serve.add_argument("--debug", action="store_true", help="print what is detected")
    demo = command(
        "demo",
        _demo,
        "listen in the browser: a page on this machine with the level, the scores and the words",
        """
        edgekws demo
        edgekws demo runs/mine --port 9000
        """,
        """
        No sound leaves the page. small-listen needs nothing installed; another model needs clang and wasm-ld, which
        make WebAssembly. Ctrl-C ends it.
        """,
    )
    arguments.add_model(demo, nargs="?")
    demo.add_argument("--port", type=int, default=PORT, metavar="N", help="the port of 127.0.0.1; 0: any that is free "
                      f"(default: {PORT})")  # fmt: skip
    demo.add_argument("--no-browser", action="store_true", help="print the page's address, but open no browser")


def _serve(args: argparse.Namespace) -> int:
    from convert.targets.home import python_package
    from convert.tflite import artifact
    from edgekws.files import scratch

    if importlib.util.find_spec("wyoming") is None:
        raise UserError("serve needs the Wyoming library: pip install 'edgekws[wyoming]'")
    if args.open_seconds is not None and not args.opened_by:
        raise UserError("--open-seconds needs --opened-by: nothing else would open the detector")
    model = artifact.load(args.run).at(args.per_hour).opened(args.opened_by, args.open_seconds).said_alone(args.alone)
    options = ["--uri", args.uri, *(["--threshold", str(args.threshold)] if args.threshold is not None else [])]
    options += [name for name, on in (("--no-zeroconf", args.no_zeroconf), ("--debug", args.debug)) if on]
    with scratch() as folder:
        package = python_package.importable(model, folder)
        sys.path.insert(0, str(folder / "src"))
        status: int = importlib.import_module(f"{package}.wyoming").main(options)
    if status:
        return status
    onto = next_step.call("bundle", args.run, "--target python")
    next_step.tell(args, f"'{onto}' makes what a Raspberry Pi installs")
    return 0


def _demo(args: argparse.Namespace) -> int:
    import webbrowser

    from convert import targets
    from convert.targets import bundle
    from convert.targets.browser import page_server
    from convert.tflite import artifact
    from edgekws import zoo
    from edgekws.files import scratch

    model = artifact.load(args.run or zoo.default(zoo.LISTENING), args.coding, args.level_control)
    with scratch() as place, page_server.server(place / "page", args.port) as server:
        made = bundle.make(targets.Request(model, None, "sliding"), "web", place / "page")
        if missing := bundle.not_built(made):
            raise UserError(
                f"cannot make a page of {model.name}: {missing}; 'edgekws demo' without a model shows one that ships "
                "built"
            )
        address = f"http://{page_server.HOST}:{server.server_address[1]}/"
        print(address, flush=True)
        if not args.no_browser and not webbrowser.open(address):
            print("no browser could be opened: open the address above in one", file=sys.stderr)
        next_step.tell(args, "press Listen on the page, and say a word; Ctrl-C here ends it")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print(file=sys.stderr)
    return 0
