"""Stands in for `edgekws run FOLDER`: takes epochs of a tenth of a second, and ends as the run's name asks for."""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

step, folder = sys.argv[1], Path(sys.argv[2])
name = folder.name
print(f"{step} with {os.environ['TF_NUM_INTRAOP_THREADS']} threads", flush=True)
if "fails" in name:
    print("edgekws: error: there is no folder recordings", file=sys.stderr)
    sys.exit(2)
if "meets" in name:
    (folder / "here").touch()
    limit = time.monotonic() + 60
    while not (folder.parent / {"meets-1": "meets-2", "meets-2": "meets-1"}[name] / "here").exists():
        if time.monotonic() > limit:
            sys.exit("the other never came")
        time.sleep(0.05)
(folder / "state").mkdir(exist_ok=True)
(folder / "records").mkdir(exist_ok=True)
checkpoint = folder / "state" / "float.npz"
done = 0
if checkpoint.exists():
    with np.load(checkpoint) as file:
        done = len(json.loads(file["meta"].tobytes())["history"])
for epoch in range(done, 3):
    time.sleep(30 if "slow" in name and epoch == 1 and not (folder / "state" / "quick").exists() else 0.1)
    meta = json.dumps({"identity": "", "history": [{}] * (epoch + 1)})
    with open(folder / "state" / "new.npz", "wb") as file:
        np.savez(file, meta=np.frombuffer(meta.encode(), np.uint8))
    with open(folder / "epochs.txt", "a") as log:
        log.write(f"{epoch + 1}\n")
    os.replace(folder / "state" / "new.npz", checkpoint)  # the last thing of an epoch: tests wait for it
record = folder / "records"
(record / "train.json").write_text(json.dumps({"validation_accuracy": 0.875}))
(record / "quantize.json").write_text("{}")
if step in ("run", "convert"):
    (record / "convert.json").write_text(json.dumps({"kept": "qat", "validation": {"qat": {"accuracy": 0.75}}}))
if step == "run":
    holds = "broken" not in name
    paired = {"value": -0.01, "interval": [-0.02, 0.0]}
    facts = {
        "testing_clips": 100,
        "correct": {"float": 94, "int8": 93},
        "int8_minus_float": paired,
        "parity": {
            "holds": holds,
            "bounds": [
                {"text": "points of accuracy int8 is under float", "measured": 1.0, "limit": 0.5, "holds": holds}
            ],
        },
    }
    (folder / "report.json").write_text(json.dumps(facts))
    (folder / "manifest.json").write_text("{}")
    if not holds:
        print("bound: points of accuracy int8 is under float: 1.0000 (limit 0.5) BROKEN at rung 'int8'")
        print("report: runs/x/report.html")
        sys.exit(1)
