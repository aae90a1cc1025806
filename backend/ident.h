#ifndef BE_IDENT_H
#define BE_IDENT_H

#define BE_ID_SIZE   48
#define BE_KEY_LEN   20
#define BE_KEY_SIZE  (BE_KEY_LEN + 1)

#include <stdint.h>

/* prefix and 32 hexadecimal digits, the bits of a UUIDv7 (RFC 9562): they
 * sort by time and cannot be guessed.  out has BE_ID_SIZE bytes. */
void be_id(char *out, const char *prefix);

/* 20 random characters of a-z and 0-9, a letter first: a uniqueKey.
 * out has BE_KEY_SIZE bytes. */
void be_key_new(char *out);

/* Milliseconds since 1970. */
int64_t be_wall_ms(void);

/* Random bytes; the process ends where the system has none. */
void be_random(void *p, unsigned n);

#endif
