# SPDX-License-Identifier: Apache-2.0
"""The search on 100,000 rows beside two tables: an exact solution, and what Spark 4.3.0 printed on the same folds.

    bench/spark_numbers.py PENSTOCK WORK_FOLDER

Fold = row number mod 3. The exact table was solved to 1e-12 from sums in numpy; Spark's elastic net stops at its
tolerance, so it is farther from it than penstock. Ends with status 1 if a number is off.
"""
import json
import os
import shutil
import subprocess
import sys

import measure

# by fold; regParam 0.01, 0.1, 0.5 outside, elasticNetParam 0, 0.5, 1 inside
EXACT = [
    [3.021135404592, 3.020918016603, 3.020805458130, 3.021438801102, 3.027384690531, 3.041631294849, 3.046399825452,
     3.192813872899, 3.494973223941],
    [2.990731780464, 2.990571329790, 2.990525445009, 2.991333366416, 2.998068597754, 3.013383612309, 3.017148276001,
     3.166433944877, 3.468113748838],
    [2.987209914295, 2.987574778141, 2.988066311475, 2.990201234995, 3.002469103630, 3.021000086510, 3.026000776885,
     3.190077180162, 3.503969964977]]
SPARK = [2.999692366450, 2.999688040828, 2.999799072753, 3.000991134171, 3.009307470843, 3.025338335039, 3.029849626114,
         3.183108304007, 3.489019146238]
SPARK_SEED_42 = [2.999597162390, 2.999621528374, 2.999754128359, 3.000902966908, 3.009339541046, 3.025382854089,
                 3.029790202325, 3.183062271586, 3.488795195460]
SQL = """CREATE MODEL {name} TRANSFORM (StandardScaler({columns})) PREDICT loading_time
USING LinearRegression(regParam = GRID(0.01, 0.1, 0.5), elasticNetParam = GRID(0, 0.5, 1))
VALIDATE CrossValidator(numFolds = 3, {folds})
AS SELECT * EXCLUDE (file_row_number){extra} FROM read_parquet('{path}', file_row_number = true);
"""


def search(penstock, project, name):
    text = measure.run([penstock, "models", "show", name, "--format", "json", "--project", project]).output
    return json.loads(text)["search"]["cells"]


def report(what, found, expected, limit):
    worst = max(abs(a - b) / b for a, b in zip(found, expected))
    print(f"{what:48s} worst relative difference {worst:.1e} (limit {limit:.0e})")
    return worst <= limit


def main():
    penstock, folder = sys.argv[1], sys.argv[2]
    path = os.path.join(folder, "cv_100000.parquet")
    if not os.path.exists(path):
        generator = os.path.join(os.path.dirname(os.path.abspath(__file__)), "generate_cv.py")
        subprocess.run([sys.executable, generator, path + ".part", "100000"], check=True)
        os.rename(path + ".part", path)
    project = os.path.join(folder, "spark_numbers")
    shutil.rmtree(project, ignore_errors=True)
    os.makedirs(project)
    columns = ", ".join(f"x{i}" for i in range(1, 21))
    with open(os.path.join(project, "penstock.yml"), "w") as out:
        out.write("name: spark_numbers\n")
    with open(os.path.join(project, "models.sql"), "w") as out:
        out.write(SQL.format(name="by_row", columns=columns, path=path, folds="foldCol = 'fold'",
                             extra=", file_row_number % 3 AS fold"))
        out.write(SQL.format(name="by_seed", columns=columns, path=path, folds="seed = 42", extra=""))
    measure.run([penstock, "run", "--once", "--project", project])
    print("\nmodel search, 100,000 rows: the numbers")
    by_row, by_seed = search(penstock, project, "by_row"), search(penstock, project, "by_seed")
    right = True
    for fold in range(3):
        right &= report(f"fold {fold}, exact", [cell["folds"][fold] for cell in by_row], EXACT[fold], 1e-9)
    ridge = [0, 3, 6]
    right &= report("means, Spark, ridge", [by_row[i]["mean"] for i in ridge], [SPARK[i] for i in ridge], 1e-9)
    right &= report("means, Spark", [cell["mean"] for cell in by_row], SPARK, 1e-6)
    right &= report("means, Spark, seed = 42", [cell["mean"] for cell in by_seed], SPARK_SEED_42, 1e-6)
    raise SystemExit(0 if right else 1)


main()
