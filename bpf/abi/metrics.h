/* SPDX-License-Identifier: GPL-2.0 */
/* weir_metrics: per-CPU counters by direction and end of a packet. */
#pragma once
#include <linux/types.h>

enum metrics_layout {
	METRICS_REASONS = 64, /* room for enum drop_reason */
	METRICS_AUDITED = 3,  /* added to the direction: flows that rules in audit would have dropped */
	METRICS_SLOTS = 320,  /* index = direction * METRICS_REASONS + drop_reason */
};

struct metrics_entry {
	__u64 packets;
	__u64 bytes;
};
/* weir_lost: per-CPU __u64, events that did not fit the ring. */
