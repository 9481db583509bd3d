"""Ctrl-C at any time ends a command quietly."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from edgekws import cli

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def ended(program):
    """Exit status and standard error of a Python program that presses Ctrl-C on itself, where a shell would let it."""
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + textwrap.dedent(program)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def test_while_the_command_line_itself_is_imported():
    status, told = ended("""
        import os, sys
        from edgekws import start

        class Finder:
            def find_spec(self, name, *_):
                if name == "edgekws.cli":
                    os.kill(os.getpid(), signal.SIGINT)

        sys.meta_path.insert(0, Finder())
        sys.exit(start.main())
    """)
    assert (status, told) == (130, "")


@pytest.mark.parametrize("turned", ["pass", "raise ImportError('numpy is broken')", "raise OSError('x')", "raise"])
def test_while_a_library_is_imported_that_turns_it_into_an_error(monkeypatch, capsys, turned):
    def command(_args):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            signal.pause()
        except KeyboardInterrupt:
            if turned == "raise":
                raise
            if turned == "pass":
                raise RuntimeError("later") from None
            exec(turned)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        monkeypatch.setattr(cli.listening, "_classify", command)
        assert cli.main(["classify", "a.wav"]) == 130
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == "edgekws: stopped\n"
