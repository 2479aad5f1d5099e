#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What real Spark ML and scikit-learn say about the models of the parity test.

    make_reference.py [DATA_ONLY | sklearn]        writes data.csv and reference.json beside itself

Needs pyspark 4.3.0, pandas, scikit-learn and Java 17. Every case is a CREATE MODEL statement with the Spark pipeline
that means the same. Input is one partition in the order of the file, so that rand(seed) gives the same folds. What
comes out: per cell the metric of every fold, the mean, the best cell, its coefficients by penstock's names, the
intercept. Features are assembled in penstock's order: the columns of the SELECT, then what stages add.
"""
import json
import pathlib
import sys

import numpy as np
import pandas as pd

HERE = pathlib.Path(__file__).parent


def make_data():
    rng = np.random.default_rng(20261122)
    n = 3000
    a = 50 + 3 * rng.standard_normal(n)
    b = 0.6 * (a - 50) + rng.standard_normal(n)
    c = np.exp(rng.standard_normal(n)) * 100
    d = rng.integers(0, 20, n)
    e = 1e4 + 25 * rng.standard_normal(n)
    cat = rng.choice(["red", "green", "blue", "grey", "pink", "ochre"], n, p=[0.3, 0.22, 0.2, 0.12, 0.1, 0.06])
    side = rng.choice(["left", "right", "both"], n, p=[0.5, 0.3, 0.2])
    effect = pd.Series(cat).map({"red": 0, "green": 2, "blue": -1, "grey": 4, "pink": 1, "ochre": -3}).to_numpy()
    turn = pd.Series(side).map({"left": 0.0, "right": 0.1, "both": -0.1}).to_numpy()
    y = 12 + 0.8 * a - 1.1 * b + 0.01 * c + 0.2 * d + 0.03 * (e - 1e4) + effect + turn * a + 2 * rng.standard_normal(n)
    hole = rng.random(n) < 0.06
    hole[0] = hole.sum() % 2 == 0 if not hole[0] else hole[0]
    frame = pd.DataFrame({
        "fold": np.arange(n) % 3, "a": a.round(6), "b": b.round(6), "c": c.round(4), "d": d,
        "e": np.where(hole, np.nan, e.round(4)), "cat": cat, "side": side, "y": y.round(6)})
    frame.to_csv(HERE / "data.csv", index=False, lineterminator="\n")


CASES = []


def case(name, table, columns, transforms, using, validate, tolerance=1e-6, compares=("metrics", "coefficients")):
    CASES.append(dict(name=name, table=table, columns=columns, transforms=transforms, using=using, validate=validate,
                      tolerance=tolerance, compares=list(compares)))


RIDGE = {"regParam": [0.0, 0.5]}
NET = {"regParam": [0.01, 0.1, 0.5], "elasticNetParam": [0.0, 0.5, 1.0]}
SMALL = {"regParam": [0.05], "elasticNetParam": [0.0, 0.5]}
FOLDS = {"foldCol": "fold"}
LOOSE = 1e-4  # nearly dependent features: Spark's quasi-Newton stops short of the optimum, even at tol 1e-13
ABCD = ["a", "b", "c", "d"]


def define():
    case("ridge", "data", ABCD, [], RIDGE, FOLDS, 1e-9)
    case("elastic net", "data", ABCD, [], NET, FOLDS)
    case("random folds", "data", ABCD, [("StandardScaler", ABCD, {})], NET, {"seed": 42})
    case("five random folds", "data", ABCD, [], RIDGE, {"seed": -7, "numFolds": 5}, 1e-9)
    case("train validation split", "data", ABCD, [], RIDGE, {"seed": 7, "trainRatio": 0.75}, 1e-9)
    for metric in ("mse", "r2", "mae", "var"):
        case("metric " + metric, "data", ABCD, [], RIDGE, {"foldCol": "fold", "metricName": metric}, 1e-9)
    raw = {"regParam": [0.05], "elasticNetParam": [0.0, 0.5], "standardization": False}
    case("without standardization", "data", ABCD, [], raw, FOLDS)
    case("StandardScaler without standardization", "data", ABCD, [("StandardScaler", ABCD, {})], raw, FOLDS)
    case("StandardScaler withMean", "data", ABCD, [("StandardScaler", ABCD, {"withMean": True})], SMALL, FOLDS)
    case("MinMaxScaler", "data", ABCD, [("MinMaxScaler", ["a", "c"], {"min": -1.0, "max": 2.0})], raw, FOLDS)
    case("MaxAbsScaler", "data", ABCD, [("MaxAbsScaler", ABCD, {})], raw, FOLDS)
    case("RobustScaler", "data", ABCD, [("RobustScaler", ABCD, {})], SMALL, FOLDS, compares=["metrics"])
    case("without intercept", "data", ABCD, [], dict(SMALL, fitIntercept=False), FOLDS)
    case("without intercept, MinMaxScaler", "data", ABCD, [("MinMaxScaler", ABCD, {})],
         dict(SMALL, fitIntercept=False), FOLDS, LOOSE)
    hot = ["a", "cat", "side"]
    case("one-hot", "data", hot, [("StringIndexer", ["cat", "side"], {}), ("OneHotEncoder", ["cat", "side"], {})],
         SMALL, FOLDS)
    case("one-hot of texts", "data", hot, [("OneHotEncoder", ["cat", "side"], {})], SMALL, FOLDS)
    case("one-hot, alphabetical", "data", hot,
         [("StringIndexer", ["cat", "side"], {"stringOrderType": "alphabetAsc"}), ("OneHotEncoder", ["cat", "side"], {})],
         SMALL, FOLDS)
    case("one-hot, keep", "data", hot, [("OneHotEncoder", ["cat", "side"], {"handleInvalid": "keep"})], SMALL, FOLDS)
    case("one-hot, nothing dropped", "data", hot, [("OneHotEncoder", ["cat"], {"dropLast": False}),
                                                   ("OneHotEncoder", ["side"], {})], SMALL, FOLDS)
    case("one-hot of a number", "data", ["a", "d"], [("OneHotEncoder", ["d"], {})], SMALL, FOLDS)
    case("index as a number", "data", ["a", "cat"],
         [("StringIndexer", ["cat"], {"stringOrderType": "alphabetDesc"})], SMALL, FOLDS)
    case("Imputer mean", "data", ["a", "e"], [("Imputer", ["e"], {})], raw, FOLDS)
    case("Imputer mean, then StandardScaler", "data", ["a", "e"],
         [("Imputer", ["e"], {}), ("StandardScaler", ["a", "e"], {})], raw, FOLDS)
    case("Imputer median", "data", ["a", "e"], [("Imputer", ["e"], {"strategy": "median"})], SMALL, FOLDS,
         compares=["coefficients"])
    case("Imputer mode", "data", ["a", "d"], [("Imputer", ["d"], {"strategy": "mode", "missingValue": 0.0})], SMALL,
         FOLDS, compares=["coefficients"])
    case("Bucketizer", "data", ["a", "d"], [("Bucketizer", ["d"], {"splits": [0.0, 5.0, 12.0, 20.0]})], SMALL, FOLDS)
    case("Bucketizer, one-hot", "data", ["a", "d"],
         [("Bucketizer", ["d"], {"splits": [float("-inf"), 5.0, 12.0, float("inf")]}), ("OneHotEncoder", ["d"], {})],
         SMALL, FOLDS)
    case("PolynomialExpansion", "data", ["a", "d"], [("PolynomialExpansion", ["a", "d"], {"degree": 3})], SMALL, FOLDS, LOOSE)
    case("StandardScaler, then PolynomialExpansion", "data", ["a", "d"],
         [("StandardScaler", ["a", "d"], {"withMean": True}), ("PolynomialExpansion", ["a", "d"], {})], SMALL, FOLDS,
         compares=["coefficients"])
    case("Interaction", "data", ["a", "d", "cat"],
         [("OneHotEncoder", ["cat"], {}), ("Interaction", ["a", "d"], {}), ("Interaction", ["a", "cat"], {})], SMALL, FOLDS)
    case("Interaction of categories", "data", hot,
         [("OneHotEncoder", ["cat", "side"], {}), ("Interaction", ["cat", "side"], {})], SMALL, FOLDS)
    case("flights", "flights", ["hour", "distance", "origin", "carrier", "dep_delay"],
         [("StandardScaler", ["distance", "dep_delay"], {}),
          ("OneHotEncoder", ["origin", "carrier", "hour"], {"handleInvalid": "keep"})],
         {"regParam": [0.01, 0.1, 1.0], "elasticNetParam": [0.0, 0.5, 1.0]}, {"seed": 7})


def literal(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(literal(v) for v in value) + "]"
    if isinstance(value, str):
        return f"'{value}'"
    if value in (float("inf"), float("-inf")):
        return "'Infinity'" if value > 0 else "'-Infinity'"
    return repr(value)


def settings(values):
    return [f"{k} = {literal(v)}" for k, v in values.items()]


def statement(spec):
    lines = ["CREATE MODEL m"]
    stages = [f"{t}({', '.join(columns + settings(options))})" for t, columns, options in spec["transforms"]]
    if stages:
        lines.append("TRANSFORM (" + ", ".join(stages) + ")")
    label = "y" if spec["table"] == "data" else "loading_time"
    lines.append(f"PREDICT {label}")
    grid = [f"{k} = GRID({', '.join(map(repr, v))})" if isinstance(v, list) else f"{k} = {literal(v)}"
            for k, v in spec["using"].items()]
    lines.append("USING LinearRegression(" + ", ".join(grid) + ")")
    kind = "TrainValidationSplit" if "trainRatio" in spec["validate"] else "CrossValidator"
    lines.append(f"VALIDATE {kind}(" + ", ".join(settings(spec["validate"])) + ")")
    columns = spec["columns"] + [label] + (["fold"] if "foldCol" in spec["validate"] else [])
    lines.append(f"AS SELECT {', '.join(columns)} FROM {spec['table']}")
    return "\n".join(lines)


class Assembly:
    """The Spark stages of a case, with penstock's in-place columns and the names of the features."""

    def __init__(self, frame, columns):
        self.frame, self.stages, self.count = frame, [], 0
        self.columns = {c: c for c in columns}              # live name -> Spark column
        self.kinds = {c: ("text" if frame[c].dtype == object or str(frame[c].dtype) == "str" else "number") for c in columns}
        self.labels = {}                                    # live name -> labels of an index

    def fresh(self, name):
        self.count += 1
        return f"{name.replace('*', '_').replace(':', '_').replace('^', '_')}__{self.count}"

    def vector(self, columns):
        from pyspark.ml.feature import VectorAssembler
        out = self.fresh("vector")
        self.stages.append(VectorAssembler(inputCols=[self.columns[c] for c in columns], outputCol=out))
        return out

    def scaler(self, kind, columns, options):
        import pyspark.ml.feature as feature
        # one by one: a vector could not be taken apart again inside a pipeline
        for c in columns:
            vector, out = self.vector([c]), self.fresh(c)
            extra = {"relativeError": 0.0} if kind == "RobustScaler" else {}
            self.stages.append(getattr(feature, kind)(inputCol=vector, outputCol=out, **options, **extra))
            self.columns[c] = out
            self.kinds[c] = "vector1"

    def index(self, c, options):
        from pyspark.ml.feature import StringIndexer
        out = self.fresh(c)
        self.stages.append(StringIndexer(inputCol=self.columns[c], outputCol=out, **options))
        counts = self.frame[c].value_counts()
        order = options.get("stringOrderType", "frequencyDesc")
        labels = sorted(counts.index)
        if order == "frequencyDesc":
            labels = sorted(labels, key=lambda v: (-counts[v], v))
        elif order == "alphabetDesc":
            labels = sorted(labels, reverse=True)
        self.columns[c], self.kinds[c], self.labels[c] = out, "number", labels

    def one_hot(self, c, options):
        from pyspark.ml.feature import OneHotEncoder
        text = self.kinds[c] == "text"
        if text:
            keep = {"handleInvalid": "keep"} if options.get("handleInvalid") == "keep" else {}
            self.index(c, keep)
        elif options.get("handleInvalid") == "keep":
            # a number is its own index in Spark: as a text it has categories of its own, none of them empty
            self.columns[c] = self.as_text(c)
            self.index(c, {"handleInvalid": "keep", "stringOrderType": "alphabetAsc"})
        labels = self.labels.get(c)
        if labels is None:
            labels = [str(v) for v in range(int(self.frame[c].max()) + 1)]
        drop = options.get("dropLast", True)
        out = self.fresh(c)
        # Spark's keep of the index is kept by dropLast, which drops the unknown one
        self.stages.append(OneHotEncoder(inputCol=self.columns[c], outputCol=out, dropLast=drop))
        keeps_all = options.get("handleInvalid") == "keep"
        kept = labels if (not drop or keeps_all) else labels[:-1]
        self.columns[c], self.kinds[c], self.labels[c] = out, "onehot", [f"{c}={v}" for v in kept]

    def as_text(self, c):
        return c + "__text"

    def apply(self, kind, columns, options):
        import pyspark.ml.feature as feature
        if kind.endswith("Scaler"):
            return self.scaler(kind, columns, options)
        for c in columns if kind not in ("PolynomialExpansion", "Interaction") else []:
            out = self.fresh(c)
            if kind == "StringIndexer":
                self.index(c, options)
            elif kind == "OneHotEncoder":
                self.one_hot(c, options)
            elif kind == "Imputer":
                extra = {"relativeError": 0.0} if options.get("strategy") == "median" else {}
                self.stages.append(feature.Imputer(inputCol=self.columns[c], outputCol=out, **options, **extra))
                self.columns[c] = out
            elif kind == "Bucketizer":
                self.stages.append(feature.Bucketizer(inputCol=self.columns[c], outputCol=out, **options))
                ends = options["splits"]
                text = [f"{v:.12g}" for v in ends]
                self.labels[c] = [f"[{text[i]},{text[i + 1]}" + ("]" if i + 2 == len(ends) else ")")
                                  for i in range(len(ends) - 1)]
                self.columns[c] = out
        if kind == "PolynomialExpansion":
            vector, out = self.vector(columns), self.fresh("poly")
            degree = options.get("degree", 2)
            self.stages.append(feature.PolynomialExpansion(inputCol=vector, outputCol=out, degree=degree))
            self.columns["poly"], self.kinds["poly"] = out, "poly"
            self.labels["poly"] = self.monomials(columns, degree)
            for c in columns:
                del self.columns[c]     # the expansion has them too
        if kind == "Interaction":
            out = self.fresh("interaction")
            self.stages.append(feature.Interaction(inputCols=[self.columns[c] for c in columns], outputCol=out))
            name = ":".join(columns)
            parts = [self.labels[c] if self.kinds[c] == "onehot" else [c] for c in columns]
            names = [""]
            for part in parts:          # the last column varies fastest
                names = [f"{n}:{p}" if n else p for n in names for p in part]
            self.columns[name], self.kinds[name], self.labels[name] = out, "onehot", names
        return None

    @staticmethod
    def monomials(columns, degree):
        """Spark's order, found by expanding symbols instead of numbers: two columns only."""
        x, y = columns
        names = []
        for j in range(degree + 1):
            for i in range(degree + 1 - j):
                if i + j > 0:
                    part = [f"{c}^{k}" if k > 1 else c for c, k in ((x, i), (y, j)) if k > 0]
                    names.append("*".join(part))
        return names

    def features(self):
        from pyspark.ml.feature import VectorAssembler
        self.stages.append(VectorAssembler(inputCols=list(self.columns.values()), outputCol="features"))
        names = []
        for c in self.columns:
            names += self.labels[c] if self.kinds[c] in ("onehot", "poly") else [c]
        return names


def run(spark, spec, frames):
    from pyspark.ml import Pipeline
    from pyspark.ml.evaluation import RegressionEvaluator
    from pyspark.ml.regression import LinearRegression
    from pyspark.ml.tuning import CrossValidator, ParamGridBuilder, TrainValidationSplit
    pandas_frame, frame = frames[spec["table"]]
    label = "y" if spec["table"] == "data" else "loading_time"
    assembly = Assembly(pandas_frame, spec["columns"])
    for kind, columns, options in spec["transforms"]:
        assembly.apply(kind, columns, dict(options))
    names = assembly.features()
    fixed = {k: v for k, v in spec["using"].items() if not isinstance(v, list)}
    estimator = LinearRegression(labelCol=label, maxIter=2000, tol=1e-13, **fixed)
    builder = ParamGridBuilder()
    for k, v in spec["using"].items():
        if isinstance(v, list):
            builder = builder.addGrid(getattr(estimator, k), v)
    validate = dict(spec["validate"])
    evaluator = RegressionEvaluator(labelCol=label, metricName=validate.pop("metricName", "rmse"))
    common = dict(estimator=Pipeline(stages=assembly.stages + [estimator]), estimatorParamMaps=builder.build(),
                  evaluator=evaluator)
    if "trainRatio" in validate:
        search = TrainValidationSplit(**common, **validate)
    else:
        search = CrossValidator(**common, numFolds=validate.pop("numFolds", 3), collectSubModels=False, **validate)
    folds = []
    if "trainRatio" not in validate:
        # fold by fold: CrossValidatorModel gives the mean and the deviation only
        for train, test in search._kFold(frame):
            train.cache(), test.cache()
            row = []
            for parameters in common["estimatorParamMaps"]:
                row.append(evaluator.evaluate(common["estimator"].fit(train, parameters).transform(test)))
            folds.append(row)
    model = search.fit(frame) if "trainRatio" in validate else None
    means = list(model.validationMetrics) if model else np.mean(folds, axis=0).tolist()
    larger = evaluator.isLargerBetter()
    best = int(np.argmax(means) if larger else np.argmin(means))
    best_model = model.bestModel if model else common["estimator"].fit(frame, common["estimatorParamMaps"][best])
    regression = best_model.stages[-1]
    weights = regression.coefficients.toArray().tolist()
    assert len(weights) == len(names), (spec["name"], len(weights), names)
    kept = {k: spec[k] for k in ("name", "tolerance", "compares")}
    return dict(kept, statement=statement(spec), best=best, means=means,
                folds=[list(f) for f in zip(*folds)] if folds else [[m] for m in means],
                coefficients=dict(zip(names, weights)), intercept=regression.intercept)


def sklearn_models():
    """scikit-learn's lasso is Spark's (its ridge is not: it does not divide by the label's deviation); with compat =
    'sklearn' all of its penalties are had. Solved as tightly as it can be."""
    from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge
    from sklearn.preprocessing import StandardScaler
    frame = pd.read_csv(HERE / "data.csv")
    x, y = frame[ABCD], frame["y"]
    tight = dict(tol=1e-15, max_iter=1000000)
    scale = x.std(ddof=0).to_numpy()
    spark_lasso = Lasso(alpha=0.1, **tight).fit(StandardScaler().fit_transform(x), y)
    models = {"lasso 0.1": ("regParam = 0.1, elasticNetParam = 1", None, spark_lasso.coef_ / scale),
              "least squares": ("regParam = 0", LinearRegression(), None)}
    for alpha in (0.001, 1, 30, 5000):
        models[f"ridge {alpha}"] = (f"compat = 'sklearn', regParam = {alpha}", Ridge(alpha=alpha, solver="cholesky"), None)
    models["ridge without intercept"] = ("compat = 'sklearn', regParam = 30, fitIntercept = FALSE",
                                         Ridge(alpha=30, fit_intercept=False, solver="cholesky"), None)
    for alpha in (0.01, 0.3, 2, 20):
        for share in (0.2, 0.7, 1):
            kind = Lasso(alpha=alpha, **tight) if share == 1 else ElasticNet(alpha=alpha, l1_ratio=share, **tight)
            models[f"elastic net {alpha} {share}"] = (
                f"compat = 'sklearn', regParam = {alpha}, elasticNetParam = {share}", kind, None)
    models["elastic net without intercept"] = (
        "compat = 'sklearn', regParam = 0.5, elasticNetParam = 0.5, fitIntercept = FALSE",
        ElasticNet(alpha=0.5, l1_ratio=0.5, fit_intercept=False, **tight), None)
    out = []
    for name, (using, model, coefficients) in models.items():
        intercept = None
        if model is not None:
            model.fit(x, y)
            coefficients, intercept = model.coef_, float(model.intercept_)
        case = dict(name=name, using=using, coefficients=dict(zip(ABCD, map(float, coefficients))), intercept=intercept)
        if name.startswith("elastic"):
            case |= dict(alpha=model.alpha, l1_ratio=model.l1_ratio)
        out.append(case)
    return out


def main():
    if sys.argv[1:] == ["sklearn"]:     # only these; the rest stays as it is
        out = json.loads((HERE / "reference.json").read_text())
        out["sklearn"] = sklearn_models()
        (HERE / "reference.json").write_text(json.dumps(out, indent=1) + "\n")
        return
    make_data()
    if sys.argv[1:]:
        return
    define()
    from pyspark.sql import SparkSession
    spark = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
             .config("spark.sql.shuffle.partitions", "1").getOrCreate())
    spark.sparkContext.setLogLevel("ERROR")
    frames = {}
    for table in ("data", "flights"):
        frame = pd.read_csv(HERE / f"{table}.csv")
        wide = frame.copy()
        for c in ("hour",):
            if c in wide:
                wide[c + "__text"] = wide[c].map("{:02d}".format)
        records = [tuple(v.item() if hasattr(v, "item") else v for v in row) for row in wide.itertuples(index=False)]
        data = spark.createDataFrame(spark.sparkContext.parallelize(records, 1), list(wide.columns)).cache()
        assert data.rdd.getNumPartitions() == 1
        frames[table] = (frame, data)
    results = []
    for spec in CASES:
        results.append(run(spark, spec, frames))
        print(spec["name"], results[-1]["means"], flush=True)
    out = dict(made_with=dict(spark=spark.version), cases=results, sklearn=sklearn_models())
    (HERE / "reference.json").write_text(json.dumps(out, indent=1) + "\n")
    spark.stop()


if __name__ == "__main__":
    main()
