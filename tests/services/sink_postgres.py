#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The PostgreSQL sink against a real server: the sink suite, every type, errors as sentences, and a server that stops,
dies and loses its connections at every step of an epoch.

    tests/services/sink_postgres.py PENSTOCK
"""
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from postgres import Postgres, free_port
from proxy import Proxy
from sinks import Sinks, refused, suite

ROWS = "SELECT i AS id FROM range({}, {}) t(i)"


def equal(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r} instead of {wanted!r}")


def settings(server, name, **more):
    return {"connector": "postgres", "name": name, "connection": server.uri, "table": name, **more}


def ids(server, table):
    return [int(row[0]) for row in server.query(f"SELECT id FROM {table} ORDER BY id")]


# --- what is written ----------------------------------------------------------------------------------------------


def types(server):
    select = r"""SELECT true AS a_boolean, 1::TINYINT AS a_tinyint, 65535::USMALLINT AS a_usmallint, -5 AS an_integer,
        18446744073709551615::UBIGINT AS a_ubigint, 170141183460469231731687303715884105727::HUGEINT AS a_hugeint,
        'nan'::DOUBLE AS a_nan, '-inf'::DOUBLE AS an_infinity, 0.1::DOUBLE AS a_double, 1.5::FLOAT AS a_float,
        12.340::DECIMAL(9,3) AS a_decimal, 'tab	back\slash "quote" é \N' AS a_text, 'a\x00\xFFb\x5C'::BLOB AS a_blob,
        DATE '2024-02-29' AS a_date, DATE '-infinity' AS an_infinite_date, DATE '0044-03-15 (BC)' AS an_old_date,
        TIMESTAMP '2024-02-29 12:34:56.123456' AS a_timestamp, TIMESTAMPTZ '2024-02-29 12:34:56.5+02' AS a_timestamptz,
        TIMESTAMP 'infinity' AS an_infinite_timestamp, TIME '01:02:03.5' AS a_time, INTERVAL '14 months 3 days 01:02:03' AS
        an_interval, 'ddf35f8e-c5a2-4c5c-9d8f-3e6a0b4d1b7a'::UUID AS a_uuid, '101'::BIT AS a_bit, 'x'::ENUM('x', 'y') AS
        an_enum, [1, NULL, 3] AS a_list, {'a': 1, 'b': 'two "2"'} AS a_struct, MAP {'k': [1.5]} AS a_map,
        '{"z": null}'::JSON AS a_json, NULL::INTEGER AS a_null, '' AS an_empty_text, chr(10) || chr(13) || chr(92) AS
        line_ends, 'A' AS "Mixed Case" """
    with Sinks() as sinks:
        out = sinks.sink(settings(server, "types", create_table="true"), " ".join(select.split("\n")))
        out.open()
        out.recover(1)
        out.epoch(1, 1)
    kinds = dict(server.query("SELECT column_name, CASE data_type WHEN 'numeric' THEN 'numeric(' || numeric_precision || ','"
                              " || numeric_scale || ')' ELSE data_type END FROM information_schema.columns WHERE"
                              " table_name = 'types'"))
    for column, kind in {
            "a_boolean": "boolean", "a_tinyint": "smallint", "a_usmallint": "integer", "an_integer": "integer",
            "a_ubigint": "numeric(20,0)", "a_hugeint": "numeric(39,0)", "a_nan": "double precision", "a_float": "real",
            "a_decimal": "numeric(9,3)", "a_text": "text", "a_blob": "bytea", "a_date": "date",
            "a_timestamp": "timestamp without time zone", "a_timestamptz": "timestamp with time zone",
            "a_time": "time without time zone", "an_interval": "interval", "a_uuid": "uuid", "a_bit": "bit varying",
            "an_enum": "text", "a_list": "jsonb", "a_struct": "jsonb", "a_map": "jsonb", "a_json": "jsonb",
            "Mixed Case": "text"}.items():
        equal("type of " + column, kinds[column], kind)
    for column, value in {
            "a_boolean": "t", "a_usmallint": "65535", "a_ubigint": "18446744073709551615",
            "a_hugeint": "170141183460469231731687303715884105727", "a_nan": "NaN", "an_infinity": "-Infinity",
            "a_double": "0.1", "a_float": "1.5", "a_decimal": "12.340", "a_text": 'tab\tback\\slash "quote" é \\N',
            "encode(a_blob, 'hex')": "6100ff625c", "a_date": "2024-02-29", "an_infinite_date": "-infinity",
            "an_old_date": "0044-03-15 BC", "a_timestamp": "2024-02-29 12:34:56.123456",
            "a_timestamptz at time zone 'UTC'": "2024-02-29 10:34:56.5", "an_infinite_timestamp": "infinity",
            "a_time": "01:02:03.5", "an_interval": "1 year 2 mons 3 days 01:02:03", "a_bit": "101", "an_enum": "x",
            "a_list": "[1, null, 3]", "a_struct->>'b'": 'two "2"', "a_map->'k'": "[1.5]", "a_json": '{"z": null}',
            "a_null IS NULL": "t", "an_empty_text = ''": "t", "line_ends = E'\\n\\r\\\\'": "t", '"Mixed Case"': "A"}.items():
        equal(column, server.query(f"SELECT {column} FROM types"), [[value]])


def upsert(server):
    server.query('CREATE TABLE "Stock" (shop text, item int, "Count" int, seen timestamp DEFAULT now(),'
                 " PRIMARY KEY (shop, item))")
    with Sinks() as sinks:
        out = sinks.sink(settings(server, "stock", table='"Stock"', mode="upsert", key="shop, item"),
                         "SELECT 'a' AS shop, 1 AS item, 0 AS count")
        out.open()
        out.recover(1)
        out.epoch(1, 1, "SELECT * FROM (VALUES ('a', 1, 10), ('b', 1, 20), ('a', 1, 11)) v(shop, item, count)")
        out.epoch(2, 1, "SELECT * FROM (VALUES ('b', 1, NULL), ('b', 2, 5)) v(shop, item, count)")
        out.epoch(3, 1, "SELECT * FROM (VALUES ('x', 1, 1)) v(shop, item, count) WHERE false")
        equal("upserted", server.query('SELECT shop, item, "Count" FROM "Stock" ORDER BY 1, 2'),
              [["a", "1", "11"], ["b", "1", ""], ["b", "2", "5"]])
        out.begin(4, 1)
        refused(lambda: out.write("SELECT 'c' AS shop, NULL::INTEGER AS item, 1 AS count"), "INVALID_DATA", "row 1", "column item", "IS NOT NULL")
        out.discard()
        out.recover(1)
        out.close()
        only_key = sinks.sink(settings(server, "only_key", create_table="true", mode="upsert", key="id"), "SELECT 1 AS id")
        only_key.open()
        only_key.recover(1)
        only_key.epoch(1, 1, "SELECT 1 AS id UNION ALL SELECT 1")
        equal("a table of keys", ids(server, "only_key"), [1])
        server.query("CREATE TABLE no_index (id bigint)")
        loose = sinks.sink(settings(server, "no_index", mode="upsert", key="id"), ROWS.format(0, 1))
        loose.open()
        loose.recover(1)
        loose.begin(1, 1)
        loose.write()
        refused(lambda: loose.commit(1, 1), "INVALID_PROJECT", "not unique", "CREATE UNIQUE INDEX")


# --- what is refused ----------------------------------------------------------------------------------------------


def mistakes(server):
    """Before anything is touched."""
    for wrong, words in (({"mode": "upsert"}, ["needs a key"]), ({"key": "id"}, ["mode = 'upsert'"]),
                         ({"mode": "upsert", "key": "idd"}, ["idd", "did you mean id?"]),
                         ({"connection": "host = = sesame-0"}, ["no PostgreSQL connection text", "postgresql://"]),
                         ({"tabel": "t"}, ["no option 'tabel'", "did you mean table?"]),
                         ({"mode": "replace"}, ["append", "upsert"])):
        with Sinks() as sinks:
            out = sinks.sink(settings(server, "t", **wrong), ROWS.format(0, 1))
            error = refused(out.open, "INVALID_PROJECT", *words)
            assert "sesame" not in str(error), error


def addresses(server, folder):
    def recover(**connection):
        with Sinks() as sinks:
            out = sinks.sink({**settings(server, "t"), "connection": " ".join(f"{k}={v}" for k, v in connection.items())},
                             ROWS.format(0, 1))
            out.open()
            out.recover(1)
    good = {"host": "127.0.0.1", "port": server.port, "user": "tester", "dbname": "postgres"}
    port = free_port()
    error = refused(lambda: recover(**{**good, "port": port}), "UNAVAILABLE", f"127.0.0.1:{port}", "does not answer", "refused")
    equal("a server that is away", error.remedy, "RETRY")
    assert error.ms < 6000, error.ms
    error = refused(lambda: recover(**{**good, "dbname": "nothing"}), "IO", "no such database")
    equal("a database that is not there", error.remedy, "GIVE_UP")
    locked = Postgres(os.path.join(folder, "locked"), password="sesame-1")
    with locked:
        good["port"] = locked.port
        error = refused(lambda: recover(**{**good, "password": "sesame-2"}), "IO", "refuses user or password", "PGPASSWORD")
        assert "sesame" not in str(error), error
        refused(lambda: recover(**good), "IO", "password", "~/.pgpass")
        refused(lambda: recover(**{**good, "password": "sesame-1"}), "NOT_FOUND", "no table t")
        locked.query("CREATE USER guest PASSWORD 'sesame-3'; CREATE TABLE t (id int)")
        refused(lambda: recover(**{**good, "user": "guest", "password": "sesame-3"}), "IO", "may not do that", "GRANT",
                "permission denied")


def tables(server):
    server.query("CREATE TABLE orders (id bigint, amount int, paid boolean NOT NULL)")
    with Sinks() as sinks:
        out = sinks.sink(settings(server, "order"), ROWS.format(0, 1))
        out.open()
        refused(lambda: out.recover(1), "NOT_FOUND", "no table order", "did you mean orders?", "create_table")
        out.close()
        out.set("table", "no such name")
        out.open()
        refused(lambda: out.recover(1), "INVALID_PROJECT", "'no such name' is no name")
        out.close()
        out.set("table", "nowhere.orders")
        out.set("create_table", "true")
        out.open()
        refused(lambda: out.recover(1), "NOT_FOUND", "no such schema")
        other = sinks.sink(settings(server, "orders"), "SELECT 1 AS id, 2 AS amounts, true AS paid")
        other.open()
        refused(lambda: other.recover(1), "INVALID_PROJECT", "column amounts", "id, amounts, paid", "id, amount, paid")
        short = sinks.sink(settings(server, "orders"), "SELECT 1 AS id")
        short.open()
        refused(lambda: short.recover(1), "INVALID_PROJECT", "column paid", "NOT NULL")


def values(server):
    server.query("CREATE TABLE strict (id int PRIMARY KEY, small smallint NOT NULL, body text, CHECK (small <> 13))")
    with Sinks() as sinks:
        out = sinks.sink(settings(server, "strict"), "SELECT 1 AS id, 2 AS small, 'x' AS body")
        out.open()
        out.recover(1)

        def wrong(rows, code, *words):
            def step():
                out.begin(1, 1)
                out.write(f"SELECT * FROM ({rows}) wrong(id, small, body)")
                out.commit(1, 1)
            error = refused(step, code, *words)
            equal("not to be retried", error.remedy, "GIVE_UP")
            out.discard()
            equal("after it", out.recover(1), 0)
        wrong("SELECT i, 1, 'a' || CASE WHEN i = 3000 THEN chr(0) ELSE '' END FROM range(5000) t(i)", "INVALID_DATA",
              "row 3001", "column body", "NUL", "replace(body, chr(0), '')")
        wrong("SELECT i, CASE WHEN i = 7 THEN 40000 ELSE 1 END, 'a' FROM range(10) t(i)", "INVALID_DATA", "does not fit",
              "line 8", "column small", "40000", "out of range")
        wrong("SELECT i, CASE WHEN i = 7 THEN 40000 ELSE 1 END, repeat('a', 1000) FROM range(20000) t(i)", "INVALID_DATA",
              "line 8")  # the server says so while rows are still sent
        wrong("SELECT 1, NULL, 'a'", "INVALID_DATA", "NULL", "COALESCE", "small")
        wrong("SELECT 1, 13, 'a'", "INVALID_DATA", "constraint", "strict_small_check")
        wrong("SELECT 1, 2, 'a' UNION ALL SELECT 1, 3, 'b'", "INVALID_DATA", "key is there", "mode = 'upsert'")
        equal("nothing is there", server.query("SELECT count(*) FROM strict"), [["0"]])
        server.query("CREATE TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        late = sinks.sink(settings(server, "late"), "SELECT 1 AS id")
        late.open()
        late.recover(1)
        late.begin(1, 1)
        late.write("SELECT 1 AS id FROM range(2)")
        refused(lambda: late.commit(1, 1), "INVALID_DATA", "key is there")  # COMMIT itself says so


def stores(server):
    server.query("CREATE TABLE shared (id bigint)")
    with Sinks() as sinks:
        out = sinks.sink(settings(server, "shared"), ROWS.format(0, 2))
        out.open()
        out.recover(3)
        out.epoch(1, 3)
        out.close()
        out.set("store", "store-2")
        out.open()
        refused(lambda: out.recover(1), "INVALID_DATA", "another store", "store-1", "store-2", "on_other_store")
        out.close()
        out.set("on_other_store", "replace")
        out.open()
        equal("replaced", out.recover(1), 0)
        out.epoch(1, 1)
        out.close()
        out.open()
        equal("its own now", out.recover(2), 1)
    equal("rows stay", ids(server, "shared"), [0, 0, 1, 1])


# --- servers that go away -----------------------------------------------------------------------------------------


def restarts(server):
    """The server stops, or dies, before every step; what cannot be known is found out by recover()."""
    server.query("CREATE TABLE restarted (id bigint)")
    with Sinks() as sinks:
        out = sinks.sink(settings(server, "restarted", retry="60 s"), ROWS.format(0, 1))
        out.open()
        out.recover(1)
        attempt, epoch = 1, 0
        for step in range(3):
            for end in (server.stop, server.kill):
                epoch += 1
                done = False
                first = True
                while not done:
                    try:
                        for number, call in enumerate((lambda: out.begin(epoch, attempt),
                                                       lambda: out.write(ROWS.format(epoch * 10, epoch * 10 + 5000)),
                                                       lambda: out.commit(epoch, attempt))):
                            if first and number == step:
                                first = False
                                end()
                                server.start(wait=False)  # begin() waits for it
                            call()
                        done = True
                    except Exception as error:
                        equal("a step without its server", (error.code, error.remedy), ("UNAVAILABLE", "RETRY"))
                        assert step > 0, "begin() must wait for the server"
                        out.discard()
                        attempt += 1
                        done = out.recover(attempt) == epoch
    wanted = sorted(i for e in range(1, epoch + 1) for i in range(e * 10, e * 10 + 5000))
    server.wait()
    equal("every row once", ids(server, "restarted") == wanted, True)


def unknown_commits(server):
    """The connection breaks while COMMIT is answered: done or not, every row is there once."""
    server.query("CREATE TABLE unknown (id bigint)")
    server.query("CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); RETURN NULL;"
                 " END'; CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON unknown DEFERRABLE INITIALLY DEFERRED FOR EACH"
                 " ROW EXECUTE FUNCTION linger()")  # COMMIT takes half a second
    with Proxy(server.port) as proxy, Sinks() as sinks:
        address = f"host=127.0.0.1 port={proxy.port} user=tester dbname=postgres"
        out = sinks.sink({**settings(server, "unknown"), "connection": address}, ROWS.format(0, 1))
        out.open()
        out.recover(1)
        for epoch in range(1, 4):
            out.begin(epoch, 1)
            out.write(ROWS.format(epoch, epoch + 1))
            sinks.send(f"commit 0 {epoch} 1")
            time.sleep(0.2)
            proxy.cut()
            sinks.hear()  # it asks the server, on a new connection, and it was done
        equal("told by the position", ids(server, "unknown"), [1, 2, 3])


def ended_commit(server):
    """The server ends the session in the middle of COMMIT: it was not done, and may be retried."""
    with Sinks() as sinks:
        out = sinks.sink(settings(server, "unknown"), ROWS.format(0, 1))
        out.open()
        attempt = 5
        equal("before", out.recover(attempt), 3)
        out.begin(4, attempt)
        out.write(ROWS.format(4, 5))
        sinks.send(f"commit 0 4 {attempt}")
        time.sleep(0.2)
        server.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'penstock-%'")
        error = refused(sinks.hear, "UNAVAILABLE")
        equal("an ended commit", error.remedy, "RETRY")
        out.discard()
        equal("not done", out.recover(attempt + 1), 3)
        out.epoch(4, attempt + 1, ROWS.format(4, 5))
    equal("once", ids(server, "unknown"), [1, 2, 3, 4])


def zombies(server):
    server.query("CREATE TABLE fenced (id bigint)")
    with Sinks() as old, Sinks() as new:
        first = old.sink(settings(server, "fenced"), ROWS.format(0, 3))
        first.open()
        first.recover(1)
        first.begin(1, 1)
        first.write()
        second = new.sink(settings(server, "fenced"), ROWS.format(0, 3))
        second.open()
        equal("taken over", second.recover(2), 0)
        second.epoch(1, 2)
        refused(lambda: first.commit(1, 1), "FENCED", "attempt 2")
        first.discard()
        refused(lambda: first.recover(1), "FENCED", "attempt 2")
        # an older attempt that was stopped between its last statement and COMMIT holds the lock
        name = server.query("SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'penstock-%'")[0][0]
        holder = subprocess.Popen(["psql", "-X", "-q", server.dsn], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True, env={**os.environ, "PGAPPNAME": name})
        holder.stdin.write("BEGIN; INSERT INTO fenced VALUES (99);\nUPDATE penstock_sink_positions SET epoch = 2 WHERE sink ="
                           " 'fenced';\n")
        holder.stdin.flush()
        second.close()
        deadline = time.monotonic() + 20
        while server.query("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'UPDATE penstock%' AND state = 'idle in"
                           " transaction'") != [["1"]]:
            assert time.monotonic() < deadline, "a sink that was refused still holds the lock"
            time.sleep(0.05)
        second.open()
        started = time.monotonic()
        equal("the lock is taken", second.recover(3), 1)
        assert time.monotonic() - started < 10
        second.epoch(2, 3, ROWS.format(3, 4))
        holder.communicate()
    equal("one writer", ids(server, "fenced"), [0, 1, 2, 3])


def main():
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        with Postgres(os.path.join(folder, "postgres")) as server:
            suite("postgres", server.uri)
            for test in (types, upsert, mistakes, tables, values, stores, restarts, unknown_commits, ended_commit, zombies):
                started = time.monotonic()
                test(server)
                print(f"{test.__name__}: {time.monotonic() - started:.1f} s", flush=True)
            addresses(server, folder)


if __name__ == "__main__":
    main()
