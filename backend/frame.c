/*
 * Framing on the socket pairs between the front and its helpers.
 * Invariant: a size that a helper claims is checked before it is allocated;
 * a helper that was taken over by a hostile image is no more trusted.
 */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"


#define BE_FRAME_MAGIC  0x53504f43u
#define BE_FRAME_MAX    (64u * 1024 * 1024)


uint64_t
be_now_ms(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}


static int
be_frame_wait(int fd, short events, uint64_t deadline)
{
    int            n, ms = -1;
    uint64_t       now;
    struct pollfd  p = { fd, events, 0 };

    for ( ;; ) {
        if (deadline) {
            now = be_now_ms();
            if (now >= deadline) {
                return BE_FRAME_TIMEOUT;
            }
            ms = (int) (deadline - now);
        }

        n = poll(&p, 1, ms);

        if (n > 0) {
            return BE_FRAME_OK;
        }

        if (n < 0 && errno != EINTR) {
            return BE_FRAME_CLOSED;
        }
    }
}


static int
be_frame_send(int fd, const void *data, size_t len, uint64_t deadline)
{
    int          rc;
    ssize_t      n;
    const char  *p = data;

    while (len) {
        rc = be_frame_wait(fd, POLLOUT, deadline);
        if (rc != BE_FRAME_OK) {
            return rc;
        }

        n = send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0) {
            if (errno == EAGAIN || errno == EINTR) {
                continue;
            }
            return BE_FRAME_CLOSED;
        }

        p += n;
        len -= (size_t) n;
    }

    return BE_FRAME_OK;
}


static int
be_frame_recv(int fd, void *data, size_t len, uint64_t deadline)
{
    int      rc;
    char    *p = data;
    ssize_t  n;

    while (len) {
        rc = be_frame_wait(fd, POLLIN, deadline);
        if (rc != BE_FRAME_OK) {
            return rc;
        }

        n = recv(fd, p, len, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            continue;
        }

        if (n <= 0) {
            return BE_FRAME_CLOSED;
        }

        p += n;
        len -= (size_t) n;
    }

    return BE_FRAME_OK;
}


int
be_frame_write(int fd, const be_frame_t *fr, uint64_t deadline)
{
    int       rc;
    uint32_t  head[4];

    head[0] = BE_FRAME_MAGIC;
    head[1] = fr->status;
    head[2] = (uint32_t) fr->text_len;
    head[3] = (uint32_t) fr->data_len;

    rc = be_frame_send(fd, head, sizeof(head), deadline);

    if (rc == BE_FRAME_OK) {
        rc = be_frame_send(fd, fr->text, fr->text_len, deadline);
    }

    if (rc == BE_FRAME_OK) {
        rc = be_frame_send(fd, fr->data, fr->data_len, deadline);
    }

    return rc;
}


int
be_frame_read(int fd, be_frame_t *fr, uint64_t deadline)
{
    int       rc;
    uint32_t  head[4];

    memset(fr, 0, sizeof(*fr));

    rc = be_frame_recv(fd, head, sizeof(head), deadline);
    if (rc != BE_FRAME_OK) {
        return rc;
    }

    if (head[0] != BE_FRAME_MAGIC || head[2] > BE_FRAME_MAX
        || head[3] > BE_FRAME_MAX)
    {
        return BE_FRAME_CLOSED;
    }

    fr->status = head[1];
    fr->text_len = head[2];
    fr->data_len = head[3];
    fr->text = malloc((size_t) head[2] + 1);
    fr->data = malloc((size_t) head[3] + 1);

    if (fr->text == NULL || fr->data == NULL) {
        be_frame_free(fr);
        return BE_FRAME_CLOSED;
    }

    rc = be_frame_recv(fd, fr->text, fr->text_len, deadline);

    if (rc == BE_FRAME_OK) {
        rc = be_frame_recv(fd, fr->data, fr->data_len, deadline);
    }

    if (rc != BE_FRAME_OK) {
        be_frame_free(fr);
        return rc;
    }

    fr->text[fr->text_len] = '\0';

    return BE_FRAME_OK;
}


void
be_frame_free(be_frame_t *fr)
{
    free(fr->text);
    free(fr->data);
    memset(fr, 0, sizeof(*fr));
}
