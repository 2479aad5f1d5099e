# SPDX-License-Identifier: Apache-2.0
"""The real flights, from files to gated model: the whole run, and the CPU seconds of the search by itself (12 parameter
pairs x 3 folds, 4 scaled numbers and one-hot features of 4 columns, 264,470 training rows).

    bench/flights.py PENSTOCK WORK_FOLDER
"""
import json
import os
import shutil
import statistics
import subprocess
import sys

import measure

PENSTOCK = sys.argv[1]
EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "examples", "congestion")


def main():
    if not os.path.exists(os.path.join(EXAMPLE, "data")):
        subprocess.run([os.path.join(EXAMPLE, "make_data")], check=True)
    command = [PENSTOCK, "run", "--once", "--quiet", "--format", "json", "--project", EXAMPLE]
    runs = measure.compare("336,776 flights, files to gated model", [
        ("penstock run --once", command, lambda: shutil.rmtree(os.path.join(EXAMPLE, "store"), ignore_errors=True)),
    ], rounds=3, per=336_776)
    models = [json.loads(run.output[run.output.index("{"):])["models"][0] for run in runs["penstock run --once"]]
    print("\ntraining stages (medians)                wall s     cpu s")
    for i, stage in enumerate(models[0]["stages"]):
        wall = statistics.median(model["stages"][i]["wall_ms"] for model in models) / 1000
        cpu = statistics.median(model["stages"][i]["cpu_ms"] for model in models) / 1000
        print(f"  {stage['stage']:36s} {wall:8.3f}  {cpu:8.3f}")
    total = statistics.median(sum(stage["cpu_ms"] for stage in model["stages"]) for model in models) / 1000
    print(f"  {'all of the training':36s} {'':8s}  {total:8.3f} CPU seconds")


main()
