#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What real Spark ML makes of weightCol, offsetCol, threshold and thresholds.

    make_weights.py        writes weights.json beside itself

Needs pyspark 4.3.0 and Java 17. Every case is a CREATE MODEL statement over data.csv with what Spark says of it:
coefficients and intercepts; the mean metric of a CrossValidator over the column `fold`, with an evaluator that weighs
rows; or the class of each row, in the order of the file, as one text of digits.
"""
import json
import pathlib

HERE = pathlib.Path(__file__).parent
# some rows count nothing
WEIGHT = "CASE WHEN d = 3 THEN 0.0 ELSE 0.5 + c / 100 END"
OFFSET = "b / 10 + 0.2"
LABELS = {"y": "y", "two": "CASE WHEN y > 56 THEN 1 ELSE 0 END",
          "three": "CASE WHEN y < 53 THEN 0 WHEN y < 58 THEN 1 ELSE 2 END",
          "count": "greatest(0, floor((y - 45) / 4))", "share": "(y - 20) / 80", "positive": "exp((y - 56) / 10)"}
LINEAR, LOGISTIC, GENERAL = "LinearRegression", "LogisticRegression", "GeneralizedLinearRegression"
FITS = [
    ("least squares", LINEAR, "y", {}), ("ridge", LINEAR, "y", dict(regParam=0.3)),
    ("ridge, raw", LINEAR, "y", dict(regParam=0.3, standardization=False)),
    ("ridge, no intercept", LINEAR, "y", dict(regParam=0.3, fitIntercept=False)),
    ("elastic net", LINEAR, "y", dict(regParam=0.3, elasticNetParam=0.5)),
    ("huber", LINEAR, "y", dict(loss="huber", regParam=0.1)),
    ("two classes", LOGISTIC, "two", {}), ("two classes, ridge", LOGISTIC, "two", dict(regParam=0.05)),
    ("two classes, elastic net", LOGISTIC, "two", dict(regParam=0.05, elasticNetParam=0.4)),
    ("three classes, ridge", LOGISTIC, "three", dict(regParam=0.02)),
    ("gaussian, ridge", GENERAL, "y", dict(regParam=0.7)),
    ("poisson", GENERAL, "count", dict(family="poisson")),
    ("poisson, ridge", GENERAL, "count", dict(family="poisson", regParam=0.3)),
    ("binomial", GENERAL, "share", dict(family="binomial")),
    ("gamma", GENERAL, "positive", dict(family="gamma", link="log")),
    ("offset, gaussian", GENERAL, "y", dict(regParam=0.7, offsetCol="o")),
    ("offset, gaussian, log", GENERAL, "positive", dict(link="log", offsetCol="o")),
    ("offset, poisson", GENERAL, "count", dict(family="poisson", offsetCol="o")),
    ("offset, poisson, ridge, weights", GENERAL, "count", dict(family="poisson", regParam=0.3, offsetCol="o", weightCol="w")),
    ("offset, binomial", GENERAL, "share", dict(family="binomial", offsetCol="o")),
    ("offset, gamma, weights", GENERAL, "positive", dict(family="gamma", link="log", offsetCol="o", weightCol="w")),
]
METRICS = [(LINEAR, "y", "rmse"), (LINEAR, "y", "r2"), (LINEAR, "y", "mae"), (LINEAR, "y", "var"),
           (LOGISTIC, "two", "areaUnderROC"), (LOGISTIC, "two", "areaUnderPR"), (LOGISTIC, "two", "logLoss"),
           (LOGISTIC, "three", "f1"), (LOGISTIC, "three", "accuracy"), (LOGISTIC, "three", "weightedPrecision"),
           (LOGISTIC, "three", "logLoss")]
CHOICES = [("two", dict(threshold=0.3)), ("two", dict(thresholds=[0.3, 0.7])), ("two", dict(thresholds=[0.6, 0.0])),
           ("two", dict(thresholds=[0.3, 0.7], family="multinomial")), ("two", dict(threshold=0.3, family="multinomial")),
           ("three", {}), ("three", dict(thresholds=[0.5, 0.2, 0.3])), ("three", dict(thresholds=[0.4, 0.0, 0.4])),
           ("three", dict(thresholds=[1.5, 2, 3]))]


def text(value):
    return f"'{value}'" if isinstance(value, str) else str(value).upper() if isinstance(value, bool) else str(value)


def statement(estimator, label, options, validator=None):
    using = ", ".join(f"{k} = {text(v)}" for k, v in options.items())
    names = {v for v in options.values() if isinstance(v, str) and v in ("w", "o")} | ({"w", "fold"} if validator else set())
    more = "".join({"w": f", {WEIGHT} AS w", "o": f", {OFFSET} AS o", "fold": ", fold"}[n] for n in sorted(names))
    kind = "INTEGER" if estimator == LOGISTIC else "DOUBLE"
    check = f" VALIDATE CrossValidator({validator})" if validator else ""
    return (f"CREATE MODEL m PREDICT label USING {estimator}({using}){check} AS SELECT a, b, c, d{more}, "
            f"CAST({LABELS[label]} AS {kind}) AS label FROM data")


def main():
    from pyspark.ml import classification, evaluation, regression
    from pyspark.ml.feature import VectorAssembler
    from pyspark.ml.tuning import CrossValidator, ParamGridBuilder
    from pyspark.sql import SparkSession, functions as F
    spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
             .config("spark.driver.memory", "1g").getOrCreate())
    spark.sparkContext.setLogLevel("ERROR")
    frame = spark.read.csv(str(HERE / "data.csv"), header=True, inferSchema=True).coalesce(1)
    frame = frame.withColumn("w", F.expr(WEIGHT).cast("double")).withColumn("o", F.expr(OFFSET).cast("double"))
    for name, sql in LABELS.items():
        frame = frame.withColumn("label_" + name, F.expr(sql).cast("double"))
    frame = VectorAssembler(inputCols=["a", "b", "c", "d"], outputCol="features").transform(frame).cache()

    def make(estimator, label, options):
        module = classification if estimator == LOGISTIC else regression
        exact = dict(maxIter=500, tol=1e-13) if estimator == GENERAL else dict(maxIter=150, tol=1e-11)
        return getattr(module, estimator)(labelCol="label_" + label, **exact, **options)

    cases = []
    for name, estimator, label, options in FITS:
        options = options if "offsetCol" in options else dict(options, weightCol="w")
        model = make(estimator, label, options).fit(frame)
        is_classes = estimator == LOGISTIC
        cases.append({"name": name, "statement": statement(estimator, label, options),
                      "offset": "offsetCol" in options,
                      "coefficients": model.coefficientMatrix.toArray().tolist() if is_classes else [model.coefficients.toArray().tolist()],
                      "intercepts": model.interceptVector.toArray().tolist() if is_classes else [model.intercept]})
    for estimator, label, metric in METRICS:
        for weights in ({}, {"weightCol": "w"}):
            options = dict(weights, regParam=0.02)
            if estimator == LINEAR:
                evaluator = evaluation.RegressionEvaluator(metricName=metric)
            elif metric.startswith("area"):
                evaluator = evaluation.BinaryClassificationEvaluator(metricName=metric, numBins=0, rawPredictionCol="probability")
            else:
                evaluator = evaluation.MulticlassClassificationEvaluator(metricName=metric)
            evaluator = evaluator.setLabelCol("label_" + label).setWeightCol("w")
            model = CrossValidator(estimator=make(estimator, label, options), estimatorParamMaps=ParamGridBuilder().build(),
                                   evaluator=evaluator, numFolds=3, foldCol="fold").fit(frame)
            validator = f"numFolds = 3, foldCol = 'fold', weightCol = 'w', metricName = '{metric}'"
            cases.append({"name": f"{metric} of {label}{', weights' if weights else ''}", "metric": model.avgMetrics[0],
                          "statement": statement(estimator, label, options, validator)})
    for label, options in CHOICES:
        options = dict(options, regParam=0.01)
        rows = make(LOGISTIC, label, options).fit(frame).transform(frame).select("prediction").collect()
        cases.append({"name": f"classes of {label}, {options}", "statement": statement(LOGISTIC, label, options),
                      "classes": "".join("%d" % row[0] for row in rows)})
    (HERE / "weights.json").write_text(json.dumps({"made_with": {"spark": spark.version}, "cases": cases}, indent=0) + "\n")
    spark.stop()


if __name__ == "__main__":
    main()
