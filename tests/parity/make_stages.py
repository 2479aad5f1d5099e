#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What real Spark ML and scikit-learn, and Python's calendar, make of the rows of data.csv, stage by stage.

    make_stages.py        reads data.csv (of make_reference.py) and writes stages.json, both beside itself

Needs pyspark 4.3.0, scikit-learn and Java 17. A case is a TRANSFORM clause, the columns of its SELECT, and for
every feature that it should make the values of the first ROWS rows and the sum over all. Stages are fitted on all rows.
Spark's directions of PCA have any sign: they are turned so that the largest weight is positive.
"""
import csv
import datetime
import json
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent
ROWS = 40
CASES = []


def case(name, transforms, select, features, tolerance=1e-12):
    CASES.append(dict(name=name, transforms=transforms, select=select, tolerance=tolerance, features={
        k: dict(sum=float(np.sum(v)), values=[float(x) for x in v[:ROWS]]) for k, v in features.items()}))
    print(name, {k: v[:2] for k, v in list(features.items())[:3]}, flush=True)


def by_spark(frame):
    from pyspark.ml import feature, Pipeline
    from pyspark.ml.functions import vector_to_array
    from pyspark.sql import SparkSession
    spark = (SparkSession.builder.master("local[1]").config("spark.driver.memory", "1g").config("spark.ui.enabled", "false")
             .config("spark.sql.shuffle.partitions", "1").config("spark.sql.ansi.enabled", "false").getOrCreate())
    spark.sparkContext.setLogLevel("ERROR")
    data = spark.createDataFrame(spark.sparkContext.parallelize(list(zip(*frame.values())), 1), list(frame)).cache()
    assert data.rdd.getNumPartitions() == 1
    wide = feature.VectorAssembler(inputCols=["a", "b", "c", "d"], outputCol="wide").transform(data).cache()

    def column(rows, name):
        return np.array([r[0] for r in rows.select(name).collect()])

    def vectors(rows, name):
        return np.array([r[0] for r in rows.select(vector_to_array(name)).collect()])

    def named(names, matrix):
        return {n: matrix[:, i] for i, n in enumerate(names)}

    for p, text in ((1.0, "1"), (2.0, "2"), (3.0, "3"), (float("inf"), "'Infinity'")):
        out = feature.Normalizer(inputCol="wide", outputCol="out", p=p).transform(wide)
        case(f"Normalizer p = {text}", f"Normalizer(a, b, c, d, p = {text})", "a, b, c, d", named("abcd", vectors(out, "out")))

    for column_name, count in (("a", 2), ("c", 10), ("d", 7), ("d", 30), ("a", 13), ("a", 25)):
        stage = feature.QuantileDiscretizer(inputCol=column_name, outputCol="out", numBuckets=count, relativeError=0.0)
        case(f"QuantileDiscretizer {column_name} {count}", f"QuantileDiscretizer({column_name}, numBuckets = {count})",
             column_name, {column_name: column(stage.fit(data).transform(data), "out")})
    stage = feature.QuantileDiscretizer(inputCol="e", outputCol="out", numBuckets=4, relativeError=0.0, handleInvalid="keep")
    case("QuantileDiscretizer keep", "QuantileDiscretizer(e, numBuckets = 4, handleInvalid = 'keep')", "e",
         {"e": column(stage.fit(data).transform(data), "out")})

    indexer = feature.StringIndexer(inputCols=["cat", "side"], outputCols=["cat_i", "side_i"]).fit(data)
    indexed = indexer.transform(data)
    for kind, label, sql in (("continuous", "y", "y"), ("binary", "high", "CAST(y > 60 AS INTEGER)")):
        for smoothing in (0.0, 25.0):
            stage = feature.TargetEncoder(inputCols=["cat_i", "side_i", "d"], outputCols=["o1", "o2", "o3"], labelCol=label,
                                          targetType=kind, smoothing=smoothing)
            out = stage.fit(indexed).transform(indexed)
            case(f"TargetEncoder {kind} {smoothing}",
                 f"TargetEncoder(cat, side, d, targetType = '{kind}', smoothing = {smoothing})", f"cat, side, d, {sql} AS label",
                 {"cat": column(out, "o1"), "side": column(out, "o2"), "d": column(out, "o3")})

    for count in (32, 257, 1 << 18):
        stage = feature.FeatureHasher(inputCols=["a", "d", "cat", "side", "odd"], outputCol="out", numFeatures=count,
                                      categoricalCols=["d"])
        rows = [dict(zip(r[0].indices.tolist(), r[0].values.tolist())) for r in stage.transform(data).select("out").collect()]
        used = {f"hash_{i}": np.array([r.get(i, 0.0) for r in rows]) for i in sorted({i for r in rows for i in r})}
        case(f"FeatureHasher {count}", f"FeatureHasher(a, d, cat, side, odd, numFeatures = {count}, categoricalCols = ['d'])",
             "a, d, cat, side, d % 2 = 1 AS odd", used)
    odd = ["größe", "naïve", "日本語", "", "x", "xy", "xyz", "xyzw", "a=b"]
    texts = spark.createDataFrame([(t,) for t in odd], ["text"])
    matrix = vectors(feature.FeatureHasher(inputCols=["text"], outputCol="out", numFeatures=1000).transform(texts), "out")
    hashes = dict(zip(odd, matrix.argmax(axis=1).tolist()))

    for k in (1, 2, 4):
        model = feature.PCA(k=k, inputCol="wide", outputCol="out").fit(wide)
        weights = model.pc.toArray()
        signs = np.sign(weights[np.abs(weights).argmax(axis=0), np.arange(k)])
        case(f"PCA {k}", f"PCA(a, b, c, d, k = {k})", "a, b, c, d",
             named([f"pca_{i}" for i in range(k)], vectors(model.transform(wide), "out") * signs), 1e-9)
    scaled = Pipeline(stages=[feature.StandardScaler(inputCol="wide", outputCol="scaled", withMean=True),
                              feature.PCA(k=2, inputCol="scaled", outputCol="out")]).fit(wide)
    weights = scaled.stages[1].pc.toArray()
    signs = np.sign(weights[np.abs(weights).argmax(axis=0), np.arange(2)])
    case("StandardScaler, then PCA", "StandardScaler(a, b, c, d, withMean = true), PCA(a, b, c, d, k = 2)", "a, b, c, d",
         named(["pca_0", "pca_1"], vectors(scaled.transform(wide), "out") * signs), 1e-9)

    for threshold in (0.0, 5.0, 20.0):
        model = feature.VarianceThresholdSelector(featuresCol="wide", outputCol="out", varianceThreshold=threshold).fit(wide)
        names = ["abcd"[i] for i in model.selectedFeatures]
        case(f"VarianceThresholdSelector {threshold}", f"VarianceThresholdSelector(varianceThreshold = {threshold})", "a, b, c, d",
             named(names, vectors(model.transform(wide), "out")))
    version = spark.version
    spark.stop()
    return version, hashes


def by_sklearn(frame):
    import sklearn
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler
    x = np.array([frame[n] for n in "abcd"], dtype=float).T
    for norm, p in (("l1", "1"), ("l2", "2"), ("max", "'Infinity'")):
        out = Normalizer(norm).fit_transform(x)
        case(f"scikit-learn Normalizer {norm}", f"Normalizer(a, b, c, d, p = {p})", "a, b, c, d",
             {n: out[:, i] for i, n in enumerate("abcd")})
    # withMean takes the mean off before: then both project the same
    plain = StandardScaler().fit_transform(x) * np.sqrt((len(x) - 1) / len(x))
    out = PCA(3, svd_solver="full").fit_transform(plain)
    case("scikit-learn PCA", "StandardScaler(a, b, c, d, withMean = true), PCA(a, b, c, d, k = 3)", "a, b, c, d",
         {f"pca_{i}": out[:, i] for i in range(3)}, 1e-9)
    out = [FunctionTransformer(lambda v, g=g: g(v / 20 * 2 * np.pi)).fit_transform(x[:, 3]) for g in (np.sin, np.cos)]
    case("scikit-learn sine and cosine", "CyclicEncoder(d, period = 20)", "d", {"d_sin": out[0], "d_cos": out[1]}, 1e-11)
    start = datetime.datetime(2023, 12, 30, 23, 5, 7, 250000)
    moments = [start + datetime.timedelta(days=19 * d, milliseconds=round(a * 1000)) for a, d in zip(frame["a"], frame["d"])]
    turns = {"hour_of_day": [(m - datetime.datetime.combine(m.date(), datetime.time())).total_seconds() / 86400 for m in moments],
             "day_of_week": [m.isoweekday() / 7 for m in moments], "month": [m.month / 12 for m in moments],
             "day_of_year": [m.timetuple().tm_yday / (365 + (m.year % 4 == 0)) for m in moments]}
    case("Python's calendar", ", ".join(f"CyclicEncoder(moment, period = '{p}')" for p in turns),
         "TIMESTAMP '2023-12-30 23:05:07.25' + to_days(CAST(19 * d AS INTEGER)) + to_milliseconds(CAST(round(a * 1000) AS BIGINT)) "
         "AS moment", {f"moment_{p}_{n}": g(2 * np.pi * np.array(v)) for p, v in turns.items()
                       for n, g in (("sin", np.sin), ("cos", np.cos))}, 1e-9)
    return sklearn.__version__


def main():
    with open(HERE / "data.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    frame = {n: [float(r[n]) if r[n] else float("nan") for r in rows] for n in "abcey"}
    frame |= {n: [int(r[n]) for r in rows] for n in "d"} | {n: [r[n] for r in rows] for n in ("cat", "side")}
    frame["odd"] = [d % 2 == 1 for d in frame["d"]]
    frame["high"] = [int(y > 60) for y in frame["y"]]
    sklearn_version = by_sklearn(frame)
    spark_version, hashes = by_spark(frame)
    out = dict(made_with=dict(spark=spark_version, sklearn=sklearn_version), cases=CASES, hashes=hashes)
    (HERE / "stages.json").write_text(json.dumps(out, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
