/* SPDX-License-Identifier: GPL-2.0 */
/* Two flows of one client, from the same port, that services lead to the same port of the same
 * backend by different addresses: the backend could not tell them apart. In the second another port
 * stands for the client's own, between here and the backend. */
#pragma once
#include "conntrack.h"
#include "flow.h"
#include "rewrite.h"

enum alias_ports {
	ALIAS_FIRST = 1024,
	ALIAS_COUNT = 65536 - ALIAS_FIRST,
	ALIAS_TRIES = 4,
};

/* The flow as its client sees it. */
static __always_inline void alias_key_of(const struct ip_addr *client, __be16 client_port,
					 const struct ip_addr *frontend, __be16 port, __u8 protocol,
					 struct ct_key *key)
{
	key->addr_a = *client;
	key->addr_b = *frontend;
	key->port_a = client_port;
	key->port_b = port;
	key->protocol = protocol;
	__builtin_memset(key->_pad0, 0, sizeof(key->_pad0));
}

/* Puts another port for the client's own; the packet has the backend's address already. False: it
 * is of no such flow and opens none, and is unchanged. */
static __noinline int alias_take(struct packet *p, const struct rewrite *w, struct ruling *v)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	struct alias_entry fresh, *alias;
	__be16 own = p->sport;
	struct ct_key key, backend;

	alias_key_of(&p->src, own, &w->from, w->from_port, p->protocol, &key);
	alias = bpf_map_lookup_elem(&weir_alias, &key);
	if (alias) {
		p->sport = alias->port;
		v->client_port = own;
		return true;
	}
	if (!ct_may_open(p))
		return false;
	for (int i = 0; i < ALIAS_TRIES; i++) {
		fresh.port = bpf_htons((__u16)(ALIAS_FIRST + bpf_get_prandom_u32() % ALIAS_COUNT));
		p->sport = fresh.port;
		ct_key_of(p, &backend);
		if (ct_find(&backend, now))
			continue;
		v->client_port = own;
		return !bpf_map_update_elem(&weir_alias, &key, &fresh, BPF_ANY);
	}
	p->sport = own;
	return false;
}

/* The port that stands for the client's own in what a backend sent it; 0: none does. */
static __noinline __be16 alias_of(const struct packet *sent, const struct rewrite *w)
{
	struct alias_entry *alias;
	struct ct_key key;

	alias_key_of(&sent->dst, sent->dport, &w->from, w->from_port, sent->protocol, &key);
	alias = bpf_map_lookup_elem(&weir_alias, &key);
	return alias ? alias->port : 0;
}
