CREATE MODEL congestion PREDICT late
  USING LinearRegression(regParam = RANGE(0.001, 1e1, 5, LOG), elasticNetParam = RANGE(-0, 1), RANDOM(20, 7)),
    MultilayerPerceptron(layers = GRID([16], [32, 16], 'x'), solver = GRID('adam', "l")) USING GradientBoostedTrees
  USING Tree(a = [1, 2], b = (1), c = INTERVAL 1 DAY, by = "some column", foldCol = fold, RANDOM(3))
  VALIDATE TimeSeriesSplit(n = 4, gap = INTERVAL '12' HOUR, by = ts, parallelism = 2)
AS SELECT * FROM t
