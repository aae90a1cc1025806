#ifndef BE_FAULT_H
#define BE_FAULT_H

#include <jansson.h>

/* Why a call is refused: what the error envelope is made of. */
typedef struct {
    int          status;         /* HTTP; 0 is "no fault" */
    const char  *code;
    char         message[320];
    json_t      *details;        /* object or NULL, owned */
} be_fault_t;

/* Each returns -1, so that a check may end in "return be_fault(...)". */
int be_fault(be_fault_t *f, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int be_fault_code(be_fault_t *f, int status, const char *code,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* validation_failed, with details.field naming the member that is wrong. */
int be_fault_field(be_fault_t *f, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

void be_fault_free(be_fault_t *f);

/* The code that goes with a status where nothing more special is said. */
const char *be_fault_default(int status);

/* {"error":{code,message,requestId}} and details; the caller frees. */
char *be_fault_json(const be_fault_t *f, const char *request_id);

#endif
