/* SPDX-License-Identifier: GPL-2.0 */
/* weir_node: the other hosts of the cluster, by the number that weir_ipcache knows them by; 0: this host itself.
 * weir_node_id: the same by address. weir_node_echo: what came of asking them by the overlay, by number. */
#pragma once
#include "address.h"

enum overlay {
	OVERLAY_PORT = 8472, /* UDP */
	/* The first number of a label set of the whole cluster: what is below, each host gives for itself. */
	OVERLAY_FIRST_IDENTITY = 65536,
};

enum node_flag {
	NODE_PRESENT = 1, /* slot in use */
	NODE_OVERLAY = 2, /* its endpoints are reached through the overlay; else by the host's own routes */
};

struct node_entry {
	struct ip_addr addr; /* where the overlay's packets go, and come from */
	__u32 flags;	     /* enum node_flag */
};

struct node_echo {
	__u64 asked;	   /* what the agent wrote into the question, after it was answered */
	__u64 answered_ns; /* bpf_ktime_get_ns() */
};
