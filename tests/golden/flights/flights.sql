CREATE SOURCE departures (
  id BIGINT, left_at TIMESTAMP, origin VARCHAR, distance DOUBLE, loading_time DOUBLE,
  WATERMARK FOR left_at AS left_at - INTERVAL 1 HOUR
) WITH (connector = 'file', path = 'data/*.ndjson') FORMAT PLAIN ENCODE JSON;

CREATE STREAMING TABLE clean (
  CONSTRAINT has_label EXPECT (loading_time > 0) ON VIOLATION DEAD LETTER,
  CONSTRAINT sane EXPECT (loading_time < 600) ON VIOLATION DROP ROW,
  CONSTRAINT near EXPECT (distance < 2450)
) AS SELECT *, hour(left_at) AS hour FROM STREAM departures;

CREATE MATERIALIZED VIEW by_origin AS
  SELECT origin, count(*) AS departures, sum(loading_time) AS total, avg(loading_time) AS mean, min(left_at) AS first_at,
         max(left_at) AS last_at, max(origin) AS name
  FROM STREAM clean GROUP BY origin;

CREATE MATERIALIZED VIEW by_day AS
  SELECT window_start, count(*) AS departures, stddev_samp(loading_time) AS spread
  FROM TUMBLE(STREAM clean, left_at, INTERVAL 1 DAY) GROUP BY window_start
EMIT FINAL;

CREATE MODEL loading
  TRANSFORM (StandardScaler(distance), OneHotEncoder(origin, hour, handleInvalid = 'keep'))
  PREDICT loading_time
  USING LinearRegression(regParam = GRID(0.01, 1), elasticNetParam = GRID(0, 0.5))
  VALIDATE CrossValidator(numFolds = 3, metricName = 'rmse', seed = 7)
  HOLDOUT LAST ${HOLDOUT} BY left_at
  GATE (rmse <= 5, FIRST RUN r2 > 0.1)
AS SELECT * EXCLUDE (id) FROM clean;
