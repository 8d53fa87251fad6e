/* SPDX-License-Identifier: GPL-2.0 */
/* weir_ipcache: longest prefix -> identity, for every address that is not a local endpoint. */
#pragma once
#include "address.h"

struct ipcache_key {
	__u32 prefix_len; /* bits, 0..128; a v4 prefix adds 96 */
	struct ip_addr addr;
};

struct ipcache_entry {
	__u32 identity;
	__u32 network_id; /* of an endpoint of another node: this host's number of its network; 0: none here */
	__u16 node;	  /* index into weir_node; 0: not an endpoint of another node */
	__u16 flags;	  /* none yet */
};
