-- How long is an aircraft on the ground between gate and air? The 336,776 flights that left New York in 2013, read as
-- a stream, cleaned, summed up per airport, and turned into a model of the loading time. Times are UTC.

-- Plain DuckDB statements: known beforehand, so not streams.
CREATE OR REPLACE TABLE weather AS
  SELECT origin, hour_start, visib,
         CASE WHEN wind_speed < 200 THEN wind_speed END AS wind_speed -- one hour has 1048 mph: unknown, for the Imputer
  FROM 'data/weather.csv';

CREATE OR REPLACE TABLE schedule AS
  SELECT origin, hour_start, scheduled FROM 'data/schedule.csv';

-- One record a flight, in departure order. The hour of a schedule is closed six hours later: a flight that leaves later
-- than that is a late record. A cancelled flight has "NA" for departed_at, which is no TIMESTAMP: a bad record.
CREATE SOURCE departures (
  carrier VARCHAR, flight INTEGER, origin VARCHAR, dest VARCHAR, sched_dep TIMESTAMP, departed_at TIMESTAMP,
  hour INTEGER, distance DOUBLE, loading_time DOUBLE,
  WATERMARK FOR sched_dep AS sched_dep - INTERVAL 6 HOUR
) WITH (connector = 'file', path = 'data/departures/*.ndjson')
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

-- scheduled, the flights of the same airport and hour, is the congestion that is known before the day begins.
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
AS SELECT * EXCLUDE (flight, departed_at) FROM clean_departures;

-- Trained again, beside the stream, for a new month of flights, and on Mondays if there is anything new.
CREATE JOB retrain FOR MODEL congestion EVERY '0 3 * * MON' TIME ZONE 'America/New_York' OR AFTER 25000 ROWS;
