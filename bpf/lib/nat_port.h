/* SPDX-License-Identifier: GPL-2.0 */
/* Finding one of this host's ports for a new flow by SNAT. A port is free or not for each backend on
 * its own. What a flow has proved keeps its port: the others give theirs, the longest unused first,
 * to whoever needs one when none is free. */
#pragma once
#include "nat.h"

enum nat_port_limit {
	NAT_TRIES = 64,
	NAT_TRIES_FREE = 16, /* of them, so many look for a free one before another will do */
	/* A port that nothing proved holds is free again after so long, seconds. */
	NAT_REST_S = NAT_ENDED_S,
	/* Where none is free. */
	NAT_ENDED_PRESSED_S = 2,
	NAT_STREAM_PRESSED_S = 30,
};

#define NAT_PROVED (1ULL << 63) /* in a port's age: takes second place to all that have not */

struct nat_search {
	__u64 now;
	__u64 hash;
	__u64 used; /* when the port found was last used; the lower the better */
	struct nat_key key; /* the backend's packets'; the port is that of the last try */
	__u32 places;	    /* of weir_nat_given, for the backend */
	__u32 first;
	__u32 count;
	__be16 port; /* found; 0: none yet */
};

/* Where a port's last use by a flow that is being opened is kept; "places" are the backend's. */
static __always_inline __u64 *nat_given(__u32 places, __be16 port)
{
	__u32 place = (places + bpf_ntohs(port)) & (MAX_NAT_GIVEN - 1);

	return bpf_map_lookup_elem(&weir_nat_given, &place);
}

static __always_inline __u32 nat_places(__u32 backend_id)
{
	return (__u32)balance_mix(backend_id);
}

/* False: there are no ports. */
static __always_inline bool nat_search_begin(struct nat_search *search, const struct packet *p,
					     const struct nat_path *path,
					     const struct backend_entry *backend)
{
	const struct settings *settings = &weir_settings;
	__u64 hash = (__u64)p->src.word[3] << 32 | (__u32)p->sport << 16 | p->dport;

	if (settings->nat_last_port < settings->nat_first_port)
		return false;
	/* IPv4 differs in the last words only. */
	if (p->src.word[0] | p->src.word[1])
		hash = balance_mix(hash) ^ ((__u64)p->src.word[1] << 32 | p->src.word[2]) ^
		       p->src.word[0];
	nat_key_from_backend(&search->key, backend, 0, p->protocol);
	search->now = path->now;
	search->hash = hash ^ p->dst.word[3];
	search->used = ~0ULL;
	search->places = nat_places(path->backend_id);
	search->first = settings->nat_first_port;
	search->count = settings->nat_last_port - settings->nat_first_port + 1;
	search->port = 0;
	return true;
}

/* The next one to look at: clients, and the tries of one, are spread over all. */
static __always_inline __be16 nat_next_port(struct nat_search *search)
{
	search->hash = balance_mix(search->hash + 0x9e3779b97f4a7c15ULL);
	return bpf_htons((__u16)(search->first + ((search->hash >> 32) * search->count >> 32)));
}

/* The port may be had, last used then. Is that the end of the search? */
static __always_inline long nat_offer(struct nat_search *search, __u32 index, __be16 port,
				      __u64 used)
{
	if (used < search->used) {
		search->used = used;
		search->port = port;
		if (!used || (__s64)(search->now - used) > (__s64)(NAT_REST_S * BALANCE_SECOND))
			return 1;
	}
	return index >= NAT_TRIES_FREE && search->port;
}

/* One step of the search for TCP. */
static long nat_try_tcp(__u32 index, struct nat_search *search)
{
	__be16 port = nat_next_port(search);
	__u64 *given = nat_given(search->places, port), used;
	struct nat_entry *other;

	if (!given)
		return 1;
	used = *given;
	/* Not worth the look whose it is. */
	if (used >= search->used)
		return index >= NAT_TRIES_FREE;
	search->key.dport = port;
	other = bpf_map_lookup_elem(&weir_nat, &search->key);
	if (other && !nat_is_over(other, L4_TCP, search->now)) {
		if (!nat_has_ended(other) ||
		    nat_silence(other, search->now) <= NAT_ENDED_PRESSED_S * BALANCE_SECOND)
			return 0;
		used = used > other->last_ns ? used : other->last_ns;
	}
	return nat_offer(search, index, port, used);
}

/* The same for UDP. */
static long nat_try_udp(__u32 index, struct nat_search *search)
{
	__be16 port = nat_next_port(search);
	struct nat_entry *other;
	__u64 used = 0;

	search->key.dport = port;
	other = bpf_map_lookup_elem(&weir_nat_udp, &search->key);
	if (other && !nat_is_over(other, L4_UDP, search->now)) {
		used = other->last_ns;
		if (other->flags & NAT_STREAM) {
			if (nat_silence(other, search->now) <=
			    NAT_STREAM_PRESSED_S * BALANCE_SECOND)
				return 0;
			used |= NAT_PROVED;
		}
	}
	return nat_offer(search, index, port, used);
}
