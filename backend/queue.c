/*
 * The places of the queue.  Called by http.c for the calls that are work, and
 * by POST /upload where it only waits for its jobs.
 *
 * Invariant: the last quarter of the places is for tenants who have none, so
 * that one who sends as much as there is room for, or bodies that never end,
 * does not shut the others out.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "queue.h"


/* For each place so many calls may rest. */

#define BE_QUEUE_RESTS  2

struct be_queue_s {
    pthread_mutex_t   lock;
    int               places;
    int               taken;
    int               resting;
    be_place_t       *all;
};


be_queue_t *
be_queue_new(int places)
{
    be_queue_t  *q;

    q = calloc(1, sizeof(be_queue_t));

    if (q != NULL) {
        q->places = places;
        pthread_mutex_init(&q->lock, NULL);
    }

    return q;
}


void
be_queue_free(be_queue_t *q)
{
    pthread_mutex_destroy(&q->lock);
    free(q);
}


/* Whether the tenant has a place, or rests; the lock is held. */

static int
be_queue_has(const be_queue_t *q, const char *uid)
{
    const be_place_t  *p;

    for (p = q->all; p != NULL; p = p->next) {
        if (strcmp(p->uid, uid) == 0) {
            return 1;
        }
    }

    return 0;
}


int
be_place_take(be_queue_t *q, be_place_t *p, const char *uid)
{
    int  left;

    pthread_mutex_lock(&q->lock);

    left = q->places - q->taken;

    if (left > 0 && left <= q->places / 4 && be_queue_has(q, uid)) {
        left = 0;
    }

    if (left > 0) {
        q->taken++;
        p->queue = q;
        p->uid = uid;
        p->rests = 0;
        p->prev = NULL;
        p->next = q->all;

        if (q->all != NULL) {
            q->all->prev = p;
        }

        q->all = p;
    }

    pthread_mutex_unlock(&q->lock);

    return left > 0 ? 0 : -1;
}


void
be_place_leave(be_place_t *p)
{
    be_queue_t  *q = p->queue;

    if (q == NULL) {
        return;
    }

    pthread_mutex_lock(&q->lock);

    if (p->rests) {
        q->resting--;

    } else {
        q->taken--;
    }

    if (p->next != NULL) {
        p->next->prev = p->prev;
    }

    if (p->prev != NULL) {
        p->prev->next = p->next;

    } else {
        q->all = p->next;
    }

    pthread_mutex_unlock(&q->lock);

    p->queue = NULL;
}


void
be_place_rest(be_place_t *p)
{
    be_queue_t  *q = p ? p->queue : NULL;

    if (q == NULL) {
        return;
    }

    pthread_mutex_lock(&q->lock);

    if (!p->rests && q->resting < q->places * BE_QUEUE_RESTS) {
        p->rests = 1;
        q->resting++;
        q->taken--;
    }

    pthread_mutex_unlock(&q->lock);
}
