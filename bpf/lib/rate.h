/* SPDX-License-Identifier: GPL-2.0 */
/* How often this CPU may do in a second what costs others. */
#pragma once
#include "maps.h"

#define RATE_SECOND 1000000000ULL

static __always_inline bool rate_allows(enum rate_kind kind, __u64 most, __u64 now)
{
	__u32 index = kind;
	struct rate *rate = bpf_map_lookup_elem(&weir_rate, &index);
	__u64 second = now / RATE_SECOND;

	if (!rate)
		return false;
	if (rate->second != second) {
		rate->second = second;
		rate->count = 0;
	}
	return rate->count++ < most;
}
