"""Calls may be made from an interrupt: no static variables, and an interrupted spotter goes on as if it were not."""

import shutil
import subprocess

import pytest
import synthetic_tflite
from engine.test_engine import SHAPES

from convert.engine import codegen

# The interrupt, a signal, pushes into a spotter of its own while the program pushes into another.
MAIN = r"""
#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE 700
#include "edgekws.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
enum { RESULTS = 3000 };
static edgekws_state outer, inner;
static int8_t alone[2][RESULTS][EDGEKWS_CLASSES];
static volatile sig_atomic_t interrupts, differing;
static uint32_t inner_at, inner_results;
static int16_t sample(uint32_t stream, uint32_t i)
{
    const uint32_t x = (i + 1) * 2654435761u ^ stream * 40503u;
    return (int16_t)(x >> 16);
}
static void push(edgekws_state *spotter, uint32_t stream, uint32_t *at, uint32_t *results, int check)
{
    const int16_t next = sample(stream, (*at)++);
    edgekws_push(spotter, &next, 1);
    if (!edgekws_ready(spotter) || *results == RESULTS) return;
    if (!check) memcpy(alone[stream][*results], edgekws_scores(spotter), EDGEKWS_CLASSES);
    else if (memcmp(alone[stream][*results], edgekws_scores(spotter), EDGEKWS_CLASSES)) differing++;
    ++*results;
}
static void on_signal(int number)
{
    (void)number;
    interrupts++;
    for (int i = 0; i < 7; i++) push(&inner, 1, &inner_at, &inner_results, 1);
}
int main(void)
{
    for (uint32_t stream = 0; stream < 2; stream++) {
        uint32_t at = 0, results = 0;
        edgekws_reset(&outer);
        while (results < RESULTS) push(&outer, stream, &at, &results, 0);
    }
    const struct itimerval often = {{0, 100}, {0, 100}};
    uint32_t at = 0, results = 0;
    edgekws_reset(&outer);
    edgekws_reset(&inner);
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    while (results < RESULTS || interrupts < 100) push(&outer, 0, &at, &results, 1);
    signal(SIGALRM, SIG_IGN);
    printf("%d interrupts, %d differ\n", (int)interrupts, (int)differing);
    return differing != 0;
}
"""


@pytest.fixture(params=["window", "sliding"])
def folder(request, tmp_path):
    read = synthetic_tflite.graph(SHAPES["same, pool 3"], classes=5)
    options = {"mode": "sliding", "hop": 81} if request.param == "sliding" else {}
    codegen.generate(read, list("abcde"), tmp_path, **options)
    return tmp_path


def test_a_spotter_that_is_interrupted_goes_on_as_if_it_were_not(folder):
    (folder / "main.c").write_text(MAIN)
    subprocess.run(["sh", "-c", "cc -std=c99 -O1 *.c -o program"], cwd=folder, check=True)
    done = subprocess.run([folder / "program"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert int(done.stdout.split()[0]) >= 100


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="apt install gcc-arm-none-eabi")
def test_no_variable_is_static(folder):
    """Constants alone: nothing in .data or .bss."""
    sources = [path.name for path in folder.glob("*.c") if path.name != "main.c"]
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m0", "-mthumb", "-c", *sources]
    subprocess.run(command, cwd=folder, check=True)
    command = ["arm-none-eabi-size", *(f"{name[:-2]}.o" for name in sources)]
    sizes = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    assert len(sizes) == len(sources)
    assert all(line.split()[1:3] == ["0", "0"] for line in sizes), sizes
