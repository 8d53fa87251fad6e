/* SPDX-License-Identifier: GPL-2.0 */
/* weir_node: the other hosts of the cluster, by the number that weir_ipcache knows them by. */
#pragma once
#include "address.h"

enum node_flag {
	NODE_PRESENT = 1, /* slot in use */
	NODE_OVERLAY = 2, /* its endpoints are reached through the overlay; else by the host's own routes */
};

struct node_entry {
	struct ip_addr addr; /* where the overlay's packets go, and come from */
	__u32 flags;	     /* enum node_flag */
};
