/* SPDX-License-Identifier: Apache-2.0
 *
 * header.cpp - penstock.h alone, as C++; header.c is the same as C11.
 */
#include "penstock.h"

int main() {
    penstock_error error = {PENSTOCK_OK, PENSTOCK_GIVE_UP, "", "", ""};
    return error.code == PENSTOCK_OK && error.message[0] == '\0' ? 0 : 1;
}
