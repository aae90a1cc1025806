#ifndef BE_TEXT_H
#define BE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/*
 * Decodes one character and steps over it; a broken sequence yields its first
 * byte as U+FFFD and a step of one.  Returns 0 at the end.
 */
uint32_t be_utf8_next(const char **p, const char *end);
void be_utf8_add(be_buf_t *b, uint32_t cp);

int be_is_space(uint32_t cp);
int be_is_cjk(uint32_t cp);
int be_is_word(uint32_t cp);

/* n(s): compatibility forms and case folded, no spaces (NFKC for the
 * characters that invoices are made of).  The caller frees. */
char *be_norm(const char *s, size_t len);

/*
 * The form in which labels are compared: n(s) without accents and
 * punctuation, and with the pairs that OCR confuses made one (0 o, 1 l i,
 * 5 s, 8 b).  map, if given, gets for each byte of the key the offset of its
 * character in s, and one more for the end; the caller frees both.
 */
char *be_key(const char *s, size_t len, int **map);

/* Edit distance in characters, or limit + 1 as soon as it is above limit. */
int be_distance(const char *a, const char *b, int limit);

/*
 * The smallest edit distance between needle and any substring of hay; *b0 and
 * *b1 get the bytes of the best one.  Returns -1 for an empty needle.
 */
int be_distance_in(const char *needle, const char *hay, size_t *b0,
    size_t *b1);

size_t be_utf8_count(const char *s);

#endif
