-- The flights of examples/congestion as rows of HBase. The row key is airport, scheduled time, carrier and flight number:
-- 17 bytes. Numbers are as HBase's Bytes.toBytes() writes them. departed_at is the feed's own text, "NA" if a flight was
-- cancelled: what is in HBase is rarely clean.
CREATE SOURCE departures (
  carrier VARCHAR, flight INTEGER, origin VARCHAR, dest VARCHAR, sched_dep TIMESTAMP, departed_at VARCHAR,
  hour INTEGER, distance DOUBLE, loading_time DOUBLE
) WITH (connector = 'file', path = '../../congestion/data/departures/*.ndjson')
ENCODE JSON;

CREATE SINK flights
WITH (connector = 'hbase', masters = '${MASTERS}', table = 'flights', table.create = true, ledger.create = true,
      family = 'f', rowkey = 'origin:3 sched_dep:8 carrier:2 flight:4', mapping = 'sched_dep :timestamp')
AS SELECT * FROM STREAM departures;
