#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds examples/embed as its user does, by pkg-config from an installed prefix, and runs it on a new project. The
# prediction must be the one that the program gives for the same row, to the last digit that is shown.
#   run.sh PENSTOCK LIBPENSTOCK SOURCE_ROOT CC
set -eu
penstock=$1 library=$2 root=$3 cc=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# a prefix as `make install` lays it out
mkdir -p "$work/prefix/lib/pkgconfig" "$work/prefix/include"
cp "$root/include/penstock.h" "$work/prefix/include/"
ln -s "$library" "$work/prefix/lib/$(basename "$library")"
ln -s "$(basename "$library")" "$work/prefix/lib/libpenstock.so.0"
ln -s libpenstock.so.0 "$work/prefix/lib/libpenstock.so"
cat >"$work/prefix/lib/pkgconfig/penstock.pc" <<PC
prefix=$work/prefix
includedir=\${prefix}/include
libdir=\${prefix}/lib
Name: penstock
Description: exactly-once pipelines and gated models
Version: 0.1.0
Libs: -L\${libdir} -lpenstock
Cflags: -I\${includedir}
PC

cp "$root"/examples/embed/main.c "$root"/examples/embed/Makefile "$work/"
make -s -C "$work" CC="$cc" PKG_CONFIG_PATH="$work/prefix/lib/pkgconfig"
"$penstock" init --project "$work" demo >/dev/null

LD_LIBRARY_PATH="$work/prefix/lib" "$work/embed" "$work/demo" loading clean_visits >"$work/out"
cat "$work/out"
grep -q '^table clean_visits: 597 rows$' "$work/out"
grep -q '^model loading, version 1$' "$work/out"
mine=$(sed -n 's/^prediction: //p' "$work/out")
theirs=$("$penstock" predict loading --project "$work/demo" --sql 'FROM clean_visits LIMIT 1' --format csv | tail -n 1 | sed 's/.*,//')
[ "$mine" = "$(printf '%.6f' "$theirs")" ] || { echo "embed predicts $mine, the program $theirs"; exit 1; }

# again: nothing new, and what is wrong is an error with its sentence, not a crash
LD_LIBRARY_PATH="$work/prefix/lib" "$work/embed" "$work/demo" loading clean_visits | grep -q '^model loading, version 1$'
if LD_LIBRARY_PATH="$work/prefix/lib" "$work/embed" "$work/demo" loadin clean_visits 2>"$work/err"; then
  echo "a model that is not there was loaded"; exit 1
fi
grep -q 'did you mean loading' "$work/err"
if LD_LIBRARY_PATH="$work/prefix/lib" "$work/embed" "$work/nowhere" loading clean_visits 2>"$work/err"; then
  echo "a project that is not there was opened"; exit 1
fi
grep -q '^open: ' "$work/err"
echo ok
