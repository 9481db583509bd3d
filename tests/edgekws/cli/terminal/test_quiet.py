import os
import subprocess
import sys

import pytest

from edgekws.cli.terminal import quiet

LOGS = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n",
    b"I0000 00:00:1795748547.449042    8869 port.cc:153] oneDNN custom operations are on. You may see different\n",
    b"E0000 00:00:1795748454.634144 8869 cuda_platform.cc:52] failed call to cuInit: INTERNAL: UNKNOWN ERROR (303)\n",
    b"W1127 03:00:01.123456    8869 op_def_util.cc:395] NodeDef mentions attribute use_unbounded_threadpool\n",
    b"2025-03-01 10:20:30.123456: I tensorflow/core/platform/cpu_feature_guard.cc:210] This TensorFlow binary is\n",
    b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n",
    b"WARNING: Attempting to use a delegate that only supports static-sized tensors with a graph\n",
)
NEWS = (
    b"edgekws: error: hello.wav does not exist\n",
    b"F0000 00:00:1795748454.634144 8869 tensor.cc:52] Check failed: a == b\n",
    b"terminate called after throwing an instance of 'std::bad_alloc'\n",
    b"2026-11-27 03:00:00 the meeting\n",
    b"Info : auto-selecting first available session transport\n",
    b"WARNING: the board is not connected\n",
    b"\xff\xfe\n",
    b"\n",
)


def python(program, **changes):
    environment = {key: value for key, value in os.environ.items() if key != "EDGEKWS_LOGS"}
    return subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment | changes, timeout=120)


@pytest.mark.parametrize("line", LOGS)
def test_a_line_of_a_library_is_known(line):
    assert quiet.is_log(line)


@pytest.mark.parametrize("line", NEWS)
def test_every_other_line_passes(line):
    assert not quiet.is_log(line)


def test_the_filter_passes_what_is_no_log_as_it_is():
    mixed = b"".join(log + news for log, news in zip(LOGS, NEWS, strict=False)) + b"10 %\r20 %\rno line end"
    done = subprocess.run([sys.executable, "-I", "-S", quiet.__file__], input=mixed, capture_output=True)
    assert done.stderr == b"".join(NEWS[: len(LOGS)]) + b"10 %\r20 %\rno line end"


def test_a_log_that_comes_in_pieces_is_dropped_and_a_question_without_a_line_end_is_shown():
    command = [sys.executable, "-I", "-S", quiet.__file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
        for piece in (b"INFO: Created TensorFlow Lite", b" XNNPACK delegate\nwhich ", b"port?"):
            process.stdin.write(piece)
        assert process.stderr.read(11) == b"which port?"
        process.stdin.write(b" INFO: litert\n")
        process.stdin.close()
        assert process.stderr.read() == b" INFO: litert\n"


WRITES = f"""
import logging, os, sys, warnings
from edgekws.cli.terminal import quiet
with quiet.libraries(native=True):
    os.write(2, {LOGS[0] + LOGS[1] + NEWS[1]!r})
    print("from Python: ä", file=sys.stderr)
    logging.getLogger("tensorflow").warning("a warning")
    warnings.warn("another", UserWarning)
    logging.getLogger("tensorflow").error("a logged error")
"""


def test_within_it_only_what_is_no_log_comes_out():
    done = python(WRITES)
    assert sorted(done.stderr.splitlines(keepends=True)) == [NEWS[1], b"a logged error\n", "from Python: ä\n".encode()]


def test_edgekws_logs_shows_everything():
    done = python(WRITES, EDGEKWS_LOGS="1")
    for text in (LOGS[1], NEWS[1], b"a warning", b"another"):
        assert text in done.stderr


def test_the_last_words_of_a_crash_come_out():
    program = (
        "import os\nfrom edgekws.cli.terminal import quiet\n"
        "with quiet.libraries(native=True):\n    os.write(2, {!r})\n    "
    )
    done = python(program.format(NEWS[2]) + "os.abort()")
    assert done.returncode < 0
    assert done.stderr == NEWS[2]


def test_a_closed_standard_error_is_no_matter():
    program = "from edgekws.cli.terminal import quiet\nwith quiet.libraries(native=True):\n    print('done')"
    done = python(f"import os, sys; os.close(2); os.execv(sys.executable, [sys.executable, '-c', {program!r}])")
    assert (done.returncode, done.stdout) == (0, b"done\n")


def test_tensorflow_and_litert_write_nothing():
    program = """
from edgekws.cli.terminal import quiet
with quiet.libraries(native=True):
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter
    from edgekws import zoo
    print(int(tf.constant(1) + 1))
    Interpreter(str(zoo.default() / "model_int8.tflite")).allocate_tensors()
"""
    done = python(program)
    assert (done.stdout, done.stderr) == (b"2\n", b"")
