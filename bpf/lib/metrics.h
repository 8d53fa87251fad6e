/* SPDX-License-Identifier: GPL-2.0 */
/* Counting packets by their end. */
#pragma once
#include "../abi/drop_reason.h"
#include "maps.h"

static __always_inline void metrics_count(__u32 direction, enum drop_reason reason, __u32 length)
{
	__u32 slot = direction * METRICS_REASONS + (__u32)reason;
	struct metrics_entry *entry = bpf_map_lookup_elem(&weir_metrics, &slot);

	if (entry) {
		entry->packets++;
		entry->bytes += length;
	}
}
