#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The example from a table of HBase to what an analyst opens: fills the table, runs the project once, looks at what came
# out. Run it again: nothing is written or made twice.
#   MASTERS=host:16000 PENSTOCK=path/to/penstock run.sh [options of `penstock run`]
# `make run-hbase` does all of it, with an HBase of its own.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
penstock=${PENSTOCK:-$here/../../build/penstock}
masters=${MASTERS:-${PENSTOCK_HBASE_MASTERS:-127.0.0.1:16000}}
[ -d "$here/../congestion/data" ] || "$here/../congestion/make_data"

echo "The flights go into the table flights:"
"$penstock" run --once --quiet --project "$here/load" --set MASTERS="$masters"
"$penstock" hbase scan flights --limit 2 --masters "$masters" --project "$here" --set MASTERS="$masters"

"$penstock" run --once --project "$here" --set MASTERS="$masters" "$@"

echo
echo "What was dropped, and the columns before and after (the same, with drawings, is in out/quality.html):"
"$penstock" datasets show for_analysts --project "$here" --set MASTERS="$masters"
echo
echo "Why rows of HBase were not used (penstock.dead_letters; each is kept with its row key and cells):"
"$penstock" query --project "$here" --set MASTERS="$masters" "
  SELECT reason, coalesce(rule, column_name, '') AS what, count(*) AS records
  FROM penstock.dead_letters GROUP BY ALL ORDER BY ALL"
echo
echo "What the analyst reads (out/flights.parquet):"
"$penstock" query --project "$here" --set MASTERS="$masters" "
  SELECT origin, count(*) AS flights, round(avg(loading_time), 1) AS mean_loading_time, round(avg(wind_speed), 3) AS wind
  FROM '$here/out/flights.parquet' GROUP BY origin ORDER BY origin"
