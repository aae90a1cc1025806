#ifndef BE_VALUE_H
#define BE_VALUE_H

#include <stddef.h>

#include "../buf.h"

/* The number that a value is, without separators and currency signs: 1, or 0
 * where it is none. */
int be_value_number(const char *s, double *num);

/*
 * The form in which texts are searched: small letters, those of any script,
 * and the wide forms of ASCII as the narrow ones.  Blanks stay.  Put in the
 * place of what was in out.
 */
void be_value_fold(const char *s, size_t len, be_buf_t *out);

#endif
