# SPDX-License-Identifier: Apache-2.0
"""One fit of a network beside scikit-learn's, and of boosted trees beside XGBoost's own Python package.

    bench/learners.py PENSTOCK WORK_FOLDER [ROWS]        default 1000000 for trees; a tenth of it for networks

Rows of 20 numbers; the label is a curved function of them with noise (no bare product: trees find that by luck alone). Timed is the fit alone: of penstock the stage
that refits on all training rows, of the others what they need from arrays in memory to the fitted model (XGBoost:
its own matrix and the rounds). The same settings, and networks have one thread each; what each reaches on the training
rows stands beside it, because faster and worse would be no comparison.
"""
import json
import os
import re
import shutil
import statistics
import subprocess
import sys

import measure

FEATURES = [f"x{i}" for i in range(20)]
ROUNDS = 3
TREES = "GradientBoostedTrees(maxIter = 50, maxDepth = 6)"
NETWORK = "MultilayerPerceptron(layers = [64, 32], maxIter = 10, tol = 0)"
XGBOOST = """
import json, sys, time
import numpy, xgboost
data = numpy.load(sys.argv[1])
x, y = numpy.ascontiguousarray(data[:, :-1]), data[:, -1]
wall, cpu = time.monotonic(), time.process_time()
matrix = xgboost.{matrix}(x, label=y, nthread=4)
model = xgboost.train({{"tree_method": "hist", "max_depth": 6, "eta": 0.3, "nthread": 4, "base_score": y.mean(),
                       "verbosity": 0}}, matrix, 50)
wall, cpu = time.monotonic() - wall, time.process_time() - cpu
print(json.dumps({{"wall": wall, "cpu": cpu, "rmse": float(numpy.sqrt(numpy.mean((model.predict(matrix) - y) ** 2)))}}))
"""
SCIKIT = """
import json, sys, time, warnings
import numpy
from sklearn.neural_network import MLPRegressor
warnings.filterwarnings("ignore")
data = numpy.load(sys.argv[1])
x, y = numpy.ascontiguousarray(data[:, :-1]), data[:, -1]
scale = y.std()
y = (y - y.mean()) / scale
wall, cpu = time.monotonic(), time.process_time()
model = MLPRegressor(hidden_layer_sizes=(64, 32), max_iter=10, tol=0, random_state=0).fit(x, y)
wall, cpu = time.monotonic() - wall, time.process_time() - cpu
print(json.dumps({"wall": wall, "cpu": cpu, "rmse": float(scale * numpy.sqrt(numpy.mean((model.predict(x) - y) ** 2)))}))
"""
UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}
STAGE = re.compile(r"refit on all training rows .* tasks? +([0-9.,]+) (ns|us|ms|s|min), +([0-9.,]+) (ns|us|ms|s|min) cpu")


def make_data(folder, rows):
    import numpy
    import pyarrow
    import pyarrow.parquet
    path = os.path.join(folder, f"curved_{rows}")
    if os.path.exists(path + ".parquet"):
        return path
    random = numpy.random.default_rng(20261123)
    x = random.normal(size=(rows, len(FEATURES)))
    y = 3 * numpy.sin(2 * x[:, 0]) + 2 * numpy.maximum(x[:, 1], x[:, 2]) + x[:, 3:8].sum(1) + 0.5 * random.normal(size=rows) + 100
    numpy.save(path + ".npy", numpy.column_stack([x, y]))
    columns = {name: x[:, j] for j, name in enumerate(FEATURES)} | {"y": y}
    pyarrow.parquet.write_table(pyarrow.table(columns), path + ".part")
    os.rename(path + ".part", path + ".parquet")
    return path


def run_penstock(penstock, folder, path, call, threads):
    project = os.path.join(folder, "learners")
    shutil.rmtree(project, ignore_errors=True)
    os.makedirs(project)
    with open(os.path.join(project, "penstock.yml"), "w") as out:
        out.write("name: learners\nexecutor-memory: 4g\n")
    with open(os.path.join(project, "model.sql"), "w") as out:
        out.write(f"CREATE MODEL m PREDICT y USING {call} VALIDATE TrainValidationSplit(trainRatio = 0.9) "
                  f"AS SELECT * FROM '{path}.parquet';\n")
    output = measure.run([penstock, "run", "--once", "--master", f"local[{threads}]", "--project", project]).output
    found = STAGE.search(output)
    if not found:
        raise SystemExit("bench: penstock run shows no refit:\n" + output)
    wall, wall_unit, cpu, cpu_unit = found.groups()
    shown = measure.run([penstock, "models", "show", "m", "--format", "json", "--project", project]).output
    rmse = json.loads(shown)["training"]["rmse"]
    return float(wall.replace(",", "")) * UNITS[wall_unit], float(cpu.replace(",", "")) * UNITS[cpu_unit], rmse


def run_python(python, program, path):
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    result = json.loads(subprocess.run([python, "-c", program, path + ".npy"], check=True, stdout=subprocess.PIPE).stdout)
    return result["wall"], result["cpu"], result["rmse"]


def compare(title, contestants):
    runs = {name: [] for name, _ in contestants}
    for number in range(ROUNDS + 1):
        for name, run in contestants:
            result = run()
            runs[name] += [result] if number > 0 else []
    print(f"\n{title} (median of {ROUNDS} fits in turn)")
    print(f"{'':34s} {'wall s':>9s} {'cpu s':>9s} {'rmse':>9s}   wall and cpu beside the first")
    first = None
    for name, results in runs.items():
        wall, cpu, rmse = (statistics.median(r[i] for r in results) for i in range(3))
        first = first or (wall, cpu)
        print(f"{name:34s} {wall:9.3f} {cpu:9.3f} {rmse:9.4f}   {wall / first[0]:.2f}x  {cpu / first[1]:.2f}x", flush=True)


def main():
    penstock, folder = sys.argv[1], sys.argv[2]
    rows = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000
    trees, network = make_data(folder, rows), make_data(folder, rows // 10)
    python = "/usr/bin/python3"  # Debian's python3-xgboost: the very library that penstock opens
    compare(f"boosted trees, {rows:,} rows x 20 features, 50 rounds of depth 6", [
        ("penstock", lambda: run_penstock(penstock, folder, trees, TREES, os.cpu_count())),
        ("XGBoost in Python, DMatrix", lambda: run_python(python, XGBOOST.format(matrix="DMatrix"), trees)),
        ("XGBoost, QuantileDMatrix", lambda: run_python(python, XGBOOST.format(matrix="QuantileDMatrix"), trees))])
    compare(f"network 20-64-32-1, {rows // 10:,} rows, 10 epochs of Adam, one thread", [
        ("penstock", lambda: run_penstock(penstock, folder, network, NETWORK, 1)),
        ("scikit-learn", lambda: run_python(sys.executable, SCIKIT, network))])


main()
