/* SPDX-License-Identifier: GPL-2.0 */
/* The other hosts of the cluster. */
#pragma once
#include "maps.h"
#include "packet.h"

enum node_number {
	NODE_SELF = 0, /* this host's own entry, where it has one */
};

static __always_inline struct node_entry *node_of(__u32 id)
{
	struct node_entry *node = bpf_map_lookup_elem(&weir_node, &id);

	return node && node->flags & NODE_PRESENT ? node : 0;
}

static __always_inline bool node_is_overlay(__u32 id)
{
	struct node_entry *node = node_of(id);

	return node && node->flags & NODE_OVERLAY;
}

/* The node with that address; 0: it is none's. A function of its own for the sake of the stack. */
__noinline __u32 node_at(const struct ip_addr *addr)
{
	struct ip_addr own;
	__u32 *id;

	if (!addr)
		return 0;
	own = *addr;
	id = bpf_map_lookup_elem(&weir_node_id, &own);
	return id ? *id : 0;
}

/* Has that node the address? */
static __always_inline bool node_has(__u32 id, const struct ip_addr *addr)
{
	struct node_entry *node = node_of(id);

	return node && ip_addr_equal(&node->addr, addr);
}
