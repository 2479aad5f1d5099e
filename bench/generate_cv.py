#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Synthetic rows for the model search: 20 features of very different scale, three correlated pairs, one label.

    generate_cv.py FILE.parquet ROWS

Seeded and written in row groups of 125,000 rows from one stream of random numbers, so that a smaller file is a
prefix of a larger one. The noise has standard deviation 3, which no model's RMSE can go below.
"""
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FEATURES, SEED, GROUP = 20, 20261122, 125_000


def parameters():
    rng = np.random.default_rng(SEED)
    beta = np.round(rng.normal(0, 2, FEATURES), 3)
    beta[3::4] = 0.0
    scale = np.round(10.0 ** rng.uniform(-2, 3, FEATURES), 4)
    mean = np.round(rng.normal(0, 3, FEATURES) * scale, 4)
    mix = np.eye(FEATURES)
    mix[1, 0], mix[5, 4], mix[9, 8] = 0.8, 0.6, -0.7
    return beta, scale, mean, mix


def main():
    path, rows = sys.argv[1], int(sys.argv[2])
    beta, scale, mean, mix = parameters()
    rng = np.random.default_rng(SEED + 1)
    schema = pa.schema([(f"x{j + 1}", pa.float64()) for j in range(FEATURES)] + [("loading_time", pa.float64())])
    with pq.ParquetWriter(path, schema, compression="snappy", use_dictionary=False) as writer:
        for done in range(0, rows, GROUP):
            count = min(GROUP, rows - done)
            z = rng.standard_normal((GROUP, FEATURES)) @ mix.T
            noise = rng.standard_normal(GROUP)
            x = (mean + scale * z)[:count]
            y = (120.0 + z @ beta + 3.0 * noise)[:count]
            columns = [pa.array(np.ascontiguousarray(x[:, j])) for j in range(FEATURES)] + [pa.array(y)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=count)


if __name__ == "__main__":
    main()
