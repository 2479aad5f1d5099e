/* SPDX-License-Identifier: Apache-2.0
 *
 * source_hbase.h - tables of HBase as a source: options masters, table, mapping, rowkey, scan.startrow, scan.stoprow,
 * scan.timerange, scan.versions, scan.mode, scan.overlap, scan.interval, caching, timeouts. Its records are cells, for
 * which no ENCODE is written.
 */
#ifndef PS_CONNECT_SOURCE_HBASE_H
#define PS_CONNECT_SOURCE_HBASE_H

#include "connect/source.h"

extern const struct ps_source_type ps_source_hbase;

#endif
