# SPDX-License-Identifier: Apache-2.0
"""The model search, file to chosen model: Parquet with 20 features, 3 folds x 9 parameters, beside four others.

    bench/model_search.py PENSTOCK WORK_FOLDER [ROWS...]        default 1000000 10000000

floor           DuckDB sums the columns, then one matrix product per fold: what reading and multiplying cost at least
numpy           the same search from one pass over the file with pyarrow and numpy
scikit-learn    GridSearchCV of StandardScaler and ElasticNet, the data read before; up to 1,000,000 rows
Spark           CrossValidator on local[2], up to 1,000,000 rows, only with PENSTOCK_BENCH_SPARK=1: takes minutes

The others say themselves how long their work took, without starting Python or Spark and without imports. So does
penstock: "penstock, search" is the sum of its training stages, file to chosen and refitted model, and is what they are
compared with; "penstock, process" is everything from the start of the program to the published model in its store.
"""
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time

import measure

GRID = [(reg, net) for reg in (0.01, 0.1, 0.5) for net in (0.0, 0.5, 1.0)]
FEATURES = [f"x{i}" for i in range(1, 21)]
SQL = f"""CREATE MODEL cv TRANSFORM (StandardScaler({', '.join(FEATURES)})) PREDICT loading_time
USING LinearRegression(regParam = GRID(0.01, 0.1, 0.5), elasticNetParam = GRID(0, 0.5, 1))
VALIDATE CrossValidator(numFolds = 3, metricName = 'rmse', seed = 42)
AS SELECT * FROM '{{}}';
"""


def floor(path):
    import duckdb
    import numpy
    connection = duckdb.connect(config={"threads": os.cpu_count()})
    rows = connection.execute(f"SELECT count(*) FROM '{path}'").fetchone()[0]
    fold = numpy.ones((rows // 3, len(FEATURES) + 2))
    yield
    connection.execute(f"SELECT {', '.join(f'sum({c})' for c in FEATURES + ['loading_time'])} FROM '{path}'").fetchall()
    for _ in range(3):
        fold.T @ fold


def one_pass(path):
    import numpy
    import pyarrow.parquet
    yield
    file = pyarrow.parquet.ParquetFile(path)
    width = len(FEATURES) + 2
    sums = numpy.zeros((3, width, width))
    generator = numpy.random.default_rng(42)
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, use_threads=True)
        matrix = numpy.empty((table.num_rows, width))
        matrix[:, 0] = 1
        for j in range(width - 1):
            matrix[:, 1 + j] = table.column(j).to_numpy()
        folds = generator.integers(0, 3, table.num_rows)
        for k in range(3):
            part = matrix[folds == k]
            sums[k] += part.T @ part
    scores = numpy.zeros((3, len(GRID)))
    for k in range(3):
        for cell, (reg, net) in enumerate(GRID):
            weights, intercept = solve(sums.sum(0) - sums[k], reg, net)
            residual = numpy.concatenate([[-intercept], -weights, [1.0]])
            scores[k, cell] = (residual @ sums[k] @ residual / sums[k][0, 0]) ** 0.5
    solve(sums.sum(0), *GRID[scores.mean(0).argmin()])
    print("best", GRID[scores.mean(0).argmin()], "rmse", scores.mean(0).min())


def solve(sums, reg, net):
    import numpy
    n, d = sums[0, 0], len(FEATURES)
    mean, label = sums[0, 1:1 + d] / n, sums[0, 1 + d] / n
    covariance = sums[1:1 + d, 1:1 + d] / n - numpy.outer(mean, mean)
    sigma, label_sigma = numpy.sqrt(numpy.diag(covariance)), numpy.sqrt(sums[-1, -1] / n - label * label)
    matrix = covariance / numpy.outer(sigma, sigma)
    right = (sums[1:1 + d, 1 + d] / n - mean * label) / (sigma * label_sigma)
    penalty = reg / label_sigma
    if net == 0:
        scaled = numpy.linalg.solve(matrix + penalty * numpy.eye(d), right)
    else:
        scaled = numpy.zeros(d)
        for _ in range(1000):
            moved = 0.0
            for j in range(d):
                slope = right[j] - matrix[j] @ scaled + scaled[j]
                new = numpy.sign(slope) * max(abs(slope) - penalty * net, 0) / (1 + penalty * (1 - net))
                moved, scaled[j] = max(moved, abs(new - scaled[j])), new
            if moved < 1e-12:
                break
    weights = scaled * label_sigma / sigma
    return weights, label - weights @ mean


def scikit(path):
    import numpy
    import pyarrow.parquet
    from sklearn.linear_model import ElasticNet
    from sklearn.model_selection import GridSearchCV, KFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    table = pyarrow.parquet.read_table(path)
    x = numpy.column_stack([table.column(c).to_numpy() for c in FEATURES])
    y = table.column("loading_time").to_numpy()
    yield
    grid = {"elasticnet__alpha": sorted({r for r, _ in GRID}), "elasticnet__l1_ratio": sorted({a for _, a in GRID})}
    search = GridSearchCV(make_pipeline(StandardScaler(), ElasticNet()), grid, cv=KFold(3, shuffle=True, random_state=42),
                          scoring="neg_root_mean_squared_error", n_jobs=os.cpu_count())
    search.fit(x, y)
    print("best", search.best_params_, "rmse", -search.best_score_)


def spark(path):
    from pyspark.ml import Pipeline
    from pyspark.ml.evaluation import RegressionEvaluator
    from pyspark.ml.feature import StandardScaler, VectorAssembler
    from pyspark.ml.regression import LinearRegression
    from pyspark.ml.tuning import CrossValidator, ParamGridBuilder
    from pyspark.sql import SparkSession
    session = (SparkSession.builder.master("local[2]").config("spark.driver.memory", "8g")
               .config("spark.ui.enabled", "false").getOrCreate())
    session.sparkContext.setLogLevel("ERROR")
    yield
    frame = session.read.parquet(path)
    regression = LinearRegression(labelCol="loading_time", featuresCol="scaled")
    grid = (ParamGridBuilder().addGrid(regression.regParam, sorted({r for r, _ in GRID}))
            .addGrid(regression.elasticNetParam, sorted({a for _, a in GRID})).build())
    stages = [VectorAssembler(inputCols=FEATURES, outputCol="raw"), StandardScaler(inputCol="raw", outputCol="scaled"),
              regression]
    search = CrossValidator(estimator=Pipeline(stages=stages), estimatorParamMaps=grid, numFolds=3, seed=42,
                            evaluator=RegressionEvaluator(labelCol="loading_time", metricName="rmse"))
    print("rmse", min(search.fit(frame).avgMetrics))


PEERS = {"floor": floor, "numpy": one_pass, "scikit-learn": scikit, "Spark": spark}


def run_peer(name, path):
    """In a process of its own: what comes before the yield is not counted."""
    steps = PEERS[name](path)
    next(steps)
    def cpu():
        own, children = os.times(), resource.getrusage(resource.RUSAGE_CHILDREN)
        return own.user + own.system + children.ru_utime + children.ru_stime
    wall, used = time.monotonic(), cpu()
    for _ in steps:
        pass
    print(json.dumps({"wall": time.monotonic() - wall, "cpu": cpu() - used}))


def project(folder, name, sql):
    path = os.path.join(folder, name)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "penstock.yml"), "w") as out:
        out.write(f"name: {name}\n")
    with open(os.path.join(path, "model.sql"), "w") as out:
        out.write(sql)
    return path


UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}
STAGE = re.compile(r" tasks? +([0-9.,]+) (ns|us|ms|s|min), +([0-9.,]+) (ns|us|ms|s|min) cpu")


def run_penstock(penstock, folder):
    """[(wall, cpu, peak MiB) of the search, the same of the process]."""
    shutil.rmtree(os.path.join(folder, "store"), ignore_errors=True)
    result = measure.run([penstock, "run", "--once", "--project", folder])
    stages = STAGE.findall(result.output)
    if not stages:
        raise SystemExit("bench: penstock run shows no stages:\n" + result.output)
    wall = sum(float(w.replace(",", "")) * UNITS[u] for w, u, _, _ in stages)
    cpu = sum(float(c.replace(",", "")) * UNITS[u] for _, _, c, u in stages)
    return [(wall, cpu, result.peak_mib), (result.wall, result.cpu, result.peak_mib)]


def run_other(name, path):
    result = measure.run([sys.executable, __file__, "--peer", name, path])
    own = json.loads(result.output.strip().split("\n")[-1])
    # scikit-learn and Spark work in processes of their own: what those used is not known here
    has_helpers = name in ("scikit-learn", "Spark")
    return own["wall"], None if has_helpers else own["cpu"], None if has_helpers else result.peak_mib


def compare(title, peers, path, penstock, folder, rounds):
    runs = {name: [] for name in ["penstock, search", "penstock, process"] + peers}
    for number in range(rounds + 1):  # the first round warms the caches
        own = run_penstock(penstock, folder)
        for name, result in zip(list(runs)[:2], own):
            runs[name] += [result] if number > 0 else []
        for name in peers:
            if name in ("scikit-learn", "Spark") and number != 1:
                continue  # minutes: once, with warm files
            result = run_other(name, path)
            runs[name] += [result] if number > 0 else []
    print(f"\n{title} (median of {rounds} runs in turn; scikit-learn and Spark once)")
    print(f"{'':34s} {'wall s':>9s} {'cpu s':>9s} {'peak MiB':>9s}   wall beside the first")
    ours = statistics.median(r[0] for r in runs["penstock, search"])
    for name, results in runs.items():
        wall = statistics.median(r[0] for r in results)
        rest = "        -         -"
        if results[0][1] is not None:
            rest = f"{statistics.median(r[1] for r in results):9.3f} {max(r[2] for r in results):9.0f}"
        print(f"{name:34s} {wall:9.3f} {rest}   {wall / ours:.2f}x", flush=True)
    print(f"the search takes {ours / statistics.median(r[0] for r in runs['floor']):.2f}x the floor")


def main():
    penstock, folder = sys.argv[1], sys.argv[2]
    for rows in [int(text) for text in sys.argv[3:]] or [1_000_000, 10_000_000]:
        path = os.path.join(folder, f"cv_{rows}.parquet")
        if not os.path.exists(path):
            generator = os.path.join(os.path.dirname(os.path.abspath(__file__)), "generate_cv.py")
            subprocess.run([sys.executable, generator, path + ".part", str(rows)], check=True)
            os.rename(path + ".part", path)
        peers = ["floor", "numpy"]
        if rows <= 1_000_000:
            peers += ["scikit-learn"] + (["Spark"] if os.environ.get("PENSTOCK_BENCH_SPARK") == "1" else [])
        here = project(folder, f"cv_{rows}", SQL.format(path))
        compare(f"model search, {rows:,} rows x 20 features, 3 folds x 9 parameters", peers, path, penstock, here, 3)


if __name__ == "__main__":  # logistic.py uses what is above
    if sys.argv[1] == "--peer":
        run_peer(sys.argv[2], sys.argv[3])
    else:
        main()
