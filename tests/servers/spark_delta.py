# SPDX-License-Identifier: Apache-2.0
"""Reads Delta tables by Spark and its own delta-spark: one JSON object a table, for tests/services/sink_delta.py.

    PYTHON spark_delta.py FOLDER-OF-JARS TABLE...
"""
import glob
import json
import os
import sys

from pyspark.sql import SparkSession

jars = [jar for name in ("delta-spark", "delta-storage", "delta-kernel", "unitycatalog") for jar in
        glob.glob(os.path.join(sys.argv[1], name + "*.jar"))]
spark = (SparkSession.builder.master("local[1]").config("spark.jars", ",".join(jars))
         .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
         .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
         .config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "1")
         .config("spark.databricks.delta.snapshotPartitions", "1").config("spark.driver.memory", "1g").config("spark.driver.host", "127.0.0.1")
         .config("spark.sql.session.timeZone", "UTC").config("spark.sql.warehouse.dir", "/nonexistent").getOrCreate())
spark.sparkContext.setLogLevel("ERROR")
for path in sys.argv[2:]:
    table = spark.read.format("delta").load(path)
    answer = {"path": path, "spark": spark.version, "rows": table.count(), "schema": table.schema.simpleString()}
    if "id" in table.columns:
        answer["ids"] = sorted(row.id for row in table.select("id").collect())
        answer["largest"] = table.agg({"id": "max"}).collect()[0][0]
        answer["above"] = table.where("id > 5").count()  # files are skipped by statistics
    answer["first"] = str(table.limit(1).collect())
    answer["history"] = spark.sql(f"DESCRIBE HISTORY delta.`{path}`").count()
    print(json.dumps(answer), flush=True)
spark.stop()
