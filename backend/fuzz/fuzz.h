#ifndef BE_FUZZ_H
#define BE_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "extract.h"

/*
 * What a driver brings: one input, as libFuzzer calls it; the inputs that
 * others are made from, given to be_fuzz_seed(); and words that are put into
 * them, up to a NULL.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void be_fuzz_seeds(void);
extern const char *const  be_fuzz_words[];

/* Copies an input. */
void be_fuzz_seed(const void *data, size_t len);
void be_fuzz_seed_text(const char *s);

/* Says what does not hold, and ends the program by SIGABRT. */
#define be_fuzz_holds(what)                                                   \
    ((what) ? (void) 0 : be_fuzz_fail(#what, __FILE__, __LINE__))

void be_fuzz_fail(const char *what, const char *file, int line)
    __attribute__((noreturn));

/* An input as a source of numbers: 0 where it is used up. */
typedef struct {
    const uint8_t  *p;
    const uint8_t  *end;
} be_fuzz_in_t;

unsigned be_fuzz_byte(be_fuzz_in_t *in);
int be_fuzz_below(be_fuzz_in_t *in, int n);      /* 0 .. n - 1 */

/* The bytes up to the next of that kind, as a string to be freed. */
char *be_fuzz_until(be_fuzz_in_t *in, int c);

/* fuzz_answer.c: what be_answer() makes of results keeps its promises: each
 * field is there, and each box lies on words of the page.  Frees neither. */
void be_fuzz_answer(const be_page_t *pg, const be_schema_t *s,
    const be_result_t *r);

/* The schema of FieldSpecs in JSON, which has to be one. */
void be_fuzz_schema(const char *json, be_schema_t *s);

/* A fault, where there is one, has what an answer needs; it is freed. */
void be_fuzz_fault(be_fault_t *f, int wanted);

#endif
