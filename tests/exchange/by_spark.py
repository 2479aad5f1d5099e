#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exported models, computed by the real Spark ML.

    by_spark.py FOLDER...         needs pyspark 4.3.0 and Java 17; each FOLDER has spark/, rows.json and want.json

rows.json: the rows to predict; want.json: what penstock predicts for them (exchange.py --keep DIR leaves both).
Started by hand: Spark takes longer to come up than all other tests of a format.
"""
import json
import math
import pathlib
import sys

from pyspark.ml import PipelineModel
from pyspark.sql import SparkSession

TYPES = "i long, a double, b double, c double, d long, e double, cat string, side string"


def main():
    spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
             .config("spark.driver.memory", "1g").getOrCreate())
    spark.sparkContext.setLogLevel("ERROR")
    failures = 0
    for folder in map(pathlib.Path, sys.argv[1:]):
        rows = json.loads((folder / "rows.json").read_text())
        want = dict(zip([row["i"] for row in rows], json.loads((folder / "want.json").read_text())))
        names = [part.split()[0] for part in TYPES.split(", ")]
        frame = spark.createDataFrame([[row[name] for name in names] for row in rows], TYPES)
        got = {}
        try:
            for row in PipelineModel.load(str(folder / "spark")).transform(frame).select("i", "prediction").collect():
                got[row[0]] = row[1]
        except Exception as error: # what Spark says is the outcome
            print(folder, "FAILED:", str(error)[:1500])
            failures += 1
            continue
        worst, different = 0.0, []
        for i, value in want.items():
            other = got.get(i) # a row that is left out has none
            other = None if isinstance(other, float) and math.isnan(other) else other
            if value is None or other is None:
                different += [] if value is None and other is None else [(i, other, value)]
            elif isinstance(value, str) or isinstance(other, str):
                as_text = "%g" % other if isinstance(other, float) else str(other)
                different += [] if as_text == str(value) else [(i, other, value)]
            else:
                worst = max(worst, abs(other - value) / max(1, abs(value)))
        print("%s: %d rows, %d different %s, worst %.3g" % (folder, len(want), len(different), different[:3], worst))
        failures += len(different) > 0 or worst > 1e-6
    spark.stop()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
