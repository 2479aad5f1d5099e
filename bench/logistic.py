# SPDX-License-Identifier: Apache-2.0
"""Logistic regression, file to chosen model: two classes, 20 features, 3 folds x 3 parameters, beside scikit-learn.

    bench/logistic.py PENSTOCK WORK_FOLDER [ROWS...]        default 1000000

The label is drawn from the features of generate_cv.py's data. scikit-learn runs GridSearchCV of LogisticRegression with
one job and one thread, once with its default solver (lbfgs, tol 1e-4) and once with newton-cholesky at 1e-8, on data that
were read and standardized before; penstock is given one core, too, and reads the file. Each says the log-loss of the
training rows at the end, so that nobody is fast by stopping early. "per core" is CPU seconds beside CPU seconds.
"""
import json
import os
import subprocess
import sys
import time

import measure

FEATURES = [f"x{i}" for i in range(1, 21)]
GRID = (0.0001, 0.001, 0.01)
LABEL = "loading_time > 120 AS late"
SQL = f"""CREATE MODEL late PREDICT late
USING LogisticRegression(regParam = GRID({', '.join(map(str, GRID))}))
VALIDATE CrossValidator(numFolds = 3, metricName = 'logLoss', seed = 42)
AS SELECT * EXCLUDE (loading_time), {LABEL} FROM '{{}}';
"""


def scikit(path, solver):
    import numpy
    import pyarrow.parquet
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.model_selection import GridSearchCV, KFold
    table = pyarrow.parquet.read_table(path)
    x = numpy.column_stack([table.column(c).to_numpy() for c in FEATURES])
    x = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    y = table.column("loading_time").to_numpy() > 120
    tight = dict(solver="lbfgs") if solver == "lbfgs" else dict(solver="newton-cholesky", tol=1e-8)
    begin = time.process_time(), time.monotonic()
    rows = len(y) * 2 / 3
    grid = {"C": [1 / (rows * reg) for reg in GRID]}
    search = GridSearchCV(LogisticRegression(max_iter=1000, **tight), grid, scoring="neg_log_loss", n_jobs=1,
                          cv=KFold(3, shuffle=True, random_state=42))
    search.fit(x, y)
    used = time.process_time() - begin[0], time.monotonic() - begin[1]
    best = search.best_estimator_
    penalty = 0.5 * numpy.sum(best.coef_ ** 2) / (best.C * len(y))
    print(json.dumps(dict(cpu=used[0], wall=used[1], loss=log_loss(y, best.predict_proba(x)), penalty=penalty,
                          fold=-search.best_score_)))


def run_penstock(penstock, folder):
    """The sum of the training's stages, and what the model loses."""
    import model_search
    result = model_search.run_penstock(penstock, folder)
    return result[0]


def main():
    penstock, folder = sys.argv[1], sys.argv[2]
    one = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    for rows in [int(text) for text in sys.argv[3:]] or [1_000_000]:
        path = os.path.join(folder, f"cv_{rows}.parquet")
        if not os.path.exists(path):
            generator = os.path.join(os.path.dirname(os.path.abspath(__file__)), "generate_cv.py")
            subprocess.run([sys.executable, generator, path + ".part", str(rows)], check=True)
            os.rename(path + ".part", path)
        here = os.path.join(folder, f"late_{rows}")
        os.makedirs(here, exist_ok=True)
        with open(os.path.join(here, "penstock.yml"), "w") as out:
            out.write(f"name: late_{rows}\n")
        with open(os.path.join(here, "model.sql"), "w") as out:
            out.write(SQL.format(path))
        print(f"\nlogistic regression, {rows:,} rows x 20 features, 3 folds x {len(GRID)} parameters")
        print(f"{'':34s} {'wall s':>9s} {'cpu s':>9s}")
        own = run_penstock(penstock, here)
        own = run_penstock(penstock, here)
        print(f"{'penstock, search':34s} {own[0]:9.3f} {own[1]:9.3f}", flush=True)
        for solver in ("lbfgs", "newton-cholesky"):
            text = subprocess.run([sys.executable, __file__, "--peer", path, solver], env=one, check=True,
                                  capture_output=True, text=True).stdout
            peer = json.loads(text.strip().split("\n")[-1])
            print(f"{'scikit-learn, ' + solver:34s} {peer['wall']:9.3f} {peer['cpu']:9.3f}   "
                  f"{peer['cpu'] / own[1]:.1f}x cpu, log-loss {peer['loss']:.9f}, folds {peer['fold']:.9f}", flush=True)


if sys.argv[1] == "--peer":
    scikit(sys.argv[2], sys.argv[3])
else:
    main()
