#ifndef BE_QUEUE_H
#define BE_QUEUE_H

/* The calls that are under way or waiting for a worker: only so many. */
typedef struct be_queue_s  be_queue_t;

/* A call's place in it; zeroed before it is taken. */
typedef struct be_place_s  be_place_t;

struct be_place_s {
    be_queue_t   *queue;         /* NULL: it holds none */
    const char   *uid;           /* outlives the place */
    int           rests;
    be_place_t   *next;
    be_place_t   *prev;
};

be_queue_t *be_queue_new(int places);
void be_queue_free(be_queue_t *q);

/* 0; -1: there is no place for this tenant. */
int be_place_take(be_queue_t *q, be_place_t *p, const char *uid);

/* Gives it back; p may hold none. */
void be_place_leave(be_place_t *p);

/* The call does nothing any more but wait: others may have its place
 * meanwhile, where not too many wait so.  p may be NULL or hold none. */
void be_place_rest(be_place_t *p);

#endif
