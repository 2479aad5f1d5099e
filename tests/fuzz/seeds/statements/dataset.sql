CREATE DATASET for_analysts
  TRANSFORM (OutlierFilter(speed, method = 'iqr', k = 3), StandardScaler(speed, withMean = true), OneHotEncoder(origin))
WITH (parquet = 'out/rows.parquet', delta = 'out/${Q}', report = 'out/quality.html', on_existing = 'replace')
AS SELECT * EXCLUDE (rowkey) FROM clean_readings;
CREATE DATASET d WITH (report = 'a') TRANSFORM (PCA(k = 2)) AS SELECT 1 -- to the end
