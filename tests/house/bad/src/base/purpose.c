/* SPDX-License-Identifier: Apache-2.0
 *
 * other.c - the purpose of another file, copied and not changed. expect-file: opens
 */
int ps_purpose_nothing(void);
