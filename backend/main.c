/*
 * spocr-backend: the front process.  Starts the helpers and the HTTP server,
 * then only waits: for signals, and for helpers that died.
 */

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "helper.h"
#include "http.h"
#include "options.h"
#include "sandbox.h"
#include "space/courier.h"
#include "space/jobs.h"
#include "space/money.h"
#include "space/upload.h"


/* The helpers have this long to load their models. */

#define BE_START_MS  30000

/* The end waits so much longer than a call may last. */

#define BE_GRACE_MS  1000

#define BE_MMAP_FROM  (256 * 1024)

#define BE_POOLS        4
#define BE_MAX_OPEN     65536

/* A page that is read by a service elsewhere mostly waits for it: so many
 * are under way for each OCR process. */

#define BE_REMOTE_EACH  4


static int
be_remote_used(const be_remote_t *s)
{
    return s->ocr_url != NULL || s->llm_url != NULL;
}


static int
be_is_command(const char *s)
{
    return strcmp(s, "grant") == 0 || strcmp(s, "flatfee") == 0
           || strcmp(s, "ledger") == 0;
}


static int
be_signals(void)
{
    sigset_t  set;

    signal(SIGPIPE, SIG_IGN);

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);

    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}


/* Whether work is under way that a stop waits for. */

static int
be_running(be_http_t *http, const be_http_conf_t *conf)
{
    return be_http_running(http) > 0
           || (conf->jobs != NULL && be_jobs_running(conf->jobs) > 0);
}


/* Tends all pools: the ms after which they want that again, or -1. */

static int
be_pools_tend(be_pool_t *const *pools, int n)
{
    int  i, one, wait = -1;

    for (i = 0; i < n; i++) {
        one = be_pool_tend(pools[i]);
        wait = wait < 0 || (one >= 0 && one < wait) ? one : wait;
    }

    return wait;
}


/* No new calls and jobs.  The socket is closed later: a thread may be in
 * accept(). */

static void
be_quiesce(be_http_t *http, const be_http_conf_t *conf)
{
    be_http_quiesce(http);
    shutdown(conf->listen_fd, SHUT_RDWR);

    if (conf->jobs != NULL) {
        be_jobs_quiesce(conf->jobs);
    }
}


/* Runs until the first SIGTERM or SIGINT, then until the last call is
 * answered and the last job done (0), a second signal comes, or a call is
 * still sending its body when all others must be done (-1). */

static int
be_serve(be_http_t *http, const be_http_conf_t *conf,
    be_pool_t *const *pools, int n, int sigfd)
{
    int                       i, wait, stops = 0;
    uint64_t                  until = 0;
    struct pollfd             fds[1 + BE_POOLS];
    struct signalfd_siginfo   si;

    fds[0] = (struct pollfd) { sigfd, POLLIN, 0 };

    for (i = 0; i < n; i++) {
        fds[1 + i] = (struct pollfd) { be_pool_event(pools[i]), POLLIN, 0 };
    }

    for ( ;; ) {
        wait = be_pools_tend(pools, n);

        if (stops && (stops > 1 || !be_running(http, conf))) {
            return stops > 1 ? -1 : 0;
        }

        if (stops) {
            if (be_now_ms() > until) {
                return -1;
            }
            wait = 20;
        }

        if (poll(fds, (nfds_t) (1 + n), wait) < 0 && errno != EINTR) {
            return -1;
        }

        while (read(sigfd, &si, sizeof(si)) == (ssize_t) sizeof(si)) {
            if (si.ssi_signo != SIGCHLD && stops++ == 0) {
                be_quiesce(http, conf);
                until = be_now_ms() + (uint64_t) conf->timeout * 1000
                        + BE_GRACE_MS;
            }
        }
    }
}


static void
be_unlink(const char *bound)
{
    if (strncmp(bound, "unix:", 5) == 0) {
        unlink(bound + 5);
    }
}


/* The pools of helpers, all of them ready: their number, or -1 when it was
 * said that they did not start. */

static int
be_pools_start(const be_options_t *o, be_http_conf_t *conf, be_pool_t **pools)
{
    int  i, n = 0, more;

    pools[n++] = conf->ocr = be_pool_create(BE_ROLE_OCR, o->workers);
    pools[n++] = conf->fetch = be_pool_create(BE_ROLE_FETCH, o->fetchers);

    if (o->data != NULL) {
        pools[n++] = conf->deliver = be_pool_create(BE_ROLE_FETCH,
                                                    BE_COURIERS);
    }

    if (be_remote_used(&o->services)) {
        more = o->workers * BE_REMOTE_EACH;
        pools[n++] = conf->remote = be_pool_create(BE_ROLE_FETCH, more);
    }

    for (i = 0; i < n; i++) {
        if (be_pool_ready(pools[i], BE_START_MS) != 0) {
            fprintf(stderr, "spocr-backend: the helper processes did not"
                    " start\n");

            while (n > 0) {
                be_pool_destroy(pools[--n]);
            }

            return -1;
        }
    }

    return n;
}


/* What is stored, and the threads that work on it.  Jobs and deliveries that
 * a killed process left behind go on here. */

static int
be_store_start(const be_options_t *o, be_http_conf_t *conf)
{
    int  runners = o->workers * (be_remote_used(&o->services)
                                 ? BE_REMOTE_EACH : 1);

    if (conf->store == NULL) {
        return 0;
    }

    if (be_images_sweep(conf->store) != 0
        || be_money_recover(conf->store) < 0)
    {
        fprintf(stderr, "spocr-backend: the folder %s cannot be tidied up\n",
                o->data);
        return -1;
    }

    conf->courier = be_courier_start(conf, &o->retries);
    if (conf->courier == NULL) {
        return -1;
    }

    conf->jobs = be_jobs_start(conf, runners);

    return conf->jobs ? 0 : -1;
}


static void
be_store_stop(be_http_conf_t *conf)
{
    if (conf->jobs != NULL) {
        be_jobs_stop(conf->jobs);
    }

    be_courier_stop(conf->courier);

    if (conf->store != NULL) {
        be_store_close(conf->store);
    }
}


static void
be_conf_set(be_http_conf_t *conf, const be_options_t *o)
{
    conf->queue = o->queue;
    conf->timeout = o->timeout;
    conf->allowed = o->allowed;
    conf->secrets = &o->secrets;
    conf->services = o->services;
    conf->free_scans = o->free_scans;
}


/* From the sockets and the store that are open to the end: 0 or 1. */

static int
be_front_run(const be_options_t *o, be_http_conf_t *conf, const char *bound)
{
    int         n, rc = 1, sigfd = be_signals();
    be_http_t  *http;
    be_pool_t  *pools[BE_POOLS];

    n = be_pools_start(o, conf, pools);
    if (n < 0) {
        close(sigfd);
        return 1;
    }

    if (be_store_start(o, conf) == 0) {
        http = be_http_start(conf);

        if (http == NULL) {
            fprintf(stderr, "spocr-backend: the HTTP server did not start\n");

        } else {
            printf("spocr-backend: listening on %s\n", bound);
            fflush(stdout);

            if (be_serve(http, conf, pools, n, sigfd) != 0) {

                /* in haste: the helpers end with this process, and jobs go
                 * on when it is started again */

                be_unlink(bound);
                _exit(1);
            }

            be_http_stop(http);
            rc = 0;
        }
    }

    be_store_stop(conf);

    while (n > 0) {
        be_pool_destroy(pools[--n]);
    }

    close(sigfd);

    return rc;
}


/* An upload has up to twenty files open; the usual limit is for programs that
 * use select(). */

static void
be_descriptors(void)
{
    struct rlimit  r;

    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max < BE_MAX_OPEN ? r.rlim_max : BE_MAX_OPEN;
        (void) setrlimit(RLIMIT_NOFILE, &r);
    }
}


static int
be_front(const be_options_t *o)
{
    int              rc;
    char             bound[160];
    be_http_conf_t   conf = { 0 };

    be_conf_set(&conf, o);
    be_descriptors();

    if (o->data != NULL) {
        conf.store = be_store_open(o->data, 1);
        if (conf.store == NULL) {
            return 2;
        }
    }

    conf.listen_fd = be_listen(o, bound, sizeof(bound));

    if (conf.listen_fd < 0) {
        if (conf.store != NULL) {
            be_store_close(conf.store);
        }
        return 2;
    }

    rc = be_front_run(o, &conf, bound);

    close(conf.listen_fd);
    be_unlink(bound);

    return rc;
}


int
main(int argc, char **argv)
{
    int           rc;
    be_options_t  o;

    if (argc == 2 && strcmp(argv[1], BE_ROLE_OCR) == 0) {
        return be_ocr_main();
    }

    if (argc == 2 && strcmp(argv[1], BE_ROLE_FETCH) == 0) {
        return be_fetch_main();
    }

    if (argc >= 2 && be_is_command(argv[1])) {
        return be_money_command(argc - 1, argv + 1);
    }

    be_single_threaded(argv);
    be_sandbox_front();

    /* bodies of many megabytes go back to the system when they are freed;
     * by default the heaps of a dozen threads would learn to keep them */

    (void) mallopt(M_MMAP_THRESHOLD, BE_MMAP_FROM);

    rc = be_options(argc, argv, &o);
    if (rc == BE_RUN) {
        rc = be_front(&o);
    }

    json_decref(o.allowed);
    OPENSSL_cleanse(&o.secrets, sizeof(o.secrets));
    OPENSSL_cleanse(o.llm_key, sizeof(o.llm_key));

    return rc;
}
