#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds examples/embed as its user does, by pkg-config from an installed prefix, and runs it on a new project. The
# prediction must be the one that the program gives for the same row, to the last digit that is shown.
#   run.sh PENSTOCK LIBPENSTOCK PENSTOCK_PC SOURCE_ROOT CC
set -eu
penstock=$(realpath "$1") library=$(realpath "$2") description=$3 root=$4 cc=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# a prefix as `make install` lays it out, with the description that is installed
export PKG_CONFIG_PATH="$work/prefix/pkgconfig"
mkdir -p "$PKG_CONFIG_PATH" "$work/prefix/include"
sed "s|^prefix=.*|prefix=$work/prefix|" "$description" >"$PKG_CONFIG_PATH/penstock.pc"
libraries=$(pkg-config --variable=libdir penstock)
mkdir -p "$libraries"
cp "$root/include/penstock.h" "$work/prefix/include/"
ln -s "$library" "$libraries/libpenstock.so.0"
ln -s libpenstock.so.0 "$libraries/libpenstock.so"

cp "$root"/examples/embed/main.c "$root"/examples/embed/Makefile "$work/"
make -s -C "$work" CC="$cc"
"$penstock" init --project "$work" demo >/dev/null

LD_LIBRARY_PATH="$libraries" "$work/embed" "$work/demo" loading clean_visits >"$work/out"
cat "$work/out"
grep -q '^table clean_visits: 597 rows$' "$work/out"
grep -q '^model loading, version 1$' "$work/out"
mine=$(sed -n 's/^prediction: //p' "$work/out")
theirs=$("$penstock" predict loading --project "$work/demo" --sql 'FROM clean_visits LIMIT 1' --format csv | tail -n 1 | sed 's/.*,//')
[ "$mine" = "$(printf '%.6f' "$theirs")" ] || { echo "embed predicts $mine, the program $theirs"; exit 1; }

# again: nothing new, and what is wrong is an error with its sentence, not a crash
LD_LIBRARY_PATH="$libraries" "$work/embed" "$work/demo" loading clean_visits | grep -q '^model loading, version 1$'
if LD_LIBRARY_PATH="$libraries" "$work/embed" "$work/demo" loadin clean_visits 2>"$work/err"; then
  echo "a model that is not there was loaded"; exit 1
fi
grep -q 'did you mean loading' "$work/err"
if LD_LIBRARY_PATH="$libraries" "$work/embed" "$work/nowhere" loading clean_visits 2>"$work/err"; then
  echo "a project that is not there was opened"; exit 1
fi
grep -q '^open: ' "$work/err"
echo ok
