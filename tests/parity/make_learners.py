#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What XGBoost's own Python package and scikit-learn's networks make of the rows of the parity test.

    make_learners.py trees         with python3-xgboost 1.7.4 of Debian 12 (the library that penstock opens)
    make_learners.py networks      with scikit-learn 1.9.1

Each writes its half of learners.json. Trees: the prediction of every sixth row, which must be the same float32. Networks
start from other random weights: what is compared is the loss that several of them reach.
"""
import csv
import json
import math
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).parent
NUMBERS = ["a", "b", "c", "d"]


def load():
    with open(HERE / "data.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    x = np.array([[float(row[name]) for name in NUMBERS] for row in rows])
    return rows, x, np.array([float(row["y"]) for row in rows])


def one_hot(rows, column):
    """Indexes of categories, the most frequent first, the last one dropped: -1."""
    counts = {}
    for row in rows:
        counts[row[column]] = counts.get(row[column], 0) + 1
    order = sorted(counts, key=lambda name: (-counts[name], name))
    return np.array([order.index(row[column]) if row[column] != order[-1] else -1 for row in rows]), len(order) - 1


def sparse(x, index, width):
    """All numbers, and the one category that a row has."""
    from scipy.sparse import csr_matrix
    values, indices, starts = [], [], [0]
    for row, category in zip(x, index):
        values += list(row) + ([1.0] if category >= 0 else [])
        indices += list(range(len(row))) + ([len(row) + category] if category >= 0 else [])
        starts.append(len(values))
    return csr_matrix((np.array(values, np.float32), np.array(indices), np.array(starts)), shape=(len(x), x.shape[1] + width))


def boosted(matrix, label, rounds, **parameters):
    import xgboost
    settings = {"nthread": 4, "tree_method": "hist", "max_bin": 256, "eta": 0.3, "max_depth": 6, "seed": 0, "verbosity": 0}
    settings.update(parameters)
    if hasattr(matrix, "astype"):
        matrix = matrix.astype(np.float32)
    data = xgboost.QuantileDMatrix(matrix, label=label.astype(np.float32), max_bin=settings["max_bin"], nthread=4)
    model = xgboost.train(settings, data, rounds)
    return model.predict(xgboost.DMatrix(matrix))


# Training rows are ordered by fold: these folds keep the order of the file, on which drawing rows and coarse bins depend.
IN_ORDER = "VALIDATE CrossValidator(numFolds = 3, foldCol = 'part')"


def trees():
    rows, x, y = load()
    mean = math.fsum(y) / len(y)
    index, width = one_hot(rows, "cat")
    high = y > 55
    names = sorted({row["cat"] for row in rows})
    kinds = np.array([names.index(row["cat"]) for row in rows])
    with_y = np.column_stack([x, y])
    high_share = float(np.float32(high.mean()))
    cases = [
        ("squared", "PREDICT y USING GradientBoostedTrees(maxIter = 50) AS SELECT a, b, c, d, y FROM data",
         boosted(x, y - mean, 50, base_score=0) + 0.0, mean),
        ("one-hot", "TRANSFORM (OneHotEncoder(cat)) PREDICT y USING GradientBoostedTrees(maxIter = 60, maxDepth = 4, "
         "stepSize = 0.2, lambda = 2, alpha = 0.5, gamma = 1, minInstancesPerNode = 5, maxBins = 64) "
         f"{IN_ORDER} AS SELECT a, b, c, d, cat, y, rowid // 1000 AS part FROM data",
         boosted(sparse(x, index, width), y - mean, 60, base_score=0, max_depth=4, eta=0.2, reg_lambda=2, alpha=0.5,
                 gamma=1, min_child_weight=5, max_bin=64), mean),
        ("sampled", "PREDICT y USING GradientBoostedTrees(maxIter = 40, subsamplingRate = 0.6, featureSubsetStrategy = "
         f"'sqrt', colsampleByTree = 0.75, seed = 7) {IN_ORDER} AS SELECT a, b, c, d, y, rowid // 1000 AS part FROM data",
         boosted(x, y - mean, 40, base_score=0, subsample=0.6, colsample_bynode=0.5, colsample_bytree=0.75, seed=7), mean),
        ("absolute", "PREDICT y USING GradientBoostedTrees(maxIter = 40, lossType = 'absolute') AS SELECT a, b, c, d, y FROM data",
         boosted(x, y - mean, 40, objective="reg:absoluteerror"), mean),
        ("lossguide", "PREDICT y USING GradientBoostedTrees(maxIter = 30, growPolicy = 'lossguide', maxLeaves = 12, "
         "maxDepth = 20) AS SELECT a, b, c, d, y FROM data",
         boosted(x, y - mean, 30, base_score=0, grow_policy="lossguide", max_leaves=12, max_depth=20), mean),
        ("gamma", "PREDICT y USING GradientBoostedTrees(maxIter = 30, objective = 'reg:gamma') AS SELECT a, b, c, d, y FROM data",
         boosted(x, y, 30, objective="reg:gamma", base_score=float(np.float32(mean))), 0),
        ("logistic", "PREDICT high USING GradientBoostedTrees(maxIter = 50, scalePosWeight = 2) "
         "AS SELECT a, b, c, d, y > 55 AS high FROM data",
         boosted(x, high, 50, objective="binary:logistic", base_score=high_share, scale_pos_weight=2), 0),
        ("softprob", "PREDICT cat USING GradientBoostedTrees(maxIter = 20, maxDepth = 4) AS SELECT a, b, c, d, y, cat FROM data",
         boosted(with_y, kinds, 20, max_depth=4, objective="multi:softprob", num_class=len(names)), 0),
    ]
    return [dict(name=name, statement=f"CREATE MODEL m {text}", offset=offset,
                 predictions=[float(p) for p in np.asarray(found)[::6].ravel()]) for name, text, found, offset in cases]


def networks():
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import StandardScaler
    _, x, y = load()
    x = StandardScaler().fit_transform(x)
    scaled = (y - y.mean()) / y.std()
    scale = "TRANSFORM (StandardScaler(a, b, c, d, withMean = true))"
    cases = []
    for name, settings, text in [
            ("l-bfgs", dict(solver="lbfgs", hidden_layer_sizes=(12,), activation="tanh", max_iter=400, max_fun=100000),
             "solver = 'l-bfgs', layers = [12], activation = 'tanh', maxIter = 400"),
            ("adam", dict(hidden_layer_sizes=(32, 16), max_iter=60, tol=0, learning_rate_init=0.003),
             "layers = [32, 16], maxIter = 60, tol = 0, stepSize = 0.003")]:
        errors, losses = [], []
        for seed in range(5):
            model = MLPRegressor(random_state=seed, **settings).fit(x, scaled)
            errors.append(float(np.sqrt(np.mean((model.predict(x) - scaled) ** 2)) * y.std()))
            model = MLPClassifier(random_state=seed, **settings).fit(x, y > 55)
            p = np.clip(model.predict_proba(x)[:, 1], 1e-15, 1 - 1e-15)
            losses.append(float(-np.mean(np.where(y > 55, np.log(p), np.log(1 - p)))))
        call = f"USING MultilayerPerceptron({text})"
        cases.append(dict(name=name + " number", metric="rmse", reached=errors,
                          statement=f"CREATE MODEL m {scale} PREDICT y {call} AS SELECT a, b, c, d, y FROM data"))
        cases.append(dict(name=name + " classes", metric="logLoss", reached=losses,
                          statement=f"CREATE MODEL m {scale} PREDICT high {call} AS SELECT a, b, c, d, y > 55 AS high FROM data"))
    return cases


def main():
    path = HERE / "learners.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    half = sys.argv[1]
    found[half] = {"trees": trees, "networks": networks}[half]()
    path.write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
