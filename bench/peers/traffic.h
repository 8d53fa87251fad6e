/* SPDX-License-Identifier: GPL-2.0 */
/* What traffic.bpf.c and the command share. */
#pragma once
#include <linux/types.h>

enum traffic_limit {
	FRAME_BYTES = 64,
	FRAME_WORDS = FRAME_BYTES / 8,
	FRAME_BYTES_IPV6 = 80,
	FRAME_WORDS_IPV6 = FRAME_BYTES_IPV6 / 8,
	PORTS_EACH = 1024, /* flows of one client address */
	FIRST_PORT = 10000,
	FIRST_CLIENT = 10 << 24 | 128 << 16, /* 10.128.0.0; of IPv6 the last word */
};

/* A global of the programs: the command has it mapped, and changes it between two runs. */
struct traffic {
	__u64 frame[FRAME_WORDS_IPV6]; /* client's address, port and both checksums zero */
	__u32 ip_sum;		  /* of the header as it is in the frame, not folded */
	__u32 tcp_sum;
	__u32 flow_mask; /* flows are a power of two; all ones: every packet is a flow of its own */
	__u32 ifindex;	 /* where the frames leave */
	/* A packet went the right way when (destination & mask) is this: IPv4's one word, IPv6's two
	 * halves. */
	__u64 arrived_mask[2];
	__u64 arrived_address[2];
	__u64 sent;
	__u64 arrived;
	__u64 astray;
	__u64 first;	/* the packet whose sending starts the clock */
	__u64 last;	/* the one whose arrival, in number, stops it */
	__u64 begin_ns; /* CLOCK_MONOTONIC */
	__u64 end_ns;
};
