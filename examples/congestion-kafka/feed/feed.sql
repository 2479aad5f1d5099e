-- One record a flight, passed on as it is: departed_at stays text, because a cancelled flight has "NA" there.
CREATE SOURCE files (
  carrier VARCHAR, flight INTEGER, origin VARCHAR, dest VARCHAR, sched_dep VARCHAR, departed_at VARCHAR,
  hour INTEGER, distance DOUBLE, loading_time DOUBLE
) WITH (connector = 'file', path = '../../congestion/data/departures/*.ndjson')
FORMAT PLAIN ENCODE JSON;

-- One partition, because the order of all flights counts: it decides which of them are late.
CREATE SINK departures
WITH (connector = 'kafka', topic = 'departures', create_topic = true, partitions = 1, key = 'origin',
      properties.bootstrap.servers = '${BROKER}', properties.compression.type = 'zstd')
AS SELECT * FROM STREAM files;
