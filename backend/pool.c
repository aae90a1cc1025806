/*
 * Helper processes: started, given one job at a time, watched, replaced.
 *
 * The main thread alone forks and reaps, so that the death signal of the
 * helpers is bound to the life of the process; HTTP threads take an idle
 * helper, talk to it, and give it back or declare it dead.
 * Invariant: a slot's pid is not reaped while a thread may still kill it,
 * since both happen under the lock.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "pool.h"


/* A helper that dies young is not replaced at once. */

#define BE_POOL_YOUNG_MS  1000
#define BE_POOL_PAUSE_MS  1000

typedef enum {
    BE_SLOT_EMPTY = 0,           /* to be started */
    BE_SLOT_IDLE,
    BE_SLOT_BUSY,
    BE_SLOT_DEAD                 /* killed or gone, to be reaped */
} be_slot_e;


typedef struct {
    be_slot_e  state;
    pid_t      pid;
    int        fd;
    int        greeted;          /* its hello was read */
    uint64_t   born;
    uint64_t   not_before;
} be_slot_t;


struct be_pool_s {
    const char       *role;
    int               n;
    int               event;
    int               stopping;
    int               cut;
    pthread_mutex_t   lock;
    pthread_cond_t    idle;
    be_slot_t        *slots;
};


be_pool_t *
be_pool_create(const char *role, int n)
{
    be_pool_t           *p;
    pthread_condattr_t   attr;

    p = be_alloc(sizeof(be_pool_t));
    p->slots = be_alloc((size_t) n * sizeof(be_slot_t));
    p->role = role;
    p->n = n;
    p->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->idle, &attr);
    pthread_condattr_destroy(&attr);

    return p;
}


int
be_pool_event(const be_pool_t *p)
{
    return p->event;
}


static void
be_pool_wake(be_pool_t *p)
{
    uint64_t  one = 1;

    while (write(p->event, &one, sizeof(one)) < 0 && errno == EINTR) {
        /* again */
    }
}


/* The child: only calls that are safe after fork() of a threaded process. */

static void
be_slot_child(be_pool_t *p, int fd, pid_t parent)
{
    sigset_t     none;
    char        *argv[3];
    const char  *self = "/proc/self/exe";

    argv[0] = (char *) "spocr-backend";
    argv[1] = (char *) p->role;
    argv[2] = NULL;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1);
    }

    /* Ctrl-C reaches the whole group: helpers finish, and end by EOF */

    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);

    if (fd == BE_POOL_FD) {
        fcntl(fd, F_SETFD, 0);

    } else if (dup2(fd, BE_POOL_FD) < 0) {
        _exit(1);
    }

    close_range(BE_POOL_FD + 1, ~0u, 0);
    execv(self, argv);
    _exit(127);
}


static int
be_slot_start(be_pool_t *p, be_slot_t *s)
{
    int    fd[2];
    pid_t  pid, parent = getpid();

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0) {
        return -1;
    }

    pid = fork();

    if (pid == 0) {
        be_slot_child(p, fd[1], parent);
    }

    close(fd[1]);

    if (pid < 0) {
        close(fd[0]);
        return -1;
    }

    s->pid = pid;
    s->fd = fd[0];
    s->greeted = 0;
    s->born = be_now_ms();
    s->state = BE_SLOT_IDLE;

    return 0;
}


/* Reaps a slot whose process has ended; the lock is held. */

static void
be_slot_reap(be_slot_t *s)
{
    uint64_t  now = be_now_ms();

    if (s->pid == 0 || s->state == BE_SLOT_BUSY
        || waitpid(s->pid, NULL, WNOHANG) != s->pid)
    {
        return;
    }

    close(s->fd);
    s->pid = 0;
    s->state = BE_SLOT_EMPTY;

    if (now - s->born < BE_POOL_YOUNG_MS) {
        s->not_before = now + BE_POOL_PAUSE_MS;
    }
}


int
be_pool_tend(be_pool_t *p)
{
    int         i, wait = -1;
    uint64_t    n, now;
    be_slot_t  *s;

    while (read(p->event, &n, sizeof(n)) < 0 && errno == EINTR) {
        /* again */
    }

    pthread_mutex_lock(&p->lock);

    for (i = 0; i < p->n; i++) {
        s = &p->slots[i];
        be_slot_reap(s);

        if (s->state == BE_SLOT_DEAD) {
            wait = 20;           /* killed, and not yet gone */
        }

        if (s->state != BE_SLOT_EMPTY || p->stopping) {
            continue;
        }

        now = be_now_ms();

        if (now < s->not_before) {
            wait = wait < 0 ? (int) (s->not_before - now) : wait;

        } else if (be_slot_start(p, s) == 0) {
            pthread_cond_signal(&p->idle);

        } else {
            s->not_before = now + BE_POOL_PAUSE_MS;
            wait = wait < 0 ? BE_POOL_PAUSE_MS : wait;
        }
    }

    pthread_mutex_unlock(&p->lock);

    return wait;
}


static int
be_slot_greet(be_slot_t *s, uint64_t deadline)
{
    int         rc;
    be_frame_t  hello;

    if (s->greeted) {
        return BE_FRAME_OK;
    }

    rc = be_frame_read(s->fd, &hello, deadline);
    be_frame_free(&hello);
    s->greeted = rc == BE_FRAME_OK;

    return rc;
}


int
be_pool_ready(be_pool_t *p, int timeout_ms)
{
    int       i;
    uint64_t  deadline = be_now_ms() + (uint64_t) timeout_ms;

    (void) be_pool_tend(p);

    for (i = 0; i < p->n; i++) {
        if (p->slots[i].state != BE_SLOT_IDLE
            || be_slot_greet(&p->slots[i], deadline) != BE_FRAME_OK)
        {
            return -1;
        }
    }

    return 0;
}


static be_slot_t *
be_pool_take(be_pool_t *p, uint64_t start_by)
{
    int               i, rc = 0;
    be_slot_t        *s = NULL;
    struct timespec   until;

    until.tv_sec = (time_t) (start_by / 1000);
    until.tv_nsec = (long) (start_by % 1000) * 1000000;

    pthread_mutex_lock(&p->lock);

    while (s == NULL && rc == 0 && !p->cut) {
        for (i = 0; i < p->n; i++) {
            if (p->slots[i].state == BE_SLOT_IDLE) {
                s = &p->slots[i];
                s->state = BE_SLOT_BUSY;
                break;
            }
        }

        if (s == NULL) {
            rc = pthread_cond_timedwait(&p->idle, &p->lock, &until);
        }
    }

    pthread_mutex_unlock(&p->lock);

    return s;
}


static void
be_pool_give(be_pool_t *p, be_slot_t *s, int alive)
{
    pthread_mutex_lock(&p->lock);

    if (alive) {
        s->state = BE_SLOT_IDLE;
        pthread_cond_signal(&p->idle);

    } else {
        kill(s->pid, SIGKILL);
        s->state = BE_SLOT_DEAD;
    }

    pthread_mutex_unlock(&p->lock);

    if (!alive) {
        be_pool_wake(p);
    }
}


/* The fault that a helper answered with. */

static int
be_pool_fault(be_frame_t *reply, be_fault_t *f)
{
    json_t      *o, *d;
    const char  *code, *message;
    static const char  *codes[] = {
        "invalid_image", "validation_failed", "bad_request",
        "ocr_engine_error"
    };
    size_t       i;

    o = json_loadb(reply->text, reply->text_len, 0, NULL);
    code = json_string_value(json_object_get(o, "code"));
    message = json_string_value(json_object_get(o, "message"));
    d = json_object_get(o, "details");

    be_fault_code(f, 502, "ocr_engine_error", "The OCR engine failed");

    for (i = 0; code && message && i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strcmp(code, codes[i]) == 0) {
            be_fault_code(f, (int) reply->status, codes[i], "%s", message);
            f->details = json_is_object(d) ? json_incref(d) : NULL;
        }
    }

    json_decref(o);
    be_frame_free(reply);

    return -1;
}


/* A helper with the job in its hands: BE_FRAME_OK; *slot is NULL where none
 * came free in time. */

static int
be_pool_hand(be_pool_t *p, const be_frame_t *job, const be_span_t *span,
    be_slot_t **slot)
{
    int         rc, tries;
    be_slot_t  *s;

    for (tries = 0; ; tries++) {
        *slot = s = be_pool_take(p, span->start_by);

        if (s == NULL) {
            return BE_FRAME_TIMEOUT;
        }

        /* a helper that has just been started loads its models first */

        rc = be_slot_greet(s, span->end_by);

        if (rc == BE_FRAME_OK) {
            rc = be_frame_write(s->fd, job, span->end_by);
        }

        if (rc != BE_FRAME_CLOSED || tries > 0) {
            return rc;
        }

        /* it was dead before the job could do that to it */

        be_pool_give(p, s, 0);
    }
}


int
be_pool_call(be_pool_t *p, const be_frame_t *job, be_frame_t *reply,
    const be_span_t *span, be_fault_t *f)
{
    int         rc;
    be_slot_t  *s;

    rc = be_pool_hand(p, job, span, &s);

    if (s == NULL) {
        be_fault(f, 503, "The service is busy");
        f->details = json_pack("{s:i}", "retryAfterSec", 5);
        return -1;
    }

    if (rc == BE_FRAME_OK) {
        rc = be_frame_read(s->fd, reply, span->end_by);
    }

    be_pool_give(p, s, rc == BE_FRAME_OK);

    if (rc == BE_FRAME_TIMEOUT) {
        return be_fault(f, 502, "The OCR engine did not finish in time");
    }

    if (rc != BE_FRAME_OK) {
        return be_fault(f, 502, "The OCR engine stopped unexpectedly");
    }

    if (reply->status != 0) {
        return be_pool_fault(reply, f);
    }

    return 0;
}


void
be_pool_cut(be_pool_t *p)
{
    int  i;

    pthread_mutex_lock(&p->lock);
    p->cut = 1;

    /* who talks to a helper reads its end, and declares it dead */

    for (i = 0; i < p->n; i++) {
        if (p->slots[i].state == BE_SLOT_BUSY) {
            shutdown(p->slots[i].fd, SHUT_RDWR);
        }
    }

    pthread_cond_broadcast(&p->idle);
    pthread_mutex_unlock(&p->lock);
}


void
be_pool_destroy(be_pool_t *p)
{
    int              i, left, tries;
    struct timespec  pause = { 0, 10000000 };

    pthread_mutex_lock(&p->lock);
    p->stopping = 1;

    for (i = 0; i < p->n; i++) {
        if (p->slots[i].pid != 0) {
            shutdown(p->slots[i].fd, SHUT_RDWR);
            p->slots[i].state = BE_SLOT_DEAD;
        }
    }

    pthread_mutex_unlock(&p->lock);

    for (tries = 0; tries < 400; tries++) {
        for (i = 0, left = 0; i < p->n; i++) {
            be_slot_reap(&p->slots[i]);

            if (p->slots[i].pid != 0) {
                left++;
                if (tries == 200) {
                    kill(p->slots[i].pid, SIGKILL);
                }
            }
        }

        if (left == 0) {
            break;
        }

        nanosleep(&pause, NULL);
    }

    close(p->event);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->idle);
    free(p->slots);
    free(p);
}
