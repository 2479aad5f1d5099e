# SPDX-License-Identifier: Apache-2.0
"""How long until the first line: penstock version, penstock query "SELECT 1", beside python3's bare start.

    bench/startup.py PENSTOCK WORK_FOLDER
"""
import os
import sys

import measure

PENSTOCK, FOLDER = sys.argv[1], sys.argv[2]
project = os.path.join(FOLDER, "startup")
os.makedirs(project, exist_ok=True)
with open(os.path.join(project, "penstock.yml"), "w") as out:
    out.write("name: startup\n")
with open(os.path.join(project, "startup.sql"), "w") as out:
    out.write("SELECT 1;\n")
measure.compare("process start to end", [
    ("penstock version", [PENSTOCK, "version"], None),
    ('penstock query "SELECT 1"', [PENSTOCK, "query", "--project", project, "SELECT 1"], None),
    ("python3 -c pass", ["python3", "-c", "pass"], None),
], rounds=15)
