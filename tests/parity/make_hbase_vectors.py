#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What real HBase makes of values: HBaseVectors.java against the jars of the tests' HBase.

    make_hbase_vectors.py            writes hbase_vectors.txt beside itself
    make_hbase_vectors.py --check    exit status 1 if it says something else now; 77 if the jars are not there
"""
import difflib
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "servers"))
from hbase import HBase  # noqa: E402
from kafka import cache_folder  # noqa: E402


def main():
    vectors = HERE / "hbase_vectors.txt"
    if not HBase.is_there():
        print("the jars of HBase are not there: run tools/setup test")
        return 77
    jars = os.path.join(cache_folder(), "hbase-2.6.1", "libs", "*")
    made = subprocess.run(["java", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-cp", jars,
                           str(HERE / "HBaseVectors.java")], check=True, stdout=subprocess.PIPE).stdout.decode()
    if "--check" not in sys.argv:
        vectors.write_text(made)
        return 0
    differences = list(difflib.unified_diff(vectors.read_text().splitlines(), made.splitlines(), "stored", "HBase", "", "", 0))
    print("\n".join(differences) or f"{len(made.splitlines())} vectors are what HBase writes")
    return 1 if differences else 0


sys.exit(main())
