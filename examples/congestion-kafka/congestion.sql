-- examples/congestion, with its records from a topic and its alerts to another one. Times are UTC.

-- Plain DuckDB statements: known beforehand, so not streams.
CREATE OR REPLACE TABLE weather AS
  SELECT origin, hour_start, visib,
         CASE WHEN wind_speed < 200 THEN wind_speed END AS wind_speed -- one hour has 1048 mph: unknown, for the Imputer
  FROM '../congestion/data/weather.csv';

CREATE OR REPLACE TABLE schedule AS
  SELECT origin, hour_start, scheduled FROM '../congestion/data/schedule.csv';

-- Every record knows where it came from. What cannot be used is kept with its partition and offset; if the broker no
-- longer has what was not read yet, that is an error and not a gap.
CREATE SOURCE departures (
  carrier VARCHAR, flight INTEGER, origin VARCHAR, dest VARCHAR, sched_dep TIMESTAMP, departed_at TIMESTAMP,
  hour INTEGER, distance DOUBLE, loading_time DOUBLE,
  WATERMARK FOR sched_dep AS sched_dep - INTERVAL 6 HOUR
) INCLUDE offset AS record_offset
WITH (connector = 'kafka', topic = 'departures', properties.bootstrap.servers = '${BROKER}',
      scan.startup.mode = 'earliest', on_bad_record = 'dead_letter', on_offset_lost = 'fail')
FORMAT PLAIN ENCODE JSON;

CREATE STREAMING TABLE clean_departures (
  CONSTRAINT has_label EXPECT (loading_time > 0)   ON VIOLATION DEAD LETTER,
  CONSTRAINT sane      EXPECT (loading_time IS NULL OR loading_time < 600) ON VIOLATION DROP ROW
) AS SELECT d.*, s.scheduled, w.wind_speed, w.visib
     FROM STREAM departures d
     LEFT JOIN schedule s ON s.origin = d.origin AND s.hour_start = date_trunc('hour', d.sched_dep)
     LEFT JOIN weather w ON w.origin = d.origin AND w.hour_start = date_trunc('hour', d.sched_dep);

-- Maintained incrementally, epoch by epoch.
CREATE MATERIALIZED VIEW congestion_by_airport AS
  SELECT origin, time_bucket(INTERVAL 15 MINUTE, departed_at) AS window_start, count(*) AS departures,
         avg(loading_time) AS mean_loading_time
  FROM STREAM clean_departures GROUP BY ALL;

-- Each flight that stood longer than an hour is told once: rows and epoch are one transaction of Kafka.
CREATE SINK alerts
WITH (connector = 'kafka', topic = 'congested', create_topic = true, partitions = 1, key = 'origin',
      properties.bootstrap.servers = '${BROKER}', delivery = 'exactly_once')
AS SELECT record_offset, origin, dest, carrier, flight, departed_at, loading_time
   FROM STREAM clean_departures WHERE loading_time > 60;

CREATE MODEL congestion
  TRANSFORM (OutlierFilter(loading_time, method = 'iqr', k = 3),
             Imputer(wind_speed, visib),
             StandardScaler(distance, scheduled, wind_speed, visib),
             OneHotEncoder(origin, carrier, dest, hour, handleInvalid = 'keep'))
  PREDICT loading_time
  USING LinearRegression(regParam = GRID(0, 0.01, 0.1, 1), elasticNetParam = GRID(0, 0.5, 1))
  VALIDATE CrossValidator(numFolds = 3, metricName = 'rmse', seed = 7)
  HOLDOUT LAST 60 DAYS BY sched_dep
  GATE (rmse <= 20, improvement >= 1 PERCENT CONFIDENCE 0.95)
AS SELECT * EXCLUDE (flight, departed_at, record_offset) FROM clean_departures;
