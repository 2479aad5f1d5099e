/* SPDX-License-Identifier: Apache-2.0
 *
 * call.c - calls that the house has a better word for.
 */
void ps_call_badly(char *text) {
    char *copy = malloc(10);          /* expect: memory */
    strcpy(copy, text);               /* expect: call */
    sprintf (copy, "%s", text);       /* expect: call */
    printf("%d\n", atoi(copy));       /* expect: call */
    pthread_mutex_lock(&lock);        /* expect: pthread */
    thrd_yield();                     /* expect: pthread */
    if (duckdb_query(0, copy, 0)) {   /* expect: call */
        goto done;                    /* expect: call */
    }
done:
    free(copy); /* expect: memory */
}
#define BAD_COPY(text) strdup(text) /* expect: memory */
