#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exactly once, seen from outside: the real program is killed with SIGKILL at random moments, again and again, while
it reads a folder; in the end every table, view, dead letter and position must be what one undisturbed run of the same
files gives. In every other life all files are there from the start: then the answers are compared to the last bit. In the
others the folder grows between the kills, so that epochs end elsewhere and sums of DOUBLE are added up in another order:
then averages are compared to ten digits, everything else exactly. The canary: one record more in the input must be seen.

    tests/e2e/kill.py PENSTOCK [KILLS] [SEED]     50 kills, or 1,000 when PENSTOCK_TORTURE is set
"""
import gzip
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PENSTOCK = os.path.abspath(sys.argv[1])
KILLS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000 if os.environ.get("PENSTOCK_TORTURE") else 50
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 1

SQL = """
CREATE TABLE places AS SELECT * FROM 'places.csv';
CREATE SOURCE readings (id BIGINT, place VARCHAR, value DOUBLE, seen TIMESTAMP, price DECIMAL(10,2),
  WATERMARK FOR seen AS seen - INTERVAL 10 MINUTE)
WITH (connector = 'file', path = 'data/*.ndjson*') FORMAT PLAIN ENCODE JSON;
CREATE SOURCE orders (number BIGINT, place VARCHAR, amount DOUBLE)
WITH (connector = 'file', path = 'orders/*.csv') FORMAT PLAIN ENCODE CSV;
CREATE STREAMING TABLE clean (
  CONSTRAINT positive EXPECT (value > 0) ON VIOLATION DEAD LETTER,
  CONSTRAINT sane EXPECT (value < 900) ON VIOLATION DROP ROW
) AS SELECT r.id, r.place, r.value, r.seen, r.price, p.region FROM STREAM readings r LEFT JOIN places p ON p.place = r.place;
CREATE STREAMING TABLE big AS SELECT id, value * 2 AS twice FROM STREAM clean WHERE value > 500;
CREATE STREAMING TABLE taken AS SELECT * FROM STREAM orders;
CREATE MATERIALIZED VIEW by_region AS
  SELECT region, count(*) AS n, sum(price) AS total, avg(value) AS mean, min(place) AS first_place, max(value) AS top,
         stddev_samp(value) AS spread, regr_slope(value, id) AS slope, approx_count_distinct(id) AS ids
  FROM STREAM clean GROUP BY region;
CREATE MATERIALIZED VIEW by_quarter AS
  SELECT place, time_bucket(INTERVAL 15 MINUTE, seen) AS window_start, count(*) AS n FROM STREAM clean GROUP BY ALL EMIT FINAL;
CREATE MATERIALIZED VIEW order_sums AS SELECT count(*) AS n, sum(amount) AS amount FROM STREAM taken;
"""
# every column of what a user sees; epochs and times of day may differ between runs, the rest may not
CHECKS = {
    "clean": "SELECT * FROM clean ORDER BY ALL",
    "big": "SELECT * FROM big ORDER BY ALL",
    "taken": "SELECT * FROM taken ORDER BY ALL",
    "by_region": "SELECT * FROM by_region ORDER BY ALL",
    "by_quarter": "SELECT * FROM by_quarter ORDER BY ALL",
    "order_sums": "SELECT * FROM order_sums",
    "dead letters": "SELECT source, reason, rule, partition, position, lateness_ms, raw FROM penstock.dead_letters ORDER BY ALL",
    "positions": "SELECT source, partition, position FROM penstock.positions ORDER BY ALL",
    "watermarks": "SELECT * FROM penstock.watermarks ORDER BY ALL",
}


def make_file(generator, folder, number, rows):
    """One more file of readings (every third one compressed) and, now and then, one of orders."""
    lines = []
    for i in range(rows):
        ident = number * 1_000_000 + i
        minute = (number * rows + i) * 0.02 - (generator.random() * 40 if generator.random() < 0.02 else 0)
        value = round(generator.uniform(-20, 1000), 3)
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(1_700_000_000 + max(0, minute) * 60))
        line = json.dumps({"id": ident, "place": generator.choice(["oslo", "bern", "rom", "köln", None]), "value": value, "seen": at,
                           "price": f"{generator.uniform(0, 99):.2f}"})
        if generator.random() < 0.005:
            line = generator.choice([line[: len(line) // 2], "not json", '{"id": "x"}', '{"id": 1, "seen": "soon"}', "[" * 300])
        lines.append(line)
    text = "\n".join(lines) + "\n"
    name = os.path.join(folder, "data", f"part-{number:04d}.ndjson")
    if number % 3 == 2:
        with gzip.open(name + ".gz.part", "wt") as out:
            out.write(text)
        os.rename(name + ".gz.part", name + ".gz")
    else:
        with open(name + ".part", "w") as out:
            out.write(text)
        os.rename(name + ".part", name)
    if number % 4 == 0:
        name = os.path.join(folder, "orders", f"orders-{number:04d}.csv")
        with open(name + ".part", "w") as out:
            out.write("number,place,amount\n")
            for i in range(rows // 4):
                out.write(f'{number * 1000 + i},"a ""b"",\nc",{generator.randrange(1000) / 4}\n')
        os.rename(name + ".part", name)


def make_project(folder):
    os.makedirs(os.path.join(folder, "data"))
    os.makedirs(os.path.join(folder, "orders"))
    with open(os.path.join(folder, "penstock.yml"), "w") as out:
        out.write("name: kill\nepoch:\n  bytes: 192k\n")
    with open(os.path.join(folder, "kill.sql"), "w") as out:
        out.write(SQL)
    with open(os.path.join(folder, "places.csv"), "w") as out:
        out.write("place,region\noslo,north\nbern,middle\nköln,middle\nrom,south\n")


def penstock(folder, *arguments):
    done = subprocess.run([PENSTOCK, *arguments, "--project", folder], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"penstock {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


def state(folder):
    return {name: penstock(folder, "query", "--format", "csv", sql) for name, sql in CHECKS.items()}


FRACTION = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?")


def is_near(left, right):
    """The same text, but for numbers with a fraction, which may differ in the tenth digit."""
    lefts, rights = FRACTION.findall(left), FRACTION.findall(right)
    return FRACTION.sub("#", left) == FRACTION.sub("#", right) and all(
        math.isclose(float(l), float(r), rel_tol=1e-9, abs_tol=1e-12) for l, r in zip(lefts, rights))


def differences(left, right, is_exact):
    return [name for name in CHECKS if left[name] != right[name] and (is_exact or not is_near(left[name], right[name]))]


def kill_once(folder, generator, longest):
    """Starts a run and kills it after a while. True if it was killed, False if it had ended before."""
    process = subprocess.Popen([PENSTOCK, "run", "--once", "--project", folder], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        process.wait(timeout=generator.random() * longest)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    if process.returncode != 0:
        raise SystemExit(f"a run ended with {process.returncode}: {process.stderr.read().decode()}")
    return False


def one_life(folder, generator, kills_left, is_growing):
    """Kills runs of one project until its files are through. Returns kills done."""
    make_project(folder)
    kills, files = 0, 0
    while True:
        while files < 6:
            make_file(generator, folder, files, 4000)
            files += 1
            if is_growing:
                break
        if kills < kills_left:
            if kill_once(folder, generator, 0.8):
                kills += 1
            elif files == 6:
                break
        elif files == 6:
            break
    penstock(folder, "run", "--once")
    return kills


def main():
    generator = random.Random(SEED)
    base = tempfile.mkdtemp(prefix="penstock-kill-")
    kills, lives = 0, 0
    try:
        while kills < KILLS:
            killed = os.path.join(base, f"killed-{lives}")
            calm = os.path.join(base, f"calm-{lives}")
            is_growing = lives % 2 == 1
            kills += one_life(killed, generator, KILLS - kills, is_growing)
            shutil.copytree(killed, calm, ignore=shutil.ignore_patterns("store"))
            penstock(calm, "run", "--once")
            expected, found = state(calm), state(killed)
            wrong = differences(expected, found, not is_growing)
            if wrong:
                keep = os.path.join(base, "kept")
                print(f"seed {SEED}, life {lives}, after {kills} kills: {', '.join(wrong)} differ; see {base}")
                for name in wrong:
                    for side, text in (("calm", expected[name]), ("killed", found[name])):
                        with open(f"{keep}-{side}-{name.replace(' ', '-')}.csv", "w") as out:
                            out.write(text)
                return 1
            if lives == 0:  # the canary: one more record must be seen
                with open(os.path.join(calm, "data", "part-9999.ndjson"), "w") as out:
                    out.write('{"id": 1, "place": "rom", "value": 600, "seen": "2033-01-01 00:00:00", "price": "1.00"}\n')
                penstock(calm, "run", "--once")
                seen = differences(state(calm), found, True)
                if not {"clean", "big", "by_region", "positions"} <= set(seen):
                    print(f"the canary was not seen, only {seen}: this test proves nothing")
                    return 1
            for folder in (killed, calm):
                shutil.rmtree(folder)
            lives += 1
    finally:
        if not any(name.startswith("kept") for name in os.listdir(base)):
            shutil.rmtree(base, ignore_errors=True)
    print(f"{kills} kills over {lives} projects: nothing lost, nothing twice (seed {SEED})")
    return 0


sys.exit(main())
