/* SPDX-License-Identifier: GPL-2.0 */
/* weir_metrics: per-CPU counters by direction and end of a packet. */
#pragma once
#include <linux/types.h>

enum metrics_layout {
	METRICS_REASONS = 64, /* room for enum drop_reason */
	METRICS_SLOTS = 192,  /* index = direction * METRICS_REASONS + drop_reason */
};

struct metrics_entry {
	__u64 packets;
	__u64 bytes;
};
/* weir_lost: per-CPU __u64, events that did not fit the ring. */
