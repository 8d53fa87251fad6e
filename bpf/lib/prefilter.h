/* SPDX-License-Identifier: GPL-2.0 */
/* Is a source one of those that are dropped before anything else? */
#pragma once
#include "maps.h"

enum prefilter_bits {
	PREFILTER_WHOLE = 128,
};

static __always_inline bool prefilter_has(const struct ip_addr *src, __u32 lb_flags)
{
	if (lb_flags & LB_PREFILTER_ADDRESS && bpf_map_lookup_elem(&weir_pre_addr, src))
		return true;
	if (lb_flags & LB_PREFILTER_PREFIX) {
		struct prefilter_key key = {.prefix_len = PREFILTER_WHOLE, .addr = *src};

		return bpf_map_lookup_elem(&weir_pre_net, &key);
	}
	return false;
}
