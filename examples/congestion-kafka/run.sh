#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The example from records in a topic to alerts in another one and a gated model. Feeds the topic, runs the project once,
# looks at what came out. Run it again: nothing is processed twice.
#   BROKER=host:port PENSTOCK=path/to/penstock run.sh [options of `penstock run`]
# `make run-kafka` does all of it, with a broker of its own.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
penstock=${PENSTOCK:-$here/../../build/penstock}
broker=${BROKER:-127.0.0.1:9092}
[ -d "$here/../congestion/data" ] || "$here/../congestion/make_data"

echo "The airports put their flights into the topic departures:"
"$penstock" run --once --quiet --project "$here/feed" --set BROKER="$broker"

status=0
"$penstock" run --once --project "$here" --set BROKER="$broker" "$@" || status=$?
[ "$status" = 0 ] || [ "$status" = 3 ] || exit "$status"

echo
echo "The slowest quarter hours at each airport, with at least ten departures (view congestion_by_airport, times are UTC):"
"$penstock" query --project "$here" --set BROKER="$broker" "
  SELECT origin, window_start, departures, round(mean_loading_time, 1) AS mean_loading_time
  FROM congestion_by_airport WHERE departures >= 10
  QUALIFY row_number() OVER (PARTITION BY origin ORDER BY mean_loading_time DESC) <= 2 ORDER BY ALL"
echo
echo "Why records were not used (penstock.dead_letters; each is kept whole, with its partition and offset):"
"$penstock" query --project "$here" --set BROKER="$broker" "
  SELECT reason, coalesce(rule, column_name, '') AS what, count(*) AS records
  FROM penstock.dead_letters GROUP BY ALL ORDER BY ALL"
exit "$status"
