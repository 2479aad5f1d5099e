/* SPDX-License-Identifier: Apache-2.0
 *
 * changelog.h - records that change a table: FORMAT UPSERT and FORMAT DEBEZIUM.
 *
 * A record of a changelog says of a row, known by its primary key, what it is now or that it is gone. Most become
 * one row of the batch, with an operation. A record that says nothing (the tombstone behind a Debezium delete)
 * becomes none, and one that changes the key itself becomes two: a delete of the old key, then a put of the new.
 * Private to room connect.
 */
#ifndef PS_CONNECT_CHANGELOG_H
#define PS_CONNECT_CHANGELOG_H

#include "connect/decoding.h"

struct ps_changelog;

/* A reader of one slice's records into `batch`, which must be empty; one thread. */
penstock_code ps_changelog_open(const struct ps_source_setup *setup, struct ps_batch *batch,
                                struct ps_changelog **changelog_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_changelog_close(struct ps_changelog *changelog);
void ps_changelog_close_scoped(struct ps_changelog **changelog);
/* Adds the rows of a record, or its dead letter. Columns behind the declared ones are not set. */
penstock_code ps_changelog_decode(struct ps_changelog *changelog, struct ps_record record,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
