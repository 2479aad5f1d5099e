# SPDX-License-Identifier: Apache-2.0
"""The Python with DuckDB and deltalake, which read what sinks wrote: the one that tools/setup test made."""
import os
import sys


def test_python():
    cache = os.environ.get("PENSTOCK_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "penstock")
    path = os.path.join(cache, "test-1", "bin", "python")
    return path if os.path.exists(path) else sys.executable


def use_test_python():
    """Starts this program again in that Python, unless it is running there."""
    if not sys.prefix.endswith("test-1") and test_python() != sys.executable:
        os.execv(test_python(), [test_python(), *sys.argv])
