/* SPDX-License-Identifier: Apache-2.0
 *
 * allow.c - switches that switch nothing off, give no reason or name no check.
 */
/* tidy: allow call: nothing on this line is forbidden, expect: allow */
/* tidy: allow sorcery: there is no such check, expect: allow */
/* tidy: allow allow: one cannot switch off the switches, expect: allow */
int ps_allow_nothing(void) {
    return 0; /* tidy: allow call because, expect: allow */
}
