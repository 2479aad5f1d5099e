CREATE SOURCE readings (sensor VARCHAR, seen TIMESTAMP, speed DOUBLE, lane INTEGER, note VARCHAR, extra VARCHAR)
WITH (connector = 'hbase', masters = '127.0.0.1:1', table = 'road:readings', family = 'f', rowkey = 'sensor:4 seen:8');

CREATE STREAMING TABLE fast AS
  SELECT sensor, seen, speed FROM STREAM readings
  WHERE sensor = 'a001' AND seen >= '2024-01-01' AND speed > 10 AND upper(note) <> 'TEST';

CREATE MATERIALIZED VIEW lanes AS
  SELECT sensor, count(*) AS records FROM STREAM readings
  WHERE sensor IN ('a001', 'b002') AND lane BETWEEN 2 AND 3 GROUP BY sensor;
