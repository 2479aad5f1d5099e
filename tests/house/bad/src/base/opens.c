/* This file has a purpose but no licence line. expect-file: opens */
int ps_opens_nothing(void);
