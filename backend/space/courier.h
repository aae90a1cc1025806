#ifndef BE_COURIER_H
#define BE_COURIER_H

#include "http.h"

#define BE_MAX_RETRIES  16

/* Deliveries under way at a time; the pool "deliver" has as many helpers. */
#define BE_COURIERS  4

/* When a delivery is tried again: seconds after the attempt before. */
typedef struct {
    int  after[BE_MAX_RETRIES];
    int  n;
} be_retries_t;

/* "60,300,1800"; 0, or -1 where it is no such list. */
int be_retries_parse(const char *s, be_retries_t *r);

/* The threads that deliver webhooks.  conf has to outlive them.  NULL: the
 * reason was said. */
be_courier_t *be_courier_start(const be_http_conf_t *conf,
    const be_retries_t *retries);

/* There are new deliveries.  Any thread; c may be NULL. */
void be_courier_wake(be_courier_t *c);

/* Breaks off what is under way, which is delivered again after the next start.
 * c may be NULL. */
void be_courier_stop(be_courier_t *c);

#endif
