/* SPDX-License-Identifier: Apache-2.0
 *
 * path.c - text that is true on one machine only.
 */
static const char *const log_file = "/root/penstock.log"; /* expect: path */
/* see go://registry.example.org/penstock, expect: path */
