/* SPDX-License-Identifier: GPL-2.0 */
/* From a client's packet to its flow in weir_nat_open, whose entries are found by what the backend
 * sends. A hint is one cache line away and costs no insertion into a hash table; it is believed only
 * if the entry that it names is the client's. A stranger who does not know the seed cannot choose
 * whose hints his own push out. */
#pragma once
#include "nat.h"

/* Of this machine, as long as the maps live. */
static __always_inline __u64 nat_seed(void)
{
	__u32 zero = 0;
	__u64 *seed = bpf_map_lookup_elem(&weir_nat_seed, &zero), fresh;

	if (!seed)
		return 0;
	if (*seed)
		return *seed;
	fresh = (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32() | 1;
	/* Another CPU may have been first. */
	__sync_val_compare_and_swap(seed, 0, fresh);
	return *seed;
}

/* The client's and the frontend's ends. */
static __always_inline __u64 nat_flow_hash(const struct packet *p)
{
	const __be32 *c = p->src.word, *a = p->dst.word;
	__u64 h = nat_seed() ^ ((__u64)(c[3] ^ a[3]) << 32 | ends_ports(p->sport, p->dport));

	/* IPv4 differs in the last words only. */
	if (c[0] | c[1]) {
		h = balance_mix(h) ^ ((__u64)c[0] << 32 | c[1]);
		h = balance_mix(h) ^ ((__u64)a[0] << 32 | a[1]);
		h = balance_mix(h) ^ ((__u64)c[2] << 32 | a[2]);
	}
	return balance_mix(h);
}

/* Where the flow's hint is, if there is one; "flow" becomes what it is known by there. */
static __always_inline struct nat_hints *nat_hints_of(const struct packet *p, __u32 *flow)
{
	__u64 hash = nat_flow_hash(p);
	__u32 index = hash & (MAX_NAT_HINTS - 1);

	*flow = (__u32)(hash >> 32);
	return bpf_map_lookup_elem(&weir_nat_hint, &index);
}

/* Null: it has none. */
static __always_inline struct nat_hint *nat_hint_find(struct nat_hints *hints, __u32 flow)
{
#pragma unroll
	for (int i = 0; i < NAT_HINT_WAYS; i++) {
		if (hints->way[i].flow == flow)
			return &hints->way[i];
	}
	return 0;
}

/* Puts one in the place of "old", the flow's own, or of the oldest. Two CPUs that do it at once may
 * lose one, as if it had been pushed out. */
static __always_inline void nat_hint_put(struct nat_hints *hints, struct nat_hint *old,
					 const struct nat_hint *hint)
{
	if (old) {
		*old = *hint;
		return;
	}
#pragma unroll
	for (int i = NAT_HINT_WAYS - 1; i > 0; i--)
		hints->way[i] = hints->way[i - 1];
	hints->way[0] = *hint;
}
