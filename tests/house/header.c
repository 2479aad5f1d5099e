/* SPDX-License-Identifier: Apache-2.0
 *
 * header.c - penstock.h alone, as C11; header.cpp is the same as C++.
 */
#include "penstock.h"

int main(void) {
    struct penstock_error error = {PENSTOCK_OK, PENSTOCK_GIVE_UP, "", "", ""};
    return error.code == PENSTOCK_OK && error.message[0] == '\0' ? 0 : 1;
}
