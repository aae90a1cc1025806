#ifndef BE_FRAME_H
#define BE_FRAME_H

#include <stddef.h>
#include <stdint.h>

/* A message between the front and a helper: a text and a block of bytes. */
typedef struct {
    uint32_t        status;      /* 0, or an HTTP status: text is the fault */
    char           *text;        /* JSON with its NUL */
    size_t          text_len;
    unsigned char  *data;
    size_t          data_len;
} be_frame_t;

enum {
    BE_FRAME_OK = 0,
    BE_FRAME_CLOSED,             /* the other side is gone, or talks nonsense */
    BE_FRAME_TIMEOUT
};

/*
 * Blocking, whole frames.  deadline is be_now_ms() time; 0 is for ever.
 * A frame that was read is freed by be_frame_free().
 */
int be_frame_write(int fd, const be_frame_t *fr, uint64_t deadline);
int be_frame_read(int fd, be_frame_t *fr, uint64_t deadline);
void be_frame_free(be_frame_t *fr);

uint64_t be_now_ms(void);

#endif
