/* SPDX-License-Identifier: Apache-2.0
 *
 * include.c - includes that go up, sideways and nowhere.
 */
#include <duckdb.h> /* expect: include */

#include "base/file.h"
#include "bare.h"        /* expect: include */
#include "cli/command.h" /* expect: include */
#include "data/batch.h"
#include "nowhere/file.h" /* expect: include */
#include "penstock.h"
  #  include "sql/engine.h" /* expect: include */
