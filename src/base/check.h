/* SPDX-License-Identifier: Apache-2.0
 *
 * check.h - asserts that stay on in release.
 *
 * For bugs only, never for input. A failed check prints one line and aborts; that is safe because every
 * commit is atomic: the next start finds the last committed epoch.
 */
#ifndef PS_BASE_CHECK_H
#define PS_BASE_CHECK_H

#define ps_check(condition) \
    ((condition) ? (void)0 : ps_check_failed(#condition, __FILE__, __LINE__, __func__))

_Noreturn void ps_check_failed(const char *condition, const char *file, int line, const char *function);

#endif
