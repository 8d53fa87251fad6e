/* SPDX-License-Identifier: GPL-2.0 */
/* A flow of UDP by SNAT. Nothing in UDP proves a client's address: a flow that goes to and fro keeps
 * its port, one that did not come so far gives it to whoever needs one when none is free. */
#pragma once
#include "nat_port.h"

/* Opens a flow; returns its port, 0: none is free. The scratch has its forward key. */
static __noinline __u32 nat_open_udp(struct xdp_md *ctx, const struct arrival *a,
				     const struct nat_path *path,
				     const struct backend_entry *backend, struct scratch *s)
{
	struct nat_search search;

	if (!nat_search_begin(&search, &a->p, path, backend))
		return 0;
	/* Most find one at once: the loop has its price. */
	if (!nat_try_udp(0, &search))
		bpf_loop(NAT_TRIES - 1, nat_try_udp, &search, 0);
	if (!search.port)
		return 0;
	search.key.dport = search.port;
	nat_begin(ctx, &s->entry, &a->p, path);
	if (bpf_map_update_elem(&weir_nat_udp, &search.key, &s->entry, BPF_ANY))
		return 0;
	nat_begin_forward(&s->entry, backend, path->backend_id, search.port);
	return bpf_map_update_elem(&weir_nat_udp, &s->key, &s->entry, BPF_ANY) ? 0 : search.port;
}

/* The flow of UDP that a backend's packet belongs to. Null: it is not SNAT's. */
static __always_inline struct nat_entry *nat_answered_udp(struct scratch *s, const struct packet *p,
							  __u64 now)
{
	struct nat_entry *reverse;

	nat_key_of(&s->key, p, NAT_REVERSE);
	reverse = bpf_map_lookup_elem(&weir_nat_udp, &s->key);
	return reverse && !nat_is_over(reverse, L4_UDP, now) ? reverse : 0;
}
