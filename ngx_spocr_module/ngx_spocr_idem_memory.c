
/*
 * Memory that answers take while clients read them: how much of a worker's
 * limit is used, and by whom.
 *
 * A client that does not read holds its answer, and who has many such clients
 * could hold all of the memory.  So the first half of the limit is anybody's,
 * and of the second half a tenant gets what does not make it more than a
 * quarter of the whole.  Tenants that share a slot share its quarter.
 */


#include "ngx_spocr_idem.h"


ngx_int_t
ngx_spocr_idem_take(ngx_spocr_idem_memory_t *memory, size_t limit,
    const ngx_spocr_tenant_t *tenant, size_t size)
{
    size_t  *share;

    share = &memory->shares[tenant->counter[0] % NGX_SPOCR_IDEM_SHARES];

    if (size > limit || memory->used > limit - size) {
        return NGX_DECLINED;
    }

    if (memory->used + size > limit / 2
        && memory->used
        && *share + size > limit / 4)
    {
        return NGX_DECLINED;
    }

    memory->used += size;
    *share += size;

    return NGX_OK;
}


void
ngx_spocr_idem_give(ngx_spocr_idem_memory_t *memory,
    const ngx_spocr_tenant_t *tenant, size_t size)
{
    memory->used -= size;
    memory->shares[tenant->counter[0] % NGX_SPOCR_IDEM_SHARES] -= size;
}
