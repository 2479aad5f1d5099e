/* SPDX-License-Identifier: Apache-2.0
 *
 * word.c - work that was left for later.
 */
/* FIXME the rest, expect: word */
/* this is not implemented, expect: word */
