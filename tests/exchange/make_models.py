#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Models that real Spark ML and scikit-learn made of tests/parity/data.csv, with what they predict.

    make_models.py spark      spark/NAME (PipelineModel.save) and its answers; needs pyspark 4.3.0 and Java 17
    make_models.py sklearn    onnx/NAME.onnx; needs scikit-learn 1.9.1, skl2onnx 1.20.0, onnxruntime 1.32.0, pandas 3

Answers are the predictions for the first ROWS rows of the file, in answers.json: of Spark by transform(), of
scikit-learn by predict() (double models) or by onnxruntime (single ones, which compute in float32).
"""
import json
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).parent
DATA = HERE.parent / "parity" / "data.csv"
ROWS = 300


def keep(kind, answers):
    path = HERE / "answers.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    known[kind] = answers
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def make_spark():
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import (Bucketizer, Imputer, IndexToString, MaxAbsScaler, MinMaxScaler, OneHotEncoder,
                                    RobustScaler, StandardScaler, StringIndexer, VectorAssembler)
    from pyspark.ml.regression import GeneralizedLinearRegression, LinearRegression
    from pyspark.sql import SparkSession, functions as F
    spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
             .config("spark.driver.memory", "1g").getOrCreate())
    spark.sparkContext.setLogLevel("ERROR")
    frame = spark.read.csv(str(DATA), header=True, schema="fold int, a double, b double, c double, d int, e double,"
                           " cat string, side string, y double").coalesce(1)
    frame = frame.withColumn("high", F.when(F.col("y") > 62, 1.0).otherwise(0.0)).cache()
    infinite = float("inf")
    pipelines = {
        "scalers": [
            Imputer(inputCols=["e"], outputCols=["e1"]),
            StringIndexer(inputCol="cat", outputCol="cat_i", handleInvalid="keep"),
            StringIndexer(inputCols=["side"], outputCols=["side_i"], stringOrderType="alphabetAsc"),
            Bucketizer(splits=[-infinite, 50, 100, 400, infinite], inputCol="c", outputCol="c_b"),
            OneHotEncoder(inputCols=["cat_i", "c_b"], outputCols=["cat_v", "c_v"]),
            OneHotEncoder(inputCol="side_i", outputCol="side_v", dropLast=False),
            VectorAssembler(inputCols=["a", "b"], outputCol="n"),
            StandardScaler(withMean=True, inputCol="n", outputCol="n_s"),
            VectorAssembler(inputCols=["n_s", "e1", "d", "cat_v", "c_v", "side_v"], outputCol="f0"),
            MinMaxScaler(inputCol="f0", outputCol="f1", min=-1.0, max=2.0),
            MaxAbsScaler(inputCol="f1", outputCol="f2"),
            RobustScaler(inputCol="f2", outputCol="features", withCentering=True),
            LinearRegression(labelCol="y", regParam=0.01)],
        "poisson": [VectorAssembler(inputCols=["a", "b", "c"], outputCol="features"),
                    GeneralizedLinearRegression(labelCol="d", family="poisson", link="log")],
        "binary": [StringIndexer(inputCol="cat", outputCol="cat_i"), OneHotEncoder(inputCol="cat_i", outputCol="cat_v"),
                   VectorAssembler(inputCols=["a", "b", "cat_v"], outputCol="features"),
                   LogisticRegression(labelCol="high", regParam=0.01)],
        "classes": [VectorAssembler(inputCols=["a", "b", "c"], outputCol="features"),
                    LogisticRegression(labelCol="fold", regParam=0.001)],
    }
    answers = {}
    shutil.rmtree(HERE / "spark", ignore_errors=True)
    for name, stages in pipelines.items():
        model = Pipeline(stages=stages).fit(frame)
        folder = HERE / "spark" / name
        model.write().overwrite().save(str(folder))
        for path in list(folder.rglob(".*.crc")) + list(folder.rglob("_SUCCESS")):
            path.unlink()
        answers[name] = [row[0] for row in model.transform(frame).select("prediction").limit(ROWS).collect()]
    keep("spark", answers)
    spark.stop()


def make_sklearn():
    import numpy
    import onnxruntime
    import pandas
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler
    from sklearn.tree import DecisionTreeRegressor
    data = pandas.read_csv(DATA)
    data["cat"], data["side"] = data["cat"].astype(object), data["side"].astype(object)
    data["d"] = data["d"].astype(float)
    numbers = data[["a", "b", "c", "d"]].to_numpy()
    label, high = data["y"].to_numpy(), (data["y"] > 62).astype(int).to_numpy()
    mixed = ColumnTransformer([
        ("n", make_pipeline(SimpleImputer(), StandardScaler()), ["a", "b", "e"]), ("m", MinMaxScaler(), ["c"]),
        ("o", OneHotEncoder(handle_unknown="ignore"), ["cat", "side"]), ("d", OneHotEncoder(), ["d"])])
    frame = data[["a", "b", "c", "d", "e", "cat", "side"]]
    answers = {}
    (HERE / "onnx").mkdir(exist_ok=True)

    def save(name, model, rows, target, kind, single):
        model.fit(rows, target)
        if rows is frame:
            types = [(k, StringTensorType([None, 1]) if k in ("cat", "side") else kind([None, 1])) for k in frame]
        else:
            types = [("X", kind([None, 4]))]
        options = {"zipmap": False} if hasattr(model, "predict_proba") else None
        text = to_onnx(model, initial_types=types, target_opset={"": 18, "ai.onnx.ml": 3},
                       options=options).SerializeToString()
        (HERE / "onnx" / (name + ".onnx")).write_bytes(text)
        head = rows[:ROWS]
        if single:
            session = onnxruntime.InferenceSession(text, providers=["CPUExecutionProvider"])
            if rows is frame:
                feed = {k: head[[k]].to_numpy(object if k in ("cat", "side") else numpy.float32) for k in frame}
            else:
                feed = {"X": head.astype(numpy.float32)}
            result = session.run(None, feed)[0]
        else:
            result = model.predict(head)
        answers[name] = numpy.asarray(result).reshape(-1).tolist()

    save("scaled", make_pipeline(StandardScaler(), LinearRegression()), numbers, label, DoubleTensorType, False)
    save("chain", make_pipeline(MinMaxScaler(), MaxAbsScaler(), RobustScaler(), Ridge()), numbers, label,
         DoubleTensorType, False)
    save("mixed_single", make_pipeline(mixed, LinearRegression()), frame, label, FloatTensorType, True)
    save("binary_single", make_pipeline(mixed, LogisticRegression(max_iter=500)), frame, high, FloatTensorType, True)
    save("binary", make_pipeline(StandardScaler(), LogisticRegression()), numbers, high, DoubleTensorType, False)
    save("classes", make_pipeline(StandardScaler(), LogisticRegression()), numbers, data["fold"].to_numpy(),
         DoubleTensorType, False)
    save("tree", make_pipeline(StandardScaler(), DecisionTreeRegressor(max_depth=2)), numbers, label,
         DoubleTensorType, False)
    keep("onnx", answers)


if __name__ == "__main__":
    {"spark": make_spark, "sklearn": make_sklearn}[sys.argv[1]]()
