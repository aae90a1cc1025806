/*
 * The threads that do the jobs, in the front process: claim one, read its
 * image, write down what came of it.  Started and stopped by main.c; whoever
 * makes jobs wakes them.
 *
 * Invariant: what was read is not forgotten while the storage refuses it: the
 * thread tries again until it is written or the server stops, and then the
 * job is still "processing", which the next start begins again.
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "courier.h"
#include "job_store.h"
#include "jobs.h"
#include "money.h"
#include "replay.h"
#include "tree.h"
#include "upload.h"
#include "work.h"


#define BE_SWEEP_MS     3600000
#define BE_STORAGE_MS   1000     /* pause where the storage fails */
#define BE_STORAGE_MAX  30000    /* of them */

/* A job may be ended by others (POST /remove), who need not tell. */

#define BE_LOOK_MS  1000


struct be_jobs_s {
    const be_http_conf_t  *conf;
    pthread_mutex_t        turn;     /* to claim; guards "last" */
    char                  *last;     /* the tenant whose turn it was */
    pthread_mutex_t        lock;     /* of all that follows */
    pthread_cond_t         work;     /* there may be some, or no more */
    pthread_cond_t         done;     /* a job has ended */
    uint64_t               woken;
    uint64_t               ended;
    uint64_t               sweep_at;
    int                    busy;
    int                    quiet;
    int                    n;
    pthread_t              threads[];
};


/* Waits on a condition, at most until then; the lock is held. */

static void
be_cond_until(pthread_cond_t *c, pthread_mutex_t *lock, uint64_t then)
{
    struct timespec  ts;

    ts.tv_sec = (time_t) (then / 1000);
    ts.tv_nsec = (long) (then % 1000) * 1000000;

    (void) pthread_cond_timedwait(c, lock, &ts);
}


/* A pause that the end cuts short: whether to go on after it. */

static int
be_jobs_pause(be_jobs_t *j, uint64_t ms)
{
    int       quiet;
    uint64_t  until = be_now_ms() + ms;

    pthread_mutex_lock(&j->lock);

    while (!j->quiet && be_now_ms() < until) {
        be_cond_until(&j->work, &j->lock, until);
    }

    quiet = j->quiet;
    pthread_mutex_unlock(&j->lock);

    return !quiet;
}


static void
be_job_log(const be_job_t *job, const char *status, const char *code,
    uint64_t ms)
{
    char        when[40];
    char       *line;
    json_t     *o;
    time_t      now = time(NULL);
    struct tm   tm;

    gmtime_r(&now, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);

    o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:I}", "time", when, "jobId",
                  job->id, "requestId", job->request_id, "uid", job->uid,
                  "status", status, "code", code, "ms", (json_int_t) ms);
    line = o ? json_dumps(o, JSON_COMPACT) : NULL;

    if (line != NULL) {
        fprintf(stderr, "%s\n", line);
    }

    free(line);
    json_decref(o);
}


/* What there is to read, and for what: 0, or -1 and the fault. */

static int
be_job_task(const be_http_conf_t *conf, const be_job_t *job, be_task_t *t,
    unsigned char **image, json_t **fields, be_fault_t *f)
{
    t->prompt = job->prompt;

    if (job->fields != NULL) {
        *fields = json_loads(job->fields, 0, NULL);
        t->fields = *fields;

        if (*fields == NULL) {
            return be_fault(f, 500, "The sheet's columns cannot be read");
        }
    }

    if (be_image_load(conf->store, job->key, image, &t->image_len) != 0) {
        return be_fault(f, 500, "The stored image cannot be read");
    }

    t->image = *image;

    return 0;
}


/* Reads the image: what became of it, with its answer, or f. */

static be_job_e
be_job_work(const be_http_conf_t *conf, const be_job_t *job, json_t **answer,
    be_fault_t *f)
{
    int              rc;
    char            *text = NULL;
    size_t           len = 0;
    json_t          *fields = NULL;
    uint64_t         now = be_now_ms(), third;
    be_span_t        span;
    be_task_t        task = { 0 };
    unsigned char   *image = NULL;

    /* the same as of POST /ocr/fields: a helper that is found at the last
     * moment still has time for the page */

    third = (uint64_t) conf->timeout * 333;
    span.start_by = now + 2 * third;
    span.end_by = now + 3 * third;

    if (be_job_task(conf, job, &task, &image, &fields, f) != 0) {

        /* for want of memory or descriptors, maybe */

        json_decref(fields);
        return job->attempts < BE_JOB_ATTEMPTS ? BE_JOB_RETRY : BE_JOB_FAILED;
    }

    rc = be_work(conf, &task, &span, &text, &len, f);

    free(image);
    json_decref(fields);

    if (rc != 0) {
        return f->status == 503 ? BE_JOB_AGAIN : BE_JOB_FAILED;
    }

    *answer = json_loadb(text, len, 0, NULL);
    free(text);

    if (!json_is_object(json_object_get(*answer, "data"))) {
        be_fault(f, 502, "The OCR engine gave no answer");
        return BE_JOB_FAILED;
    }

    return BE_JOB_DONE;
}


/* Writes down what became of the job, however long that takes. */

static void
be_job_settle(be_jobs_t *j, const be_job_t *job, be_job_e what,
    const json_t *answer, be_fault_t *why, uint64_t since)
{
    int         rc;
    uint64_t    pause = BE_STORAGE_MS;
    be_fault_t  f = { 0 };
    static const char *const  names[] = {
        "done", "failed", "pending", "pending"
    };

    for ( ;; ) {
        rc = be_job_end(j->conf->store, job, what, answer, why, &f);
        if (rc >= 0) {
            break;
        }

        /* the values are what the database does not take */

        if (f.status != 503 && what == BE_JOB_DONE) {
            what = BE_JOB_FAILED;
            be_fault(why, 500, "Internal error");
        }

        be_fault_free(&f);

        if (!be_jobs_pause(j, pause)) {
            return;
        }

        pause = pause * 2 < BE_STORAGE_MAX ? pause * 2 : BE_STORAGE_MAX;
    }

    be_job_log(job, rc == 1 ? names[what] : "failed",
               rc == 0 ? "not_found" : what == BE_JOB_DONE ? "" : why->code,
               be_now_ms() - since);
}


static void
be_job_run(be_jobs_t *j, const be_job_t *job)
{
    json_t      *answer = NULL;
    be_job_e     what;
    uint64_t     since = be_now_ms();
    be_fault_t   f = { 0 };

    if (job->item == 0) {
        be_fault(&f, 404, "The image was removed before it was read");
        what = BE_JOB_FAILED;

    } else {
        what = be_job_work(j->conf, job, &answer, &f);
    }

    be_job_settle(j, job, what, answer, &f, since);

    json_decref(answer);
    be_fault_free(&f);

    pthread_mutex_lock(&j->lock);
    j->ended++;
    pthread_cond_broadcast(&j->done);
    pthread_mutex_unlock(&j->lock);

    be_courier_wake(j->conf->courier);
}


/* Claims one: 1, 0, -1; *until is when to look again. */

static int
be_jobs_claim(be_jobs_t *j, be_job_t *job, uint64_t *until)
{
    int         rc;
    char       *last;
    int64_t     due = 0, wait;
    be_fault_t  f = { 0 };

    pthread_mutex_lock(&j->turn);

    rc = be_job_claim(j->conf->store, j->last ? j->last : "", job, &due, &f);

    if (rc == 1 && (last = strdup(job->uid)) != NULL) {
        free(j->last);
        j->last = last;
    }

    pthread_mutex_unlock(&j->turn);

    be_fault_free(&f);

    wait = due == 0 ? BE_SWEEP_MS : due - be_wall_ms();
    wait = wait < 1 ? 1 : wait > BE_SWEEP_MS ? BE_SWEEP_MS : wait;
    *until = be_now_ms() + (uint64_t) (rc < 0 ? BE_STORAGE_MS : wait);

    return rc;
}


/* Forgets what is old; what fails is done an hour later. */

static void
be_jobs_sweep(be_jobs_t *j)
{
    be_db_t     *db;
    be_fault_t   f = { 0 };

    db = be_store_write(j->conf->store, &f);

    if (db != NULL) {
        (void) be_replay_purge(db);
        (void) be_money_sweep(db, be_wall_ms() - BE_SWEEP_MS);
        (void) be_store_commit(db, &f);
    }

    be_fault_free(&f);

    /* what a killed process was about to remove */

    (void) be_trash_empty(j->conf->store);
}


/* Begins a round: whether there is one; *sweep is set for one thread. */

static int
be_jobs_begin(be_jobs_t *j, uint64_t *woken, int *sweep)
{
    int       quiet;
    uint64_t  now = be_now_ms();

    pthread_mutex_lock(&j->lock);

    quiet = j->quiet;
    *woken = j->woken;
    *sweep = !quiet && now >= j->sweep_at;
    j->busy += !quiet;

    if (*sweep) {
        j->sweep_at = now + BE_SWEEP_MS;
    }

    pthread_mutex_unlock(&j->lock);

    return !quiet;
}


/* Ends it; without a job, waits for one. */

static void
be_jobs_rest(be_jobs_t *j, int idle, uint64_t woken, uint64_t until)
{
    pthread_mutex_lock(&j->lock);

    j->busy--;

    until = until < j->sweep_at ? until : j->sweep_at;

    while (idle && !j->quiet && j->woken == woken && be_now_ms() < until) {
        be_cond_until(&j->work, &j->lock, until);
    }

    pthread_mutex_unlock(&j->lock);
}


static void *
be_jobs_thread(void *data)
{
    int         rc, sweep;
    be_job_t    job;
    uint64_t    woken, until;
    be_jobs_t  *j = data;

    while (be_jobs_begin(j, &woken, &sweep)) {
        if (sweep) {
            be_jobs_sweep(j);
        }

        rc = be_jobs_claim(j, &job, &until);

        if (rc == 1) {
            be_job_run(j, &job);
        }

        be_job_free(&job);
        be_jobs_rest(j, rc != 1, woken, until);
    }

    return NULL;
}


be_jobs_t *
be_jobs_start(const be_http_conf_t *conf, int n)
{
    be_jobs_t           *j;
    pthread_condattr_t   attr;

    if (be_job_recover(conf->store) != 0
        || (j = calloc(1, sizeof(be_jobs_t) + (size_t) n * sizeof(pthread_t)))
           == NULL)
    {
        fprintf(stderr, "spocr-backend: the jobs cannot be begun\n");
        return NULL;
    }

    j->conf = conf;
    pthread_mutex_init(&j->turn, NULL);
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&j->work, &attr);
    pthread_cond_init(&j->done, &attr);
    pthread_condattr_destroy(&attr);

    while (j->n < n
           && pthread_create(&j->threads[j->n], NULL, be_jobs_thread, j) == 0)
    {
        j->n++;
    }

    if (j->n == 0) {
        fprintf(stderr, "spocr-backend: no thread for the jobs\n");
        be_jobs_stop(j);
        return NULL;
    }

    return j;
}


void
be_jobs_wake(be_jobs_t *j)
{
    pthread_mutex_lock(&j->lock);
    j->woken++;
    pthread_cond_broadcast(&j->work);
    pthread_mutex_unlock(&j->lock);
}


void
be_jobs_wait(be_jobs_t *j, const char *const *ids, int n, uint64_t until)
{
    int       quiet;
    uint64_t  ended, now, look;

    for ( ;; ) {
        pthread_mutex_lock(&j->lock);
        ended = j->ended;
        quiet = j->quiet;
        pthread_mutex_unlock(&j->lock);

        now = be_now_ms();

        if (quiet || now >= until
            || be_job_open(j->conf->store, ids, n) == 0)
        {
            return;
        }

        look = now + BE_LOOK_MS < until ? now + BE_LOOK_MS : until;

        pthread_mutex_lock(&j->lock);

        while (!j->quiet && j->ended == ended && be_now_ms() < look) {
            be_cond_until(&j->done, &j->lock, look);
        }

        pthread_mutex_unlock(&j->lock);
    }
}


void
be_jobs_quiesce(be_jobs_t *j)
{
    pthread_mutex_lock(&j->lock);
    j->quiet = 1;
    pthread_cond_broadcast(&j->work);
    pthread_cond_broadcast(&j->done);
    pthread_mutex_unlock(&j->lock);
}


void
be_jobs_stop(be_jobs_t *j)
{
    int  i;

    be_jobs_quiesce(j);

    for (i = 0; i < j->n; i++) {
        pthread_join(j->threads[i], NULL);
    }

    pthread_cond_destroy(&j->done);
    pthread_cond_destroy(&j->work);
    pthread_mutex_destroy(&j->lock);
    pthread_mutex_destroy(&j->turn);
    free(j->last);
    free(j);
}


int
be_jobs_running(be_jobs_t *j)
{
    int  n;

    pthread_mutex_lock(&j->lock);
    n = j->busy;
    pthread_mutex_unlock(&j->lock);

    return n;
}
