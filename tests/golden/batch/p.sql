-- No source: tables and files train as they are.
CREATE MODEL m TRANSFORM (Imputer(distance), StandardScaler(distance), OneHotEncoder(origin)) PREDICT loading_time
  USING LinearRegression(regParam = GRID(0, 0.1)) VALIDATE TrainValidationSplit(trainRatio = 0.75, seed = 1)
  HOLDOUT 20 PERCENT AS SELECT * EXCLUDE (id) FROM 'rows.csv';
