/*
 * Redis' end of the module's connections: commands are read, and answered as
 * the model knows it, unless the input says how the next one is answered:
 *
 *     .        as the model does
 *     =BYTES   by these; ^N in them stands for the nonce, ^O for the model's
 *              whole answer
 *     *WORDS   by an array of the nonce and these: i12 an integer, nil, else
 *              a string
 *     eTEXT    by an error
 *     mXY      with a bit turned over in byte X * 128 + Y of the answer
 *     cX       with the first X bytes, and then it closes
 *     dX       after X * 4 ms
 *     s        not at all, but it is done;  q: nor is it
 *     x        it closes;  X: it resets
 *     p        honest, with a notice before
 */


#include "fz.h"


#define FZ_ACTIONS  64


static fz_bytes_t  fz_actions[FZ_ACTIONS];
static ngx_uint_t  fz_nactions, fz_action;


void
fz_redis_action(const u_char *data, size_t len)
{
    if (fz_nactions < FZ_ACTIONS) {
        fz_actions[fz_nactions].len = 0;
        fz_append(&fz_actions[fz_nactions++], data, len);
    }
}


void
fz_redis_forget(void)
{
    fz_nactions = 0;
    fz_action = 0;
}


/* A number and CRLF; -1: not all there, or none (which is the module's
 * fault). */

static ngx_int_t
fz_redis_number(fz_conn_t *conn, size_t *at, u_char kind)
{
    size_t     i;
    ngx_int_t  n;

    n = 0;
    i = *at;

    if (i < conn->out.len && conn->out.data[i++] != kind) {
        fz_fail("Redis is sent what is no command");
    }

    for ( /* void */ ; i < conn->out.len; i++) {

        if (conn->out.data[i] == '\r') {

            if (i + 1 == conn->out.len) {
                return -1;
            }

            *at = i + 2;
            return n;
        }

        if (conn->out.data[i] < '0' || conn->out.data[i] > '9') {
            fz_fail("Redis is sent a bad number");
        }

        n = n * 10 + conn->out.data[i] - '0';
    }

    return -1;
}


static ngx_uint_t
fz_redis_command(fz_conn_t *conn, fz_command_t *command)
{
    size_t     at;
    ngx_int_t  i, n, len;

    at = conn->seen;
    n = fz_redis_number(conn, &at, '*');

    if (n < 0) {
        return 0;
    }

    if (n == 0 || n > (ngx_int_t) fz_n(command->word)) {
        fz_fail("Redis is sent %ld words", (long) n);
    }

    for (i = 0; i < n; i++) {
        len = fz_redis_number(conn, &at, '$');

        if (len < 0 || at + (size_t) len + 2 > conn->out.len) {
            return 0;
        }

        command->word[i].data = conn->out.data + at;
        command->word[i].len = (size_t) len;
        at += (size_t) len + 2;
    }

    command->n = (ngx_uint_t) n;
    conn->seen = at;

    return 1;
}


/* The nonce of a function's call: what stands behind its keys. */

static void
fz_redis_nonce(const fz_command_t *command, ngx_str_t *nonce)
{
    ngx_uint_t  nkeys;

    ngx_str_set(nonce, "0123456789abcdef");

    if (command->n >= 4 && command->word[0].len >= 5
        && ngx_strncmp(command->word[0].data, "FCALL", 5) == 0)
    {
        nkeys = (ngx_uint_t) (command->word[2].data[0] - '0');

        if (nkeys + 3 < command->n) {
            *nonce = command->word[nkeys + 3];
        }
    }
}


static void
fz_redis_raw(fz_bytes_t *out, const u_char *p, const u_char *end,
    const ngx_str_t *nonce, const fz_bytes_t *honest)
{
    for ( /* void */ ; p < end; p++) {

        if (*p == 0x0e) {
            fz_append(out, nonce->data, nonce->len);

        } else if (*p == 0x0f) {
            fz_append(out, honest->data, honest->len);

        } else {
            fz_append(out, p, 1);
        }
    }
}


static void
fz_redis_array(fz_bytes_t *out, const u_char *p, const u_char *end,
    const ngx_str_t *nonce)
{
    char           head[64];
    ngx_uint_t     n;
    fz_bytes_t     items;
    const u_char  *word;

    memset(&items, 0, sizeof(fz_bytes_t));

    for (n = 1; p < end; n++) {

        for (word = p; p < end && *p != ' '; p++) { /* void */ }

        if (p - word == 3 && memcmp(word, "nil", 3) == 0) {
            fz_append(&items, "$-1\r\n", 5);

        } else if (p > word && *word == 'i') {
            fz_append(&items, ":", 1);
            fz_append(&items, word + 1, (size_t) (p - word - 1));
            fz_append(&items, "\r\n", 2);

        } else {
            snprintf(head, sizeof(head), "$%zu\r\n", (size_t) (p - word));
            fz_append(&items, head, strlen(head));
            fz_append(&items, word, (size_t) (p - word));
            fz_append(&items, "\r\n", 2);
        }

        p += p < end;
    }

    fz_append(out, head, (size_t) snprintf(head, sizeof(head),
                                           "*%zu\r\n$%zu\r\n", (size_t) n,
                                           nonce->len));
    fz_append(out, nonce->data, nonce->len);
    fz_append(out, "\r\n", 2);
    fz_append(out, items.data, items.len);
    fz_free(&items);
}


/* What is sent in the place of an honest answer. */

static void
fz_redis_other(fz_conn_t *conn, const fz_bytes_t *action, fz_bytes_t *answer,
    const ngx_str_t *nonce)
{
    size_t         n;
    fz_bytes_t     out;
    const u_char  *p, *end;

    memset(&out, 0, sizeof(fz_bytes_t));

    p = action->data + 1;
    end = action->data + action->len;

    switch (action->data[0]) {

    case '=':
        fz_lied = 1;
        fz_redis_raw(&out, p, end, nonce, answer);
        break;

    case '*':
        fz_lied = 1;
        fz_redis_array(&out, p, end, nonce);
        break;

    case 'e':
        fz_append(&out, "-", 1);
        fz_append(&out, p, (size_t) (end - p));
        fz_append(&out, "\r\n", 2);
        break;

    case 'm':
        fz_lied = 1;
        fz_append(&out, answer->data, answer->len);

        if (end - p >= 2 && out.len) {
            n = ((size_t) p[0] << 7 | (p[1] & 0x7f)) % out.len;
            out.data[n] ^= (u_char) (1 << (p[1] & 7));
        }

        break;

    case 'c':
        n = end > p ? p[0] : 0;
        fz_append(&out, answer->data, ngx_min(answer->len, n));
        break;

    default:
        fz_append(&out, answer->data, answer->len);
    }

    answer->len = 0;
    fz_append(answer, out.data, out.len);
    fz_free(&out);

    if (action->data[0] == 'd' && conn->later.len == 0) {
        conn->due = fz_now() + (end > p ? *p * 4u : 40);
        fz_append(&conn->later, answer->data, answer->len);
        answer->len = 0;
    }
}


static void
fz_redis_answer(fz_conn_t *conn, const fz_command_t *command)
{
    u_char             how;
    ngx_str_t          nonce;
    fz_bytes_t        *action;
    static fz_bytes_t  answer;

    action = fz_action < fz_nactions ? &fz_actions[fz_action++] : NULL;
    how = action && action->len ? action->data[0] : '.';

    if (how == 'q') {
        return;
    }

    if (how == 'x' || how == 'X') {
        fz_close_end(conn, how == 'X');
        return;
    }

    if (how == 'p') {
        fz_redis_publish("all");
    }

    if (command->word[0].len == 9
        && ngx_strncmp(command->word[0].data, "SUBSCRIBE", 9) == 0)
    {
        conn->asked = 1;
    }

    answer.len = 0;
    fz_model_answer(command, &answer);

    if (how == 's') {
        return;
    }

    if (how != '.') {
        fz_redis_nonce(command, &nonce);
        fz_redis_other(conn, action, &answer, &nonce);
    }

    fz_say(conn, answer.data, answer.len);

    if (how == 'c') {
        fz_close_end(conn, 0);
    }
}


void
fz_redis_heard(fz_conn_t *conn)
{
    fz_command_t  command;

    while (fz_redis_command(conn, &command)) {

        fz_note("redis <", command.word[command.n > 1].data,
                command.word[command.n > 1].len);
        fz_redis_answer(conn, &command);
    }

    if (conn->seen == conn->out.len) {
        conn->seen = 0;
        conn->out.len = 0;
    }
}


/* To all that have subscribed. */

void
fz_redis_publish(const char *text)
{
    char        message[128];
    size_t      len;
    ngx_uint_t  i;

    len = (size_t) snprintf(message, sizeof(message),
                            "*3\r\n$7\r\nmessage\r\n$12\r\nspocr:notice\r\n"
                            "$%zu\r\n%s\r\n", strlen(text), text);

    for (i = 0; i < FZ_CONNS; i++) {
        if (fz_fds[i] && fz_fds[i]->kind == FZ_REDIS && fz_fds[i]->asked) {
            fz_say(fz_fds[i], message, len);
        }
    }
}
