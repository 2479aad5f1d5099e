-- Rows out of HBase, cleaned, outliers removed, scaled, handed to an analyst as a Parquet file and a Delta table, with a
-- page about their quality. Times are UTC.

-- A plain DuckDB statement: known beforehand, so not a stream.
CREATE OR REPLACE TABLE weather AS SELECT origin, hour_start, visib, wind_speed FROM '../congestion/data/weather.csv';

-- Each row of the table is a record. What is in a cell is told by the column's type; departed_at is text. "NA" is no
-- time: a dead letter, with its row key and cells.
CREATE SOURCE flights (
  origin VARCHAR, sched_dep TIMESTAMP, carrier VARCHAR, flight INTEGER, dest VARCHAR, departed_at TIMESTAMP,
  hour INTEGER, distance DOUBLE, loading_time DOUBLE
) WITH (connector = 'hbase', masters = '${MASTERS}', table = 'flights', family = 'f',
        rowkey = 'origin:3 sched_dep:8 carrier:2 flight:4', mapping = 'departed_at text', on_bad_record = 'dead_letter');

CREATE STREAMING TABLE clean_flights (
  CONSTRAINT has_loading_time EXPECT (loading_time IS NOT NULL) ON VIOLATION DEAD LETTER,
  CONSTRAINT possible         EXPECT (loading_time IS NULL OR loading_time > 0) ON VIOLATION DROP ROW
) AS SELECT f.*, w.visib, w.wind_speed
     FROM STREAM flights f
     LEFT JOIN weather w ON w.origin = f.origin AND w.hour_start = date_trunc('hour', f.sched_dep);

CREATE DATASET for_analysts
  TRANSFORM (OutlierFilter(loading_time, wind_speed, method = 'iqr', k = 3),
             StandardScaler(distance, visib, wind_speed, withMean = true))
WITH (parquet = 'out/flights.parquet', delta = 'out/flights', report = 'out/quality.html')
AS SELECT * EXCLUDE (flight, departed_at) FROM clean_flights;
