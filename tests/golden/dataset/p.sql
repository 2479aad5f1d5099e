CREATE SOURCE departures (id BIGINT, left_at TIMESTAMP, origin VARCHAR, distance DOUBLE, loading_time DOUBLE)
WITH (connector = 'file', path = 'data/*.ndjson') FORMAT PLAIN ENCODE JSON;
CREATE STREAMING TABLE clean AS SELECT * FROM STREAM departures;
CREATE DATASET for_analysts
  TRANSFORM (OutlierFilter(loading_time, distance, method = 'iqr', k = 1.5), StandardScaler(distance), OneHotEncoder(origin))
WITH (parquet = 'out/rows.parquet', delta = 'out/rows', report = 'out/quality.html')
AS SELECT * EXCLUDE (id) FROM clean;
