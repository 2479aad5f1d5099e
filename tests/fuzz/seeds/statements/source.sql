-- the source
CREATE SOURCE IF NOT EXISTS departures (
  carrier VARCHAR NOT NULL, "Sched Dep" TIMESTAMP, price DECIMAL(10,2),
  parts STRUCT(a INTEGER, b VARCHAR[]), tags MAP(VARCHAR, INTEGER) NULL, seen TIMESTAMP WITH TIME ZONE,
  WATERMARK FOR "Sched Dep" AS "Sched Dep" - INTERVAL '30' SECOND
) WITH (connector = 'kafka', topic = 'departures', properties.bootstrap.servers = '${KAFKA}',
        scan.startup-mode = 'earliest', fetch.max = 12, lag = -1.5e3, idle = TRUE)
FORMAT PLAIN ENCODE CSV (delimiter = ';', header = true);
