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
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "helper.h"
#include "http.h"
#include "options.h"


/* The helpers have this long to load their models. */

#define BE_START_MS  30000

/* The end waits so much longer than a call may last. */

#define BE_GRACE_MS  1000

#define BE_MMAP_FROM  (256 * 1024)


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


/* Runs until the first SIGTERM or SIGINT, then until the last call is
 * answered (0), a second signal comes, or a call is still sending its body
 * when all others must be done (-1). */

static int
be_serve(be_http_t *http, const be_http_conf_t *conf, int sigfd)
{
    int                       wait, a, b, stops = 0;
    uint64_t                  until = 0;
    struct pollfd             fds[3];
    struct signalfd_siginfo   si;

    fds[0] = (struct pollfd) { sigfd, POLLIN, 0 };
    fds[1] = (struct pollfd) { be_pool_event(conf->ocr), POLLIN, 0 };
    fds[2] = (struct pollfd) { be_pool_event(conf->fetch), POLLIN, 0 };

    for ( ;; ) {
        a = be_pool_tend(conf->ocr);
        b = be_pool_tend(conf->fetch);
        wait = a < 0 ? b : b < 0 ? a : a < b ? a : b;

        if (stops && (stops > 1 || be_http_running(http) == 0)) {
            return stops > 1 ? -1 : 0;
        }

        if (stops) {
            if (be_now_ms() > until) {
                return -1;
            }
            wait = 20;
        }

        if (poll(fds, 3, wait) < 0 && errno != EINTR) {
            return -1;
        }

        while (read(sigfd, &si, sizeof(si)) == (ssize_t) sizeof(si)) {
            if (si.ssi_signo == SIGCHLD) {
                continue;
            }

            /* the socket is closed later: a thread may be in accept() */

            if (stops++ == 0) {
                be_http_quiesce(http);
                shutdown(conf->listen_fd, SHUT_RDWR);
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


static int
be_run(const be_options_t *o)
{
    int              sigfd, rc = 1;
    char             bound[160];
    be_http_t       *http;
    be_http_conf_t   conf = { 0 };

    conf.listen_fd = be_listen(o, bound, sizeof(bound));
    if (conf.listen_fd < 0) {
        return 2;
    }

    sigfd = be_signals();

    conf.queue = o->queue;
    conf.timeout = o->timeout;
    conf.allowed = o->allowed;
    conf.secrets = &o->secrets;
    conf.ocr = be_pool_create(BE_ROLE_OCR, o->workers);
    conf.fetch = be_pool_create(BE_ROLE_FETCH, o->fetchers);

    if (be_pool_ready(conf.ocr, BE_START_MS) != 0
        || be_pool_ready(conf.fetch, BE_START_MS) != 0)
    {
        fprintf(stderr, "spocr-backend: the helper processes did not start\n");

    } else if ((http = be_http_start(&conf)) == NULL) {
        fprintf(stderr, "spocr-backend: the HTTP server did not start\n");

    } else {
        printf("spocr-backend: listening on %s\n", bound);
        fflush(stdout);

        if (be_serve(http, &conf, sigfd) != 0) {

            /* in haste: the helpers end with this process */

            be_unlink(bound);
            _exit(1);
        }

        be_http_stop(http);
        rc = 0;
    }

    be_pool_destroy(conf.ocr);
    be_pool_destroy(conf.fetch);
    close(conf.listen_fd);
    close(sigfd);

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

    be_single_threaded(argv);

    /* bodies of many megabytes go back to the system when they are freed;
     * by default the heaps of a dozen threads would learn to keep them */

    (void) mallopt(M_MMAP_THRESHOLD, BE_MMAP_FROM);

    rc = be_options(argc, argv, &o);
    if (rc == BE_RUN) {
        rc = be_run(&o);
    }

    json_decref(o.allowed);
    OPENSSL_cleanse(&o.secrets, sizeof(o.secrets));

    return rc;
}
