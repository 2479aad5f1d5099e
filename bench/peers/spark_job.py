# SPDX-License-Identifier: Apache-2.0
"""The job of bench/kafka.py in Spark Structured Streaming: filter, group by category, count and sum of load_ms; each
batch's changed groups to a Parquet folder named after the batch, which a replay of the batch writes again: exactly once.

    spark_job.py JARS BOOTSTRAP TOPIC RECORDS_PER_BATCH WORK_FOLDER
"""
import glob
import json
import os
import sys
import time

import pyspark
from pyspark.sql import SparkSession, functions

jars, bootstrap, topic, batch, folder = sys.argv[1:]
wanted = [path for name in ("spark-sql-kafka*", "spark-token-provider*", "kafka-clients*", "commons-pool2*")
          for path in glob.glob(os.path.join(jars, name))]
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
spark = (SparkSession.builder.master("local[2]").appName("bench").config("spark.jars", ",".join(wanted))
         .config("spark.sql.shuffle.partitions", "2").config("spark.ui.enabled", "false")
         .config("spark.driver.memory", "2g").config("spark.driver.host", "127.0.0.1").getOrCreate())
spark.sparkContext.setLogLevel("ERROR")
start = time.monotonic()
events = (spark.readStream.format("kafka").option("kafka.bootstrap.servers", bootstrap).option("subscribe", topic)
          .option("startingOffsets", "earliest").option("maxOffsetsPerTrigger", batch).load()
          .select(functions.from_json(functions.col("value").cast("string"),
                                      "category STRING, status INT, load_ms DOUBLE, temperature DOUBLE").alias("e"))
          .select("e.*"))
totals = (events.where("status = 200 AND temperature > 0").groupBy("category")
          .agg(functions.count("*").alias("events"), functions.sum("load_ms").alias("load_ms")))
query = (totals.writeStream.outputMode("update").option("checkpointLocation", os.path.join(folder, "checkpoint"))
         .foreachBatch(lambda rows, number: rows.write.mode("overwrite").parquet(os.path.join(folder, "out", f"batch={number}")))
         .trigger(availableNow=True).start())
query.awaitTermination()
print(json.dumps({"records": sum(progress["numInputRows"] for progress in query.recentProgress),
                  "seconds": time.monotonic() - start, "spark": pyspark.__version__}), flush=True)
spark.stop()
