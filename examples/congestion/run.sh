#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The example from nothing to a gated model: makes the data if it is not there, runs the project once, looks at what came
# out. Run it again: nothing is processed twice.
#   PENSTOCK=path/to/penstock run.sh [options of `penstock run`]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
penstock=${PENSTOCK:-$here/../../build/penstock}
[ -d "$here/data" ] || "$here/make_data"

status=0
"$penstock" run --once --project "$here" "$@" || status=$?
[ "$status" = 0 ] || [ "$status" = 3 ] || exit "$status"

echo
echo "The slowest quarter hours at each airport, with at least ten departures (view congestion_by_airport, times are UTC):"
"$penstock" query --project "$here" "
  SELECT origin, window_start, departures, round(mean_loading_time, 1) AS mean_loading_time
  FROM congestion_by_airport WHERE departures >= 10
  QUALIFY row_number() OVER (PARTITION BY origin ORDER BY mean_loading_time DESC) <= 2 ORDER BY ALL"
echo
echo "Why records were not used (penstock.dead_letters; each is kept whole, with its file and byte):"
"$penstock" query --project "$here" "
  SELECT reason, coalesce(rule, column_name, '') AS what, count(*) AS records
  FROM penstock.dead_letters GROUP BY ALL ORDER BY ALL"
exit "$status"
