#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What Spark's evaluators and scikit-learn say about given labels and predictions.

    make_metrics.py        writes metrics.json beside itself

Needs pyspark 4.3.0, scikit-learn and Java 17. Each case has labels and what was predicted (numbers, or probabilities
row after row) with the metrics by penstock's names. Spark's are compared with all of its evaluators' metrics (numBins
= 0: every distinct probability is a threshold); where scikit-learn has the same metric, the two must agree here already.
"""
import json
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent
CLASSES = ["f1", "accuracy", "weightedPrecision", "weightedRecall", "weightedFalsePositiveRate", "hammingLoss", "logLoss"]


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cases():
    rng = np.random.default_rng(5)
    y = (rng.random(400) < 0.3).astype(float)
    p = np.clip(0.3 + 0.25 * (y - 0.3) + 0.2 * rng.standard_normal(400), 0.01, 0.99)
    yield "binary", y, np.column_stack([1 - p, p])
    coarse = np.round(p, 1)                                     # ties: many rows share a threshold
    yield "binary with ties", y, np.column_stack([1 - coarse, coarse])
    sure = np.where(y > 0, 1.0, 0.0)
    sure[:3] = 1 - sure[:3]                                     # probabilities 0 and 1, three of them wrong
    yield "binary without doubt", y, np.column_stack([1 - sure, sure])
    best = np.concatenate([[0.99], 0.9 * np.arange(20, 0, -1) / 20])
    first = np.concatenate([[0.0], np.arange(20) % 2])          # the best ranked is wrong: the first precision is 0
    yield "binary, the first is wrong", first, np.column_stack([1 - best, best])
    y = rng.integers(0, 4, 500).astype(float)
    yield "four classes", y, softmax(rng.standard_normal((500, 4)) + 1.2 * np.eye(4)[y.astype(int)])
    y = np.minimum(rng.integers(0, 4, 200), 2).astype(float)
    q = softmax(rng.standard_normal((200, 4)) + np.eye(4)[y.astype(int)] + np.array([0.5, 0, -9, 0]))
    yield "a class without rows, one never predicted", y, q


def spark_metrics(spark, y, q):
    from pyspark.ml.evaluation import BinaryClassificationEvaluator, MulticlassClassificationEvaluator
    from pyspark.ml.linalg import Vectors
    # Spark: the first of the greatest; of two classes the second only above the threshold
    given = q.argmax(axis=1).astype(float)
    frame = spark.createDataFrame([(float(a), float(b), Vectors.dense(row)) for a, b, row in zip(y, given, q)],
                                  ["label", "prediction", "probability"]).coalesce(1).cache()
    out = {m: MulticlassClassificationEvaluator(metricName=m).evaluate(frame) for m in CLASSES}
    if q.shape[1] == 2:
        for m in ("areaUnderROC", "areaUnderPR"):
            out[m] = BinaryClassificationEvaluator(rawPredictionCol="probability", metricName=m, numBins=0).evaluate(frame)
    return out


def sklearn_metrics(y, q):
    from sklearn import metrics
    given = q.argmax(axis=1)
    out = dict(f1=metrics.f1_score(y, given, average="weighted", zero_division=0),
               accuracy=metrics.accuracy_score(y, given), hammingLoss=metrics.hamming_loss(y, given),
               weightedPrecision=metrics.precision_score(y, given, average="weighted", zero_division=0),
               weightedRecall=metrics.recall_score(y, given, average="weighted", zero_division=0))
    if q.min() > 0:
        out["logLoss"] = metrics.log_loss(y, q, labels=list(range(q.shape[1])))
    if q.shape[1] == 2:
        out["areaUnderROC"] = metrics.roc_auc_score(y, q[:, 1])
    return out


def regression():
    from sklearn import metrics
    rng = np.random.default_rng(6)
    y = 5 + 3 * rng.standard_normal(300)
    p = y + rng.standard_normal(300)
    y[7] = 0                                                    # mape: a label of 0 is 2.2e-16
    mse = metrics.mean_squared_error(y, p)
    return dict(name="numbers", labels=y.tolist(), predictions=p.tolist(),
                metrics=dict(mse=mse, rmse=mse ** 0.5, mae=metrics.mean_absolute_error(y, p),
                             mape=metrics.mean_absolute_percentage_error(y, p), r2=metrics.r2_score(y, p),
                             var=float(np.mean((p - y.mean()) ** 2))))


def main():
    import sklearn
    from pyspark.sql import SparkSession
    spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
             .config("spark.sql.shuffle.partitions", "1").config("spark.driver.memory", "1g").getOrCreate())
    spark.sparkContext.setLogLevel("ERROR")
    out = []
    for name, y, q in cases():
        expected = spark_metrics(spark, y, q)
        for metric, value in sklearn_metrics(y, q).items():
            assert abs(expected[metric] - value) < 1e-9, (name, metric, expected[metric], value)
        out.append(dict(name=name, labels=y.tolist(), class_count=q.shape[1], probabilities=q.ravel().tolist(),
                        metrics=expected))
    out.append(regression())
    made = dict(spark=spark.version, sklearn=sklearn.__version__)
    (HERE / "metrics.json").write_text(json.dumps(dict(made_with=made, cases=out)) + "\n")
    spark.stop()


if __name__ == "__main__":
    main()
