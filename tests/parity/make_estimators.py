#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What real Spark ML, scikit-learn and a direct solution say about estimators that are not least squares.

    make_estimators.py        writes estimators.json beside itself; cases that are in it already stay as they are

Needs pyspark 4.3.0, numpy, scikit-learn and Java 17. Every case is a CREATE MODEL statement over data.csv. Of each
come the coefficients (one list for each sum) and intercepts of Spark, those of scikit-learn where it minimises the
same, and, where the objective is smooth, those of Newton's method in numpy to the last digits: "exact". `objective`
is the penalised mean loss at Spark's coefficients and at the exact ones, so that whoever differs can be told who is
right.
"""
import csv
import json
import pathlib
import warnings

import numpy as np

HERE = pathlib.Path(__file__).parent
NAMES = ["a", "b", "c", "d"]
LABELS = {  # SQL, and the same in numpy
    "two": ("y > 56", lambda t: (t["y"] > 56).astype(float)),
    "three": ("CASE WHEN y < 53 THEN 0 WHEN y < 58 THEN 1 ELSE 2 END",
              lambda t: np.where(t["y"] < 53, 0.0, np.where(t["y"] < 58, 1.0, 2.0))),
    "count": ("greatest(0, floor((y - 45) / 4))", lambda t: np.maximum(0, np.floor((t["y"] - 45) / 4))),
    "share": ("(y - 20) / 80", lambda t: (t["y"] - 20) / 80),
    "positive": ("exp((y - 56) / 10)", lambda t: np.exp((t["y"] - 56) / 10)),
    "rain": ("CASE WHEN y < 54 THEN 0 ELSE y - 54 END", lambda t: np.where(t["y"] < 54, 0.0, t["y"] - 54)),
    "wild": ("CASE WHEN d = 7 THEN y + 80 ELSE y END", lambda t: np.where(t["d"] == 7, t["y"] + 80, t["y"])),
}
CASES = []


def case(name, estimator, label, **options):
    CASES.append((name, estimator, label, options))


def define():
    lr = "LogisticRegression"
    case("two classes", lr, "two")
    case("two classes, ridge", lr, "two", regParam=0.05)
    case("two classes, ridge, raw", lr, "two", regParam=0.05, standardization=False)
    case("two classes, ridge, no intercept", lr, "two", regParam=0.05, fitIntercept=False)
    case("two classes, lasso", lr, "two", regParam=0.05, elasticNetParam=1.0)
    case("two classes, elastic net", lr, "two", regParam=0.05, elasticNetParam=0.4)
    case("two classes, elastic net, raw", lr, "two", regParam=0.02, elasticNetParam=0.4, standardization=False)
    case("two classes, softmax", lr, "two", regParam=0.05, family="multinomial")
    case("three classes", lr, "three")
    case("three classes, ridge", lr, "three", regParam=0.02)
    case("three classes, no intercept", lr, "three", fitIntercept=False)
    case("three classes, elastic net", lr, "three", regParam=0.02, elasticNetParam=0.5)
    glm = "GeneralizedLinearRegression"
    case("gaussian", glm, "wild")
    case("gaussian, ridge", glm, "wild", regParam=0.7)
    case("gaussian, log", glm, "positive", family="gaussian", link="log")
    for link in ("logit", "probit", "cloglog"):
        case("binomial, " + link, glm, "share", family="binomial", link=link)
    case("binomial, ridge", glm, "two", family="binomial", regParam=0.1)
    for link in ("log", "sqrt", "identity"):
        case("poisson, " + link, glm, "count", family="poisson", link=link)
    case("poisson, ridge", glm, "count", family="poisson", regParam=0.3)
    for link in ("log", "inverse", "identity"):
        case("gamma, " + link, glm, "positive", family="gamma", link=link)
    case("gamma, ridge", glm, "positive", family="gamma", link="log", regParam=0.2)
    case("gamma, ridge, no intercept", glm, "positive", family="gamma", link="log", regParam=0.2, fitIntercept=False)
    case("tweedie", glm, "rain", family="tweedie", variancePower=1.5, linkPower=0.0)
    case("tweedie, ridge", glm, "rain", family="tweedie", variancePower=1.5, linkPower=0.0, regParam=0.1)
    case("huber", "HuberRegression", "wild")
    case("huber, ridge", "HuberRegression", "wild", regParam=0.3, epsilon=1.8)
    case("huber, raw", "HuberRegression", "wild", regParam=0.3, standardization=False)
    case("huber, no intercept", "HuberRegression", "wild", fitIntercept=False)
    case("huber, as LinearRegression", "LinearRegression", "wild", loss="huber", epsilon=1.5, regParam=0.1)
    case("tweedie, power link", glm, "positive", family="tweedie", variancePower=1.6, linkPower=0.3)


def table():
    with open(HERE / "data.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return {c: np.array([float(r[c]) for r in rows]) for c in NAMES + ["y"]}


def statement(estimator, label, options):
    def text(v):
        return f"'{v}'" if isinstance(v, str) else str(v).upper() if isinstance(v, bool) else repr(v)
    using = ", ".join(f"{k} = {text(v)}" for k, v in options.items())
    if label in ("two", "three") and estimator == "GeneralizedLinearRegression":
        sql = f"CAST({LABELS[label][0]} AS DOUBLE)"
    else:
        sql = LABELS[label][0]
    return (f"CREATE MODEL m PREDICT label USING {estimator}({using}) AS SELECT a, b, c, d, {sql} AS label "
            f"FROM data")


# --- direct solutions -----------------------------------------------------------------------------------------

def newton(theta, derivatives, steps=200):
    """derivatives(theta) -> value, gradient, matrix. Halves steps that do not go down; ends at rounding."""
    value, gradient, matrix = derivatives(theta)
    for _ in range(steps):
        step = np.linalg.lstsq(matrix, gradient, rcond=1e-14)[0]
        length = 1.0
        while length > 1e-12:
            trial = theta - length * step
            there = derivatives(trial)
            if np.isfinite(there[0]) and there[0] <= value + 1e-13 * abs(value):
                break
            length /= 2
        done = np.max(np.abs(length * step)) < 1e-14 * max(1, np.max(np.abs(theta)))
        theta, (value, gradient, matrix) = trial, there
        if done:
            break
    return theta


def logistic_parts(x, y, options):
    n, d = x.shape
    sd = x.std(axis=0, ddof=1)
    weight = 1 / sd ** 2 if not options.get("standardization", True) else np.ones(d)
    lam, share = options.get("regParam", 0.0), options.get("elasticNetParam", 0.0)
    return (x - x.mean(axis=0) * options.get("fitIntercept", True)) / sd, sd, lam * (1 - share) * weight


def exact_logistic(x, y, options):
    z, sd, l2 = logistic_parts(x, y, options)
    n, d = x.shape
    intercept = options.get("fitIntercept", True)
    z = np.column_stack([z, np.ones(n)]) if intercept else z
    l2 = np.append(l2, 0) if intercept else l2
    k = int(y.max()) + 1
    width = z.shape[1]
    if k == 2 and options.get("family") != "multinomial":
        def parts(t):
            s = z @ t
            p = 1 / (1 + np.exp(-s))
            value = np.mean(np.logaddexp(0, s) - y * s) + 0.5 * np.sum(l2 * t * t)
            return value, z.T @ (p - y) / n + l2 * t, (z.T * (p * (1 - p))) @ z / n + np.diag(l2)
        t = newton(np.zeros(width), parts)[None, :]
    else:
        hot = np.eye(k)[y.astype(int)]

        def parts(t):
            t = t.reshape(k, width)
            s = z @ t.T
            s = s - s.max(axis=1, keepdims=True)
            e = np.exp(s)
            p = e / e.sum(axis=1, keepdims=True)
            value = np.mean(np.log(e.sum(axis=1)) - (s * hot).sum(axis=1)) + 0.5 * np.sum(l2 * t * t)
            matrix = np.zeros((k * width, k * width))
            for i in range(k):
                for j in range(k):
                    w = p[:, i] * ((i == j) - p[:, j])
                    matrix[i * width:(i + 1) * width, j * width:(j + 1) * width] = (z.T * w) @ z / n
            matrix += np.diag(np.tile(l2, k))
            return value, ((p - hot).T @ z / n + l2 * t).ravel(), matrix
        t = newton(np.zeros(k * width), parts).reshape(k, width)
    b = t[:, :d] / sd
    if len(t) > 1 and options.get("regParam", 0.0) == 0:
        b = b - b.mean(axis=0)
    b0 = t[:, d] - b @ x.mean(axis=0) if intercept else np.zeros(len(t))
    if len(t) > 1 and intercept:
        b0 = t[:, d] - (t[:, :d] / sd) @ x.mean(axis=0)
        b0 = b0 - b0.mean()
    return b, b0


def exact_huber(x, y, options):
    n, d = x.shape
    sd = x.std(axis=0, ddof=1)
    lam, eps = options.get("regParam", 0.0), options.get("epsilon", 1.35)
    intercept = options.get("fitIntercept", True)
    z = (x - x.mean(axis=0) * intercept) / sd
    unit = y.std()
    z = np.column_stack([z, np.ones(n)]) if intercept else z
    l2 = lam * unit * (np.ones(d) if options.get("standardization", True) else 1 / sd ** 2)
    l2 = np.append(l2, 0) if intercept else l2
    l2 = np.append(l2, 0)

    def parts(t):
        s = t[-1]
        if not s > 0:
            return np.inf, None, None
        r = y / unit - z @ t[:-1]
        q = r / s
        near = np.abs(q) < eps
        value = 0.5 * np.mean(s + np.where(near, q * r, 2 * eps * np.abs(r) - eps * eps * s)) + 0.5 * np.sum(l2 * t * t)
        slope = -np.where(near, q, eps * np.sign(r))
        gradient = np.append(z.T @ slope / n, 0.5 * np.mean(1 - np.where(near, q * q, eps * eps))) + l2 * t
        w = near / s
        cross = z.T @ (w * q) / n
        matrix = np.block([[(z.T * w) @ z / n, cross[:, None]], [cross[None, :], np.array([[np.mean(w * q * q)]])]])
        return value, gradient, matrix + np.diag(l2)
    start = np.append(np.linalg.lstsq(z, y / unit, rcond=None)[0], 1.0)
    t = newton(start, parts)
    b = t[:d] * unit / sd
    return b[None, :], np.array([t[d] * unit - b @ x.mean(axis=0) if intercept else 0.0])


def exact_gamma_inverse(x, y):
    """Spark's steps leave the domain here: at its answer 13 rows have a mean below 0, which it cuts off."""
    n, d = x.shape
    sd, mean = x.std(axis=0), x.mean(axis=0)
    z = np.column_stack([(x - mean) / sd, np.ones(n)])

    def parts(t):
        s = z @ t
        if s.min() <= 0:
            return np.inf, None, None
        return np.mean(y * s - 1 - np.log(y * s)), z.T @ (y - 1 / s) / n, (z.T / s ** 2) @ z / n
    t = newton(np.append(np.zeros(d), 1 / y.mean()), parts)
    b = t[:d] / sd
    return b[None, :], np.array([t[d] - b @ mean])


# --- Spark and scikit-learn -----------------------------------------------------------------------------------

def spark_model(spark, x, y, estimator, options):
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import VectorAssembler
    from pyspark.ml.regression import GeneralizedLinearRegression, LinearRegression
    rows = [tuple(map(float, r)) + (float(t),) for r, t in zip(x, y)]
    frame = spark.createDataFrame(spark.sparkContext.parallelize(rows, 1), NAMES + ["label"])
    frame = VectorAssembler(inputCols=NAMES, outputCol="features").transform(frame).cache()
    if estimator == "LogisticRegression":
        model = LogisticRegression(maxIter=3000, tol=1e-14, **options).fit(frame)
        return model.coefficientMatrix.toArray(), np.array(model.interceptVector.toArray())
    if estimator == "GeneralizedLinearRegression":
        model = GeneralizedLinearRegression(maxIter=500, tol=1e-13, **options).fit(frame)
    else:
        fixed = dict(options, loss="huber")
        model = LinearRegression(maxIter=3000, tol=1e-14, **fixed).fit(frame)
    return model.coefficients.toArray()[None, :], np.array([model.intercept])


def sklearn_model(x, y, estimator, options):
    """Where scikit-learn minimises the same thing in other words; None elsewhere."""
    from sklearn.linear_model import GammaRegressor, HuberRegressor, LogisticRegression, PoissonRegressor, TweedieRegressor
    n = len(y)
    lam = options.get("regParam", 0.0)
    intercept = options.get("fitIntercept", True)
    sd, mean = x.std(axis=0, ddof=1), x.mean(axis=0)
    z = (x - mean * intercept) / sd
    if estimator == "LogisticRegression":
        if not options.get("standardization", True) or options.get("family"):
            return None
        share = options.get("elasticNetParam", 0.0)
        if share > 0:
            model = LogisticRegression(C=1 / (n * lam), l1_ratio=share, solver="saga", tol=1e-12, max_iter=100000,
                                       fit_intercept=intercept, random_state=0)
        else:
            model = LogisticRegression(C=1 / (n * lam) if lam else np.inf, solver="newton-cholesky", tol=1e-13,
                                       max_iter=1000, fit_intercept=intercept)
        model.fit(z, y)
        b = model.coef_ / sd
        if len(b) > 1 and lam == 0:
            b = b - b.mean(axis=0)
        b0 = model.intercept_ - (model.coef_ / sd) @ mean if intercept else np.zeros(len(b))
        return b, b0 - b0.mean() if len(b) > 1 else b0
    if estimator == "GeneralizedLinearRegression":
        if lam or options.get("link", "log") != "log" or not intercept:
            return None
        tight = dict(alpha=0, tol=1e-13, max_iter=10000, solver="newton-cholesky")
        kinds = {"poisson": PoissonRegressor(**tight), "gamma": GammaRegressor(**tight)}
        model = kinds.get(options.get("family"))
        if options.get("family") == "tweedie" and options["linkPower"] == 0:
            model = TweedieRegressor(power=options["variancePower"], link="log", **tight)
        if model is None:
            return None
        model.fit(z, y)
        b = model.coef_ / sd
        return b[None, :], np.array([model.intercept_ - b @ mean])
    units = z if options.get("standardization", True) else x - mean * intercept
    model = HuberRegressor(epsilon=options.get("epsilon", 1.35), alpha=n * lam, tol=1e-10, max_iter=100000,
                           fit_intercept=intercept).fit(units, y)
    b = model.coef_ / (sd if options.get("standardization", True) else 1)
    return b[None, :], np.array([model.intercept_ - b @ mean if intercept else 0.0])


def main():
    warnings.simplefilter("ignore")
    define()
    data = table()
    x = np.column_stack([data[c] for c in NAMES])
    from pyspark.sql import SparkSession
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    path = HERE / "estimators.json"
    known = {c["statement"]: c for c in json.loads(path.read_text())["cases"]} if path.exists() else {}
    results = []
    for name, estimator, label, options in CASES:
        text = statement(estimator, label, options)
        if text in known:
            results.append(dict(known[text], name=name))
            continue
        y = LABELS[label][1](data)
        if name == "gamma, inverse":
            answers = {"exact": exact_gamma_inverse(x, y)}
        else:
            answers = {"spark": spark_model(spark, x, y, estimator, options)}
        other = sklearn_model(x, y, estimator, options)
        if other is not None:
            answers["sklearn"] = other
        if estimator == "LogisticRegression" and not options.get("elasticNetParam"):
            answers["exact"] = exact_logistic(x, y, options)
        if "uber" in estimator or options.get("loss") == "huber":
            answers["exact"] = exact_huber(x, y, options)
        results.append(dict(name=name, statement=text,
                            answers={k: dict(coefficients=np.asarray(b).tolist(), intercepts=np.asarray(c).tolist())
                                     for k, (b, c) in answers.items()}))
        print(name, {k: np.asarray(b).round(6).tolist() for k, (b, c) in answers.items()}, flush=True)
        out = dict(made_with=dict(spark=spark.version, sklearn=__import__("sklearn").__version__), names=NAMES,
                   cases=results)
        path.write_text(json.dumps(out, indent=1) + "\n")
    spark.stop()


if __name__ == "__main__":
    main()
