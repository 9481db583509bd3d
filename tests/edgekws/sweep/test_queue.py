"""The queue, with a stand-in for the training: what goes on after a failure, a kill, an interrupt; and the table."""

import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import page_reader
import pytest
import tone_corpus

from edgekws import cli, files, recipe, workspace
from edgekws.corpus import sources
from edgekws.errors import UserError
from edgekws.sweep import cluster, grid, queue, results, work

FAKE = (sys.executable, str(Path(__file__).parent / "fake_edgekws.py"))
OF_RECIPE = sources.of_recipe
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def stand_in(tmp_path, monkeypatch):
    monkeypatch.setattr(work, "COMMAND", FAKE)
    monkeypatch.setattr(queue, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(sources, "of_recipe", lambda *args, **options: None)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.setattr(queue, "cores", lambda: 4)
    monkeypatch.chdir(tmp_path)


def write(names, more="", testing=True):
    runs = "".join(f'[[run]]\nname = "{name}"\n' for name in names)
    text = f"testing = {json.dumps(testing)}\n[set]\nmodel.architecture = 'custom-32/8'\nmodel.dropout = 0.5\n"
    Path("my sweep.toml").write_text(text + more + runs)


def rows():
    with open("runs/my sweep/results.csv", newline="") as file:
        return {row["run"]: row for row in csv.DictReader(file)}


def sweep(*more):
    return cli.main(["sweep", "my sweep.toml", "--jobs", "2", *more])


def test_what_fails_is_told_and_the_rest_goes_on(capsys):
    write(["first", "fails", "broken", "last"])
    assert sweep() == 1
    found = rows()
    assert {name: row["status"] for name, row in found.items()} == {
        "first": "done", "fails": "failed", "broken": "broken", "last": "done"
    }  # fmt: skip
    error = capsys.readouterr().err
    assert "fails is failed: there is no folder recordings (exit status 2;" in error
    assert "broken is broken: points of accuracy int8 is under float: 1.0000 (limit 0.5)\n" in error
    first = found["first"]
    assert (first["report"], first["variant"], first["augmented"]) == ("0.9391", "do50_bn", "yes")
    assert (first["int8"], first["int8_low"], first["int8_high"]) == ("0.9300", "0.8625", "0.9657")
    assert (first["parameters"], first["macs"], first["seed"]) == ("94768", "132748288", "1")
    assert found["fails"]["int8"] == ""
    assert Path("runs/my sweep/first.log").read_text() == "run with 2 threads\n"


def test_recordings_that_cannot_be_had_fail_their_runs_alone(monkeypatch, capsys):
    def of_recipe(recipe):
        if recipe.data.words == ("a", "b"):
            raise UserError("there is no word a")

    monkeypatch.setattr(sources, "of_recipe", of_recipe)
    write(["first", "last"], more="[[run]]\nname = 'other'\ndata.words = ['a', 'b']\n")
    assert sweep() == 1
    assert {name: row["status"] for name, row in rows().items()} == {"other": "failed", "first": "done", "last": "done"}
    assert "other: failed: there is no word a" in capsys.readouterr().err


def test_recordings_that_no_run_can_have_are_one_mistake(monkeypatch, capsys):
    def of_recipe(recipe):
        raise UserError("there is no folder x")

    monkeypatch.setattr(sources, "of_recipe", of_recipe)
    write(["first", "last"])
    assert sweep() == 2
    assert capsys.readouterr().err == "edgekws: error: there is no folder x\n"


@pytest.mark.parametrize("jobs", ["0", "-1", "two"])
def test_jobs_are_a_number_from_one_on(jobs, capsys):
    write(["first"])
    with pytest.raises(SystemExit) as stop:
        cli.main(["sweep", "my sweep.toml", "--jobs", jobs])
    assert stop.value.code == 2
    assert f"expected a whole number from 1 on, got {jobs}" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is locked there")
def test_a_sweep_that_is_going_on_is_not_begun_again(capsys):
    write(["first"])
    with files.only_one(Path("runs/my sweep/.lock").absolute(), "the first"):
        assert sweep() == 2
    assert "my sweep; wait for it" in capsys.readouterr().err
    assert sweep() == 0


def test_the_page_stands_alone():
    write(["first", "fails <b>"])
    assert sweep() == 2  # not a name for a folder
    write(["first & last", "fails"])
    assert sweep() == 1
    page = page_reader.read(Path("runs/my sweep/results.html"))
    assert page.open == []
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in page.elements}
    assert "first & last" in page.text
    assert "there is no folder recordings" in page.text
    assert sum(tag == "circle" for tag, _ in page.elements) == 2  # the point and the legend


def test_a_second_call_does_only_what_is_left(capsys):
    write(["first", "broken"])
    assert sweep() == 1
    before = Path("runs/my sweep/first/epochs.txt").read_text()
    table = Path("runs/my sweep/results.csv").read_bytes()
    write(["first", "broken", "new"])
    assert sweep() == 1  # the bound is broken still
    assert Path("runs/my sweep/first/epochs.txt").read_text() == before
    assert rows()["new"]["status"] == "done"
    assert Path("runs/my sweep/results.csv").read_bytes().startswith(table[: table.index(b"\nbroken")])


def test_a_changed_recipe_is_refused(capsys):
    write(["first"])
    assert sweep() == 0
    write(["first"], more="seed = 5\n")
    assert sweep() == 2
    assert "differs in seed" in capsys.readouterr().err


def test_a_search_does_not_read_the_testing_split():
    write(["first"], testing=False)
    assert sweep() == 0
    assert Path("runs/my sweep/first.log").read_text().splitlines() == [
        f"{step} with 4 threads" for step in ("train", "quantize", "convert")
    ]
    assert not Path("runs/my sweep/first/report.json").exists()
    row = rows()["first"]
    assert (row["validation_float"], row["validation_int8"], row["int8"]) == ("0.8750", "0.7500", "")
    assert sweep() == 0


def started(tmp_path):
    """The sweep as a process of its own, once its slow run has an epoch behind it."""
    code = (
        "import sys; from edgekws import cli; from edgekws.sweep import queue, work\n"
        f"work.COMMAND = {FAKE!r}; queue.prepare_recordings = lambda runs: {{}}\n"
        "sys.exit(cli.main(['sweep', 'my sweep.toml', '--jobs', '2']))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        # pytest may run in the background of a shell, which ignores the signal and so would its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for(tmp_path / "runs" / "my sweep" / "slow" / "state" / "float.npz")
    return process


def wait_for(path):
    limit = time.monotonic() + 60
    while not path.exists() and time.monotonic() < limit:
        time.sleep(0.05)
    assert path.exists()


def test_a_run_can_be_interrupted_where_ctrl_c_is_ignored(tmp_path):
    """As in the background of a shell."""
    write(["slow"])
    run = queue.runs_of(grid.load(Path("my sweep.toml")), tmp_path / "runs")[0]
    work.prepare(run)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = work.Process(run.folder, True, tmp_path / "log", 1, FAKE)
    finally:
        signal.signal(signal.SIGINT, before)
    wait_for(run.state("float.npz"))
    process.interrupt()
    assert process._child.wait(10) != 0


def children(folder):
    """Command lines of stand-ins that still work in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.append((process / "cmdline").read_text())
    return [line for line in found if str(folder) in line and "fake_edgekws" in line]


@pytest.mark.skipif(sys.platform != "linux", reason="children die with their parent on Linux only")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_or_killed_it_leaves_no_process_and_goes_on(tmp_path, how):
    write(["slow", "quick"])
    process = started(tmp_path)
    process.send_signal(how)
    _, error = process.communicate(timeout=30)
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert how != signal.SIGINT or b"goes on" in error
    limit = time.monotonic() + 10
    while children(tmp_path) and time.monotonic() < limit:
        time.sleep(0.05)
    assert children(tmp_path) == []
    (tmp_path / "runs" / "my sweep" / "slow" / "state" / "quick").touch()
    assert sweep() == 0
    assert Path("runs/my sweep/slow/epochs.txt").read_text() == "1\n2\n3\n"


def test_progress_tells_runs_epochs_and_the_time_left(tmp_path):
    write(["a", "b", "c"])
    runs = queue.runs_of(grid.load(Path("my sweep.toml")), tmp_path / "runs" / "my sweep")
    progress = queue.Progress(runs, {})
    work.prepare(runs[1])
    runs[1].state("x").parent.mkdir()
    assert work.epochs(runs[1]) == (0, 22)
    runs[1].record("x").parent.mkdir()
    runs[1].write_record("train", {})
    assert work.epochs(runs[1]) == (16, 22)
    endings = {"a": work.Ending("a", "failed", "why")}
    line = progress.line(endings, ["b"], 3600)
    assert line == "1 of 3 runs ended (1 not well); b epoch 16/22; about 1 h 45 min left"
    nothing = queue.Progress(runs[:1] + runs[2:], {})
    assert nothing.line(endings, [], 5) == "1 of 2 runs ended (1 not well)"


def test_a_run_from_another_machine_is_unpacked_with_its_end_last(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path / "elsewhere"))
    write(["first", "fails"])
    here = queue.runs_of(grid.load(Path("my sweep.toml")), tmp_path / "runs" / "my sweep")
    for run in here:
        work.prepare(run)
    ending, content = cluster.do(here[0].recipe_file.read_text(), str(here[0].folder), "token", True, 1, FAKE)
    assert ending.status == "done"
    assert not here[0].manifest.exists()
    cluster.unpack(content, here[0].folder)
    assert work.is_done(here[0], testing=True)
    assert results.row(here[0], ending)["int8"] == "0.9300"
    assert workspace.load_run(here[0].folder).recipe == here[0].recipe
    failed, nothing = cluster.do(here[1].recipe_file.read_text(), str(here[1].folder), "token", True, 1, FAKE)
    assert (failed.status, nothing) == ("failed", None)


def test_a_changed_recipe_of_the_same_name_is_not_done_yet_on_another_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path / "elsewhere"))
    folder = str(tmp_path / "runs" / "my sweep" / "first")

    def files_of(seed):
        toml = recipe.to_toml(recipe.replace(recipe.Recipe(), {"name": "first", "seed": seed}))
        _, content = cluster.do(toml, folder, "token", True, 1, FAKE)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.read("recipe.toml").decode() == toml
            return archive.namelist()

    files_of(1)
    (place,) = (tmp_path / "elsewhere" / "sweeps").glob("*/first")
    (place / "float.keras").touch()
    assert "float.keras" in files_of(1)
    assert "float.keras" not in files_of(2)


def test_an_error_of_an_earlier_attempt_is_not_the_reason_of_a_later_failure(tmp_path):
    write(["fails"])
    (fails,) = queue.runs_of(grid.load(Path("my sweep.toml")), tmp_path / "runs" / "my sweep")
    work.prepare(fails)
    log = queue.log_of(fails)
    told = work.execute(fails.folder, True, log, 1, FAKE)
    assert told.reason.startswith("there is no folder recordings (exit status 2;")
    silent = (sys.executable, "-c", "import sys; print('out of memory'); sys.exit(3)")
    again = work.execute(fails.folder, True, log, 1, silent)
    assert again.reason == f"out of memory (exit status 3; {log})"
    assert "no folder recordings" in log.read_text()


def test_recordings_are_prepared_before_runs_need_them(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sources, "of_recipe", OF_RECIPE)
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path / "cache"))
    write(["first", "last"], more='data.words = ["low", "high"]\n')
    assert sweep("--data", "tones") == 2
    assert "there is no folder tones" in capsys.readouterr().err
    assert not Path("runs").exists()
    tone_corpus.write(tmp_path / "tones", clips=30)
    assert sweep("--data", "tones") == 0
    assert len(list((tmp_path / "cache" / "corpora").iterdir())) == 1
    assert sweep("--data", str(tmp_path / "tones")) == 0  # the same folder


@pytest.mark.slow
def test_on_two_nodes_of_a_ray_cluster(tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="Ray is not installed; pip install 'edgekws[ray]'")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *sys.path]))
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        nodes.add_node(num_cpus=1)
        write(["meets-1", "meets-2", "fails", "broken", "last"])  # two that end only at the same time, a core a node
        assert sweep("--ray", nodes.address, "--jobs", "1") == 1
        assert [row["status"] for row in rows().values()] == ["done", "done", "failed", "broken", "done"]
        assert sweep("--ray", nodes.address, "--jobs", "1") == 1  # only what failed is done again
        assert Path("runs/my sweep/last.log").read_text().count("run with 1 threads") == 1
        assert Path("runs/my sweep/fails.log").read_text().count("run with 1 threads") == 2
    finally:
        import ray

        ray.shutdown()
        nodes.shutdown()
