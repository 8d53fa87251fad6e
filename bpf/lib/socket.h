/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets of this host that open to a frontend: they get a backend's address, once, and the
 * frontend's back wherever they ask. Not one packet is rewritten for it.
 *
 * A new connection takes any slot, since nobody else needs to find its backend again; what a slot
 * had before a change does not concern it. Who sends single datagrams keeps a backend by the
 * socket's hash. Answers that a socket gets from a backend bear the frontend's address also if it
 * sent to the backend itself before: one socket that uses both cannot tell them apart.
 *
 * Only sockets of the host and of weir's containers: in another network namespace of this machine, a
 * VPN's or another engine's, there may be no way to a backend but only to the host, and there what is
 * sent to a frontend meets weir_from_dev like what comes from anywhere else. */
#pragma once
#include <linux/bpf.h>
#include "balance.h"

enum socket_limit {
	SOCKET_TRIES = 32, /* slots that are looked at until one has a backend for new flows */
};

enum socket_verdict {
	SOCKET_REFUSE = 0, /* the call fails */
	SOCKET_ALLOW = 1,
};

enum socket_errno {
	SOCKET_CONNECTION_REFUSED = 111,
	SOCKET_HOST_UNREACHABLE = 113,
};

/* How long a socket keeps the backend that is chosen. */
enum socket_use {
	SOCKET_CONNECTS,
	SOCKET_SENDS,
};

/* What the socket names, then what it gets. */
struct socket_peer {
	struct ip_addr addr;
	__be16 port;
	bool translated;
	__u32 frontend_id; /* of the service that it was translated for; 0: none */
};

/* .rodata, written before load and frozen. */
const volatile struct socket_config socket_config = {};

/* enum lb_flag; 0: there is nothing to translate. */
static __always_inline __u32 socket_flags(void)
{
	__u32 flags = weir_settings.lb_flags;

	return flags & LB_SERVICES ? flags : 0;
}

/* May sockets of this namespace get the service's backends? */
static __always_inline bool socket_is_served(const struct service_entry *service, __u64 netns,
					     __u32 flags)
{
	if (netns == socket_config.host_netns_cookie)
		return true;
	if (service->flags & SERVICE_HOST_ONLY)
		return false;
	return flags & LB_ANY_NAMESPACE || bpf_map_lookup_elem(&weir_netns, &netns);
}

static __always_inline bool socket_is_ipv4(const struct ip_addr *addr)
{
	return !(addr->word[0] | addr->word[1]) && addr->word[2] == bpf_htonl(0xffff);
}

/* A socket cannot change its family. */
static __always_inline bool socket_can_use(const struct backend_entry *backend,
					   const struct ip_addr *frontend)
{
	return socket_is_ipv4(&backend->addr) == socket_is_ipv4(frontend);
}

/* A backend that takes new flows; "seed" says where to look first and how to go on. 0: none was
 * found. */
static __noinline __u32 socket_pick(const struct service_entry *service, __u64 seed)
{
	/* Odd: it comes by every slot of a power of two. */
	__u32 step = (__u32)(seed >> 32) | 1, at = (__u32)seed;

	for (int i = 0; i < SOCKET_TRIES; i++, at += step) {
		__u32 index = service->slots + (at & service->slot_mask);
		struct service_slot *slot = bpf_map_lookup_elem(&weir_slot, &index);
		struct backend_entry *backend;
		__u32 id;

		if (!slot)
			return 0;
		id = *(volatile __u32 *)&slot->backend;
		backend = backend_of(id);
		if (backend && !(backend->flags & BACKEND_NO_NEW))
			return id;
	}
	return 0;
}

static __always_inline __u32 socket_choose(const struct service_entry *service,
					   const struct socket_peer *peer, __u8 protocol,
					   __u64 cookie, __u64 netns, enum socket_use use)
{
	struct balance_flow f = {
	    .addr = peer->addr, .port = peer->port, .protocol = protocol, .opens = true};
	__u32 id;

	if (use == SOCKET_CONNECTS)
		id = socket_pick(service,
				 (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32());
	else
		id = socket_pick(service, balance_mix(balance_mix(cookie) ^ service->frontend_id));
	if (service->flags & SERVICE_AFFINITY) {
		f.client.word[2] = (__u32)(netns >> 32);
		f.client.word[3] = (__u32)netns;
		id = balance_affine(&f, service, id);
	}
	return id;
}

/* Notes whose place the backend has, and counts it; for datagrams only the first time. */
static __always_inline void socket_remember(const struct sock_key *key, __u32 frontend_id,
					    __u64 netns, enum socket_use use)
{
	struct sock_entry entry = {.frontend_id = frontend_id, .netns = netns}, *known;
	struct lb_stats *stats;

	if (use == SOCKET_SENDS) {
		known = bpf_map_lookup_elem(&weir_sock, key);
		if (known && known->frontend_id == frontend_id)
			return;
	}
	bpf_map_update_elem(&weir_sock, key, &entry, BPF_ANY);
	stats = bpf_map_lookup_elem(&weir_lb_stats, &frontend_id);
	if (stats)
		stats->connects++;
}

/* Puts a backend in the place of a frontend. What is none stays as it is. */
static __noinline int socket_translate(struct bpf_sock_addr *ctx, struct socket_peer *peer,
				       enum socket_use use)
{
	__u32 protocol = ctx->protocol, flags = socket_flags();
	struct sock_key key = {.protocol = (__u8)protocol};
	struct service_entry service;
	struct backend_entry *backend;
	__u64 netns;

	if (!flags || (protocol != L4_TCP && protocol != L4_UDP))
		return SOCKET_ALLOW;
	if (!service_find(&peer->addr, peer->port, key.protocol, &service))
		return SOCKET_ALLOW;
	netns = bpf_get_netns_cookie(ctx);
	if (!socket_is_served(&service, netns, flags))
		return SOCKET_ALLOW;
	key.cookie = bpf_get_socket_cookie(ctx);
	backend = backend_of(socket_choose(&service, peer, key.protocol, key.cookie, netns, use));
	if (!backend || !socket_can_use(backend, &peer->addr)) {
		bpf_set_retval(-SOCKET_CONNECTION_REFUSED);
		return SOCKET_REFUSE;
	}
	key.backend = backend->addr;
	key.port = backend->port;
	socket_remember(&key, service.frontend_id, netns, use);
	peer->addr = key.backend;
	peer->port = key.port;
	peer->translated = true;
	peer->frontend_id = service.frontend_id;
	return SOCKET_ALLOW;
}

/* Puts the frontend back in the place of the backend that the socket was given. */
static __noinline void socket_restore(struct bpf_sock_addr *ctx, struct socket_peer *peer)
{
	struct sock_key key = {
	    .backend = peer->addr, .port = peer->port, .protocol = (__u8)ctx->protocol};
	struct frontend_entry *frontend;
	struct sock_entry *known;
	__u32 id;

	if (!socket_flags())
		return;
	key.cookie = bpf_get_socket_cookie(ctx);
	known = bpf_map_lookup_elem(&weir_sock, &key);
	if (!known)
		return;
	id = known->frontend_id;
	frontend = bpf_map_lookup_elem(&weir_frontend, &id);
	/* An id that was given away since names another address; one that is free, none. */
	if (!frontend || !frontend->port || frontend->protocol != key.protocol)
		return;
	peer->addr = frontend->addr;
	peer->port = frontend->port;
	peer->translated = true;
}
