#ifndef BE_CSV_H
#define BE_CSV_H

#include "../buf.h"

/* One cell, quoted where RFC 4180 asks for it, or a semicolon or tab is in it.
 * What a spreadsheet would take for a formula, and is no number, gets an
 * apostrophe before it, at the start and behind what may part cells. */
void be_csv_cell(be_buf_t *b, const char *s);

/* "attachment; ..." for a file called name.csv; out is a header's value. */
void be_csv_disposition(const char *name, char *out, size_t size);

#endif
