/* SPDX-License-Identifier: GPL-2.0 */
/* From an address to who stands behind it. */
#pragma once
#include "maps.h"
#include "packet.h"

enum reserved_identity {
	IDENTITY_HOST = 1,
	IDENTITY_REMOTE_NODE = 6,
	IDENTITY_WORLD_IPV4 = 9,
	IDENTITY_WORLD_IPV6 = 10,
};

/* The local endpoint that has this address beside its own, or 0. */
__noinline __u32 identity_claimant(const struct ip_addr *addr)
{
	struct claim_key key = {.prefix_len = 128};
	struct claim_entry *claim;

	if (!addr || !(weir_settings.lb_flags & LB_CLAIMS))
		return 0;
	key.addr = *addr;
	claim = bpf_map_lookup_elem(&weir_claim, &key);
	return claim ? claim->endpoint_id : 0;
}

/* The local endpoint with this address, or 0. */
static __always_inline __u32 identity_local_endpoint(const struct ip_addr *addr)
{
	/* Linux 6.1 takes no pointer that a global function was given for a key. */
	struct ip_addr own = *addr;
	struct local_entry *local = bpf_map_lookup_elem(&weir_local, &own);

	return local ? local->endpoint_id : identity_claimant(addr);
}

static __always_inline __u32 identity_of_world(bool v6)
{
	return v6 ? IDENTITY_WORLD_IPV6 : IDENTITY_WORLD_IPV4;
}

/* What is known of an address that is no local endpoint; null: it is somewhere in the world. */
static __always_inline struct ipcache_entry *identity_entry(const struct ip_addr *addr)
{
	struct ipcache_key key = {.prefix_len = 128, .addr = *addr};

	return bpf_map_lookup_elem(&weir_ipcache, &key);
}

static __always_inline __u32 identity_of_entry(const struct ipcache_entry *entry, bool v6)
{
	return entry ? entry->identity : identity_of_world(v6);
}

/* The identity of an address that is no local endpoint. */
static __always_inline __u32 identity_of_outside(const struct ip_addr *addr, bool v6)
{
	return identity_of_entry(identity_entry(addr), v6);
}

/* The node whose endpoint has this address, or 0. A function of its own for the sake of the stack. */
__noinline __u32 identity_node(const struct ip_addr *addr)
{
	struct ipcache_entry *entry = addr ? identity_entry(addr) : 0;

	return entry ? entry->node : 0;
}
