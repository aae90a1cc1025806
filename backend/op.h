#ifndef BE_OP_H
#define BE_OP_H

#include "frame.h"
#include "ocr.h"

/*
 * One job of an OCR helper; op.c says which there are.  0 with the reply, or
 * -1 with the fault.
 */
int be_op(be_engine_t *e, const be_frame_t *job, be_frame_t *reply,
    be_fault_t *f);

#endif
