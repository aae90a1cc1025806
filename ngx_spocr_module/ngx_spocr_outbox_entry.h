
/*
 * An item as a worker has it, on its way for the first time or from the zone.
 *
 * Private to the outbox.
 */

#ifndef _NGX_SPOCR_OUTBOX_ENTRY_H_INCLUDED_
#define _NGX_SPOCR_OUTBOX_ENTRY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_spocr_outbox.h"


/* What an entry is in the worker's memory for. */
typedef enum {
    NGX_SPOCR_OUTBOX_FIRST = 0,     /* its first call is under way */
    NGX_SPOCR_OUTBOX_AGAIN,         /* so is one of an item of the zone */
    NGX_SPOCR_OUTBOX_TELL           /* it is in the zone, or lost; who waits
                                     * is told in the next event */
} ngx_spocr_outbox_state_e;


/* What a call's end means for its item. */
typedef enum {
    NGX_SPOCR_OUTBOX_DONE = 0,
    NGX_SPOCR_OUTBOX_ASK,           /* nothing to release: not yet? */
    NGX_SPOCR_OUTBOX_AWAY,          /* Redis takes nothing now */
    NGX_SPOCR_OUTBOX_REFUSED        /* it does not take this one */
} ngx_spocr_outbox_end_e;


struct ngx_spocr_outbox_s {
    ngx_spocr_outbox_context_t    context;
    ngx_log_t                    *log;
    ngx_queue_t                   entries;
    size_t                        bytes;     /* of the entries */
    ngx_uint_t                    nagain;    /* of them, from the zone */
    ngx_event_t                   timer;     /* looks into the zone */
    ngx_connection_t              ident;     /* timers' data: no socket */
};


struct ngx_spocr_outbox_entry_s {
    ngx_queue_t                   queue;
    ngx_spocr_outbox_t           *outbox;
    ngx_spocr_outbox_ticket_t    *ticket;    /* NULL: nobody waits */
    ngx_spocr_redis_call_t        call;
    ngx_event_t                   event;     /* a ticket's: patience, or the
                                              * posted telling */
    ngx_spocr_outbox_state_e      state;
    ngx_spocr_zone_item_t         item;      /* mark: answers of "nothing to
                                              * release" so far */
    u_char                       *bytes;     /* behind this */
};


/* A new one, with room for len bytes, which is in the queue of its outbox. */
ngx_spocr_outbox_entry_t *ngx_spocr_outbox_entry_create(
    ngx_spocr_outbox_t *outbox, size_t len, ngx_spocr_outbox_state_e state);

/* Whoever waited for it is not told. */
void ngx_spocr_outbox_entry_free(ngx_spocr_outbox_entry_t *entry);

/* Begins its call: as ngx_spocr_redis_call(), or NGX_ERROR: its bytes are no
 * item. */
ngx_int_t ngx_spocr_outbox_entry_call(ngx_spocr_outbox_entry_t *entry,
    void (*handler)(ngx_spocr_redis_call_t *call));

/* In its call's handler; counts and logs what there is to say. */
ngx_spocr_outbox_end_e ngx_spocr_outbox_entry_end(
    ngx_spocr_outbox_entry_t *entry);

/* How long an item waits in the zone, by what became of its call. */
ngx_spocr_zone_wait_e ngx_spocr_outbox_wait(ngx_spocr_outbox_end_e end);


/* An item <-> bytes. */
size_t ngx_spocr_outbox_item_size(const ngx_spocr_outbox_item_t *item);
void ngx_spocr_outbox_item_write(const ngx_spocr_outbox_item_t *item,
    u_char *p);

/* The strings are of the bytes.  NGX_ERROR: they are no item. */
ngx_int_t ngx_spocr_outbox_item_read(ngx_spocr_outbox_item_t *item,
    u_char *bytes, size_t len);


/* ngx_spocr_outbox_retry.c: the zone is looked into from now on. */
void ngx_spocr_outbox_retry_start(ngx_spocr_outbox_t *outbox);
void ngx_spocr_outbox_retry_stop(ngx_spocr_outbox_t *outbox);


void ngx_spocr_outbox_count(ngx_spocr_outbox_t *outbox,
    ngx_spocr_outbox_total_e total);

/* n items were lost. */
void ngx_spocr_outbox_dropped(ngx_spocr_outbox_t *outbox, ngx_uint_t n,
    const char *why);


#endif /* _NGX_SPOCR_OUTBOX_ENTRY_H_INCLUDED_ */
