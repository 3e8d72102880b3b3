#include <stdlib.h>

#include "sync/docno_list.h"

lk_err
docno_list_add(uint32_t **list, size_t *len, size_t *cap, uint32_t docno)
{
	for (size_t i = *len; i-- > 0;)
		if ((*list)[i] == docno)
			return LK_NONE;
	if (*len == *cap) {
		size_t wanted = *cap == 0 ? 64 : *cap * 2;
		uint32_t *grown =
		    reallocarray(*list, wanted, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "list of documents");
		*list = grown;
		*cap = wanted;
	}
	(*list)[(*len)++] = docno;
	return LK_NONE;
}
