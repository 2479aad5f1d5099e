/* SPDX-License-Identifier: Apache-2.0
 *
 * source_file.h - the row of the connector table for files.
 */
#ifndef PS_CONNECT_SOURCE_FILE_H
#define PS_CONNECT_SOURCE_FILE_H

#include "connect/source.h"

extern const struct ps_source_type ps_source_file;

#endif
