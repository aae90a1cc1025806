
/*
 * Records of Idempotency-Keys, as idempotency_record.c reads them and
 * idempotency.c shows them.
 */

#ifndef SPOCRCTL_IDEMPOTENCY_H
#define SPOCRCTL_IDEMPOTENCY_H


#include "link.h"
#include "ngx_spocr_id.h"
#include "ngx_spocr_record.h"


#define CTL_REASON_MAX  32          /* of a tombstone, characters */


typedef enum {
    CTL_IDEM_RUNNING = 0,
    CTL_IDEM_UNKNOWN,               /* its lease has ended, or it is said */
    CTL_IDEM_DONE,
    CTL_IDEM_TOMB,
    CTL_IDEM_MALFORMED
} ctl_idem_state_e;


/* Times are ms of Redis' clock; what is not known is 0 or empty. */

typedef struct {
    ctl_idem_state_e           state;
    const char                *wrong;       /* why it is malformed, or NULL */
    bool                       held;        /* its request may be running */
    char                       reason[CTL_REASON_MAX + 1];
    char                       request_id[NGX_SPOCR_ID_LEN + 1];
    int64_t                    now;
    int64_t                    claimed;
    int64_t                    attempt;
    int64_t                    lease;       /* its end */
    int64_t                    ttl;         /* ms; -1: it does not expire */
    ngx_str_t                  stored;      /* answer, as it is in Redis */
    ngx_spocr_record_owner_t   owner;
} ctl_idem_t;


/* A stored answer. */

typedef struct {
    bool                   sealed;
    const char            *wrong;           /* why it was not opened, or NULL */
    ngx_spocr_record_t     record;
} ctl_idem_answer_t;


/* false: there is no record of this name.  idem->owner.id was set. */
bool ctl_idem_read(ctl_link_t *link, const char *name, ctl_idem_t *idem);

/* The answer of a record that is done; secrets may be NULL. */
void ctl_idem_open(const ctl_idem_t *idem, const ngx_spocr_secrets_t *secrets,
    ctl_idem_answer_t *answer);


#endif /* SPOCRCTL_IDEMPOTENCY_H */
