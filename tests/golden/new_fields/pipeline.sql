CREATE SOURCE trips (id BIGINT, station VARCHAR)
WITH (connector = 'file', path = 'data/*.ndjson', on_new_field = 'add') ENCODE JSON;
CREATE SOURCE weather (station VARCHAR, rain DOUBLE)
WITH (connector = 'file', path = 'weather/*.ndjson', on_new_field = 'add') ENCODE JSON;

CREATE STREAMING TABLE all_trips AS SELECT * FROM STREAM trips;
CREATE STREAMING TABLE stations AS SELECT id, station FROM STREAM trips;
CREATE STREAMING TABLE rain AS SELECT * FROM STREAM weather;
CREATE MATERIALIZED VIEW per_station AS SELECT station, count(*) AS trips FROM STREAM trips GROUP BY station;
CREATE SINK lines WITH (connector = 'file', path = 'out.ndjson') ENCODE JSON AS SELECT * FROM STREAM trips;
