/*
 * An input is a programme: bytes below 16 are commands, each with the bytes
 * that follow it, and ^P makes the next byte an ordinary one.
 *
 *     ^A  the client sends them (over HTTP/2: frames, see h2.c)
 *     ^B  the backend answers them, one arrival
 *     ^C  how Redis answers its next command (redis.c)
 *     ^D  letters: n h  a new client, of HTTP/1 or HTTP/2
 *                  c r  the client closes, resets;  wX  it takes X * 64 bytes
 *                       more;  W  all
 *                  e x  the backend closes, resets;  R  it refuses;  k  it
 *                       waits for nothing;  q  it never ends;  b  the next one
 *                  tX   time passes: 4 ms * 2^X
 *                  p    a notice
 *     ^E  what the content handler emits (emit.c)
 *
 * After each command nginx runs until nothing is left to do.
 */


#include "fz.h"
#include "fz_conf.h"
#include <signal.h>
#include <stdarg.h>


#define FZ_PASSES  20000


int fz_nginx_main(int argc, char *const *argv);
void __wrap_ngx_single_process_cycle(ngx_cycle_t *cycle);
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


ngx_uint_t  fz_trace;
ngx_uint_t  fz_ending;

static char        fz_dir[256];
static fz_bytes_t  fz_story;
static fz_conn_t  *fz_current;          /* the client that is meant */


static void fz_clean(void);
static void fz_tell(void);


void
fz_fail(const char *fmt, ...)
{
    va_list  args;

    fz_tell();
    fputs("\nPROPERTY: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputs("\n", stderr);

    fz_clean();
    abort();
}


/* The story of an input, told where it fails, or where FZ_TRACE is set. */

void
fz_note(const char *what, const u_char *data, size_t len)
{
    if (fz_trace) {
        fz_story.len = 0;
    }

    fz_append(&fz_story, what, strlen(what));
    fz_append(&fz_story, " ", 1);
    fz_append(&fz_story, data, len);
    fz_append(&fz_story, "\n", 1);

    if (fz_trace) {
        fz_tell();
    }
}


static void
fz_tell(void)
{
    size_t  i;
    u_char  c;

    for (i = 0; i < fz_story.len; i++) {
        c = fz_story.data[i];
        fprintf(stderr, (c >= ' ' && c < 127) || c == '\n' ? "%c"
                                                           : "\\x%02x", c);
    }
}


void
fz_append(fz_bytes_t *bytes, const void *data, size_t len)
{
    if (bytes->len + len > bytes->size) {
        bytes->size = 2 * (bytes->len + len) + 64;
        bytes->data = realloc(bytes->data, bytes->size);
    }

    if (len) {
        memcpy(bytes->data + bytes->len, data, len);
        bytes->len += len;
    }
}


void
fz_free(fz_bytes_t *bytes)
{
    free(bytes->data);
    memset(bytes, 0, sizeof(fz_bytes_t));
}


/* --- the beginning */

static void
fz_clean(void)
{
    char  command[sizeof(fz_dir) + 16];

    snprintf(command, sizeof(command), "rm -rf '%s'", fz_dir);

    if (system(command) != 0) {
        fprintf(stderr, "%s stays\n", fz_dir);
    }
}


static void
fz_file(const char *name, const char *text)
{
    FILE  *f;
    char   path[sizeof(fz_dir) + 16];

    snprintf(path, sizeof(path), "%s/%s", fz_dir, name);
    f = fopen(path, "w");

    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0
        || chmod(path, 0600) != 0)
    {
        fz_fail("cannot write %s", path);
    }
}


/* main() of nginx comes to here, and goes back to LLVMFuzzerInitialize(). */

void
__wrap_ngx_single_process_cycle(ngx_cycle_t *cycle)
{
    ngx_uint_t  i;

    for (i = 0; cycle->modules[i]; i++) {

        if (cycle->modules[i]->init_process
            && cycle->modules[i]->init_process(cycle) != NGX_OK)
        {
            fz_fail("nginx does not start");
        }
    }
}


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    ngx_uint_t         i;
    static char       *args[8];
    static const char  secret[] = "0123456789abcdef0123456789abcdef"
                                  "0123456789abcdef0123456789abcdef\n";

    fz_trace = getenv("FZ_TRACE") != NULL;

    snprintf(fz_dir, sizeof(fz_dir), "%s/spocr-t-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");

    if (mkdtemp(fz_dir) == NULL) {
        fz_fail("no temporary folder");
    }

    atexit(fz_clean);
    fz_file("nginx.conf", fz_conf);
    fz_file("secret", secret);

    args[0] = "nginx";
    args[1] = "-p";
    args[2] = fz_dir;
    args[3] = "-c";
    args[4] = "nginx.conf";
    args[5] = "-e";
    args[6] = "/dev/null";

    fz_model_init();

    /* what nginx keeps to its end is no leak */

    if (__lsan_disable) {
        __lsan_disable();
    }

    if (fz_nginx_main(7, args) != 0) {
        fz_fail("nginx does not start");
    }

    signal(SIGCHLD, SIG_DFL);
    fz_emit_init();

    if (__lsan_enable) {
        __lsan_enable();
    }

    fz_ending = 1;
    fz_sleeps = 1;

    for (i = 0; i < 100; i++) {
        ngx_process_events_and_timers((ngx_cycle_t *) ngx_cycle);
    }

    fz_check_start();

    return 0;
}


/* --- an input */

static void
fz_run(void)
{
    ngx_uint_t  i;

    for (i = 0; i < FZ_PASSES; i++) {
        fz_backend_all();

        if (!fz_busy()) {
            return;
        }

        ngx_process_events_and_timers((ngx_cycle_t *) ngx_cycle);
    }

    fz_fail("nginx is busy with nothing");
}


/* Time passes, timer by timer. */

static void
fz_wait(uint64_t ms)
{
    uint64_t    until;
    ngx_uint_t  i;

    until = fz_now() + ms;
    fz_sleeps = 1;

    for (i = 0; i < FZ_PASSES && fz_now() < until; i++) {
        fz_backend_all();
        ngx_process_events_and_timers((ngx_cycle_t *) ngx_cycle);
    }

    fz_sleeps = 0;
}


static void
fz_event_client(u_char letter, u_char n)
{
    fz_conn_t  *conn;

    conn = fz_current;

    if (letter == 'n' || letter == 'h') {
        conn = fz_client(letter == 'n' ? FZ_PORT_PLAIN : FZ_PORT_H2);
        fz_current = conn ? conn : fz_current;

        if (conn && letter == 'h') {
            fz_h2_say(conn, NULL, 0);
        }

        return;
    }

    if (conn == NULL) {
        return;
    }

    conn->spoiled |= letter != 'W';

    if (letter == 'c' || letter == 'r') {
        fz_close_end(conn, letter == 'r');

    } else {
        fz_open_window(conn, letter == 'W' ? NGX_MAX_SIZE_T_VALUE
                                           : (size_t) n * 64);
    }
}


static void
fz_events(const u_char *p, const u_char *end)
{
    u_char         n;
    const u_char  *letter;

    static const u_char  backend[] = "exRkqb";

    for ( /* void */ ; p < end; p++) {

        if (*p == 0) {
            continue;
        }

        if (strchr("nhcrW", *p)) {
            fz_event_client(*p, 0);

        } else if (*p == 'w' || *p == 't') {
            n = p + 1 < end ? p[1] : 0;

            if (*p == 'w') {
                fz_event_client('w', n);

            } else {
                fz_wait(4u << (n & 7));
            }

            p++;

        } else if (*p == 'p') {
            fz_redis_publish("all");

        } else {
            letter = (const u_char *) strchr((const char *) backend, *p);

            if (letter) {
                fz_backend_script(FZ_BACKEND_EOF
                                  + (fz_backend_e) (letter - backend), NULL,
                                  0);
            }
        }

        fz_run();
    }
}


static void
fz_command(u_char command, const fz_bytes_t *bytes)
{
    static const char  *names[] = { "-", "client >", "backend:", "redis:",
                                    "event:", "emit:" };

    fz_note(names[command], bytes->data, bytes->len);

    switch (command) {

    case 1:

        if (fz_current == NULL) {
            fz_event_client('n', 0);
            fz_run();
        }

        if (fz_current && fz_current->h2) {
            fz_h2_say(fz_current, bytes->data, bytes->len);

        } else if (fz_current) {
            fz_say(fz_current, bytes->data, bytes->len);
        }

        break;

    case 2:
        fz_backend_script(FZ_BACKEND_DATA, bytes->data, bytes->len);
        break;

    case 3:
        fz_redis_action(bytes->data, bytes->len);
        break;

    case 4:
        fz_events(bytes->data, bytes->data + bytes->len);
        break;

    case 5:
        fz_emit_script(bytes->data, bytes->len);
        break;

    default:
        break;
    }

    fz_run();
}


/* All are honest now, and whoever waits for time gets it. */

static void
fz_end(void)
{
    ngx_uint_t  i;
    fz_conn_t  *conn;

    fz_ending = 1;
    fz_sleeps = 1;
    fz_redis_forget();

    for (i = 0; i < FZ_PASSES; i++) {
        fz_backend_all();

        if (fz_check_quiet() == NULL) {
            break;
        }

        ngx_process_events_and_timers((ngx_cycle_t *) ngx_cycle);
    }

    if (i == FZ_PASSES) {
        fz_fail("it does not come to an end: %s", fz_check_quiet());
    }

    for (conn = fz_all; conn; conn = conn->next) {
        if (conn->kind == FZ_CLIENT || conn->kind == FZ_BACKEND) {
            fz_note(conn->kind == FZ_CLIENT ? "client <" : "backend <",
                    conn->out.data, conn->out.len);
        }
    }

    fz_check_all();

    /* the next input has a window of its own */

    fz_wait(1000 - fz_now() % 1000);
    fz_sleeps = 0;
}


static void
fz_forget(void)
{
    fz_net_forget();
    fz_redis_forget();
    fz_model_forget();
    fz_backend_forget();
    fz_emit_forget();
    fz_check_forget();
    fz_h2_forget();
    fz_current = NULL;
    fz_story.len = 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    u_char             command;
    const uint8_t     *p, *end;
    static fz_bytes_t  bytes;

    fz_forget();
    fz_ending = 0;
    fz_sleeps = 0;

    srandom(1);     /* the pauses between attempts are the same each time */

    end = data + len;
    command = 1;
    bytes.len = 0;

    for (p = data; p < end; p++) {

        if (*p >= 1 && *p <= 5) {

            if (bytes.len) {
                fz_command(command, &bytes);
            }

            command = *p;
            bytes.len = 0;

        } else {
            p += *p == 0x10 && p + 1 < end;
            fz_append(&bytes, p, 1);
        }
    }

    if (bytes.len) {
        fz_command(command, &bytes);
    }

    fz_end();

    return 0;
}
