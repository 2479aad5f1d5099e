SELECT E'a\n', $$x;$$, $t$ ${Q} $t$, "a""b" /* /* ; */ */;
SET x = '${Q}'; -- ${NOPE}
CREATE TABLE t AS SELECT $${KAFKA}