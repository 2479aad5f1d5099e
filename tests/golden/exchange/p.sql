CREATE TABLE t AS SELECT origin, distance, loading_time FROM read_csv('rows.csv');
CREATE MODEL m TRANSFORM (OneHotEncoder(origin)) PREDICT loading_time USING LinearRegression(regParam = 0.1)
  AS SELECT * FROM t;
CREATE MODEL rotated TRANSFORM (OneHotEncoder(origin), PCA(distance, k = 1)) PREDICT loading_time
  USING LinearRegression AS SELECT * FROM t;
