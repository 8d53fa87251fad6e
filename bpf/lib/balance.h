/* SPDX-License-Identifier: GPL-2.0 */
/* Which backend a flow has: the same answer in XDP, at tc and, without state, on every node.
 *
 * A packet takes three lookups (service, slot, backend), a plain one at a device only that of the slot
 * (bucket_find.h), and writes nothing. Only a slot
 * that a change moved, or a service with affinity, asks a flow table. */
#pragma once
#include "maps.h"
#include "packet.h"
#include "rate.h"

#define BALANCE_SECOND RATE_SECOND

enum balance_limit {
	BALANCE_UDP_SETTLES_S = 30, /* a UDP flow seen this soon after a change is from before it */
	/* Flows one CPU may remember in a second while slots are under change; beyond that they
	 * join the backend of before, which needs no memory. */
	BALANCE_MOVED_PER_SECOND = 20000,
};

enum service_limit {
	SERVICE_TRIES = 4, /* to read a service while the agent changes it */
};

/* A flow as the client opened it. */
struct balance_flow {
	struct ip_addr client;
	struct ip_addr addr; /* the frontend's */
	__be16 client_port;
	__be16 port;
	__u8 protocol;
	bool opens; /* this packet may be its first: a SYN, or of a protocol without one */
};

/* May a client's packet be the first of its flow? */
static __always_inline bool packet_opens(const struct packet *p)
{
	const __u8 opening = TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN;

	return !(p->flags & PACKET_LATER_FRAGMENT) &&
	       (p->protocol != L4_TCP || (p->tcp_flags & opening) == TCP_SYN);
}

/* The flow of a client's packet. */
static __always_inline void flow_of_packet(const struct packet *p, struct balance_flow *f)
{
	f->client = p->src;
	f->addr = p->dst;
	f->client_port = p->sport;
	f->port = p->dport;
	f->protocol = p->protocol;
	f->opens = packet_opens(p);
}

/* The memory of an entry that was replaced is another service's at once, while a program still has
 * its address. What was read is the service's if the key leads to the same place afterwards. */
static __noinline bool service_find(const struct ip_addr *addr, __be16 port, __u8 protocol,
				    struct service_entry *found)
{
	struct service_key key = {.port = port, .protocol = protocol};
	const struct service_entry *entry, *known = 0;

	if (!addr || !found)
		return false;
	key.addr = *addr;
	for (int i = 0; i <= SERVICE_TRIES; i++) {
		entry = bpf_map_lookup_elem(&weir_service, &key);
		if (!entry || entry == known)
			return entry;
		*found = *entry;
		known = entry;
	}
	return false;
}

/* Mixes 64 bits: the finaliser of splitmix64. */
static __always_inline __u64 balance_mix(__u64 x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* What the hash of a flow begins with: all of an IPv4 flow. A frontend's own words are the same in
 * all its flows: no two of them become one. */
static __always_inline __u64 balance_ends(__be32 client, __be32 addr, __u32 ports, __u8 protocol)
{
	return ((__u64)(client ^ addr) << 32 | protocol) ^ ports;
}

static __always_inline __u32 balance_hash_ipv4(__be32 client, __be32 addr, __u32 ports,
					       __u8 protocol)
{
	return (__u32)(balance_mix(balance_ends(client, addr, ports, protocol)) >> 32);
}

/* By the addresses' words, of which the first two are not all zero. */
static __always_inline __u32 balance_hash_ipv6(const __be32 *client, const __be32 *addr,
					       __u32 ports, __u8 protocol)
{
	__u64 h = balance_ends(client[3], addr[3], ports, protocol);

	h ^= balance_mix((__u64)client[0] << 32 | client[1]);
	h = balance_mix(h) ^ ((__u64)addr[0] << 32 | addr[1]);
	h = balance_mix(h) ^ ((__u64)client[2] << 32 | addr[2]);
	return (__u32)(balance_mix(h) >> 32);
}

/* The flow's hash; with affinity that of the client alone. No seed: every node agrees. */
static __always_inline __u32 balance_hash(const struct balance_flow *f, bool client_only)
{
	const __be32 *c = f->client.word, *a = f->addr.word;
	__u32 ports = client_only ? 0 : (__u32)f->client_port << 16 | f->port;

	/* IPv4 differs in the last words only. */
	if (c[0] | c[1] | a[0] | a[1])
		return balance_hash_ipv6(c, a, ports, f->protocol);
	return balance_hash_ipv4(c[3], a[3], ports, f->protocol);
}

static __always_inline struct backend_entry *backend_of(__u32 id)
{
	struct backend_entry *backend = bpf_map_lookup_elem(&weir_backend, &id);

	return backend && backend->flags & BACKEND_PRESENT ? backend : 0;
}

/* May this CPU remember another flow now? */
static __always_inline bool balance_may_remember(__u64 now)
{
	return rate_allows(RATE_MOVED, BALANCE_MOVED_PER_SECOND, now);
}

/* A flow lives that the table would send elsewhere: the change goes on. */
static __always_inline void balance_saw_old(struct change_entry *change, __u64 now)
{
	if (change && (__s64)(now - change->last_old_ns) > (__s64)BALANCE_SECOND)
		change->last_old_ns = now;
}

/* A flow whose slot is under change. */
static __noinline __u32 balance_moved(const struct balance_flow *f,
				      const struct service_entry *service, __u32 current,
				      __u32 previous)
{
	struct moved_key key = {
	    .client = f->client,
	    .addr = f->addr,
	    .client_port = f->client_port,
	    .port = f->port,
	    .protocol = f->protocol,
	};
	__u32 id = service->frontend_id;
	struct change_entry *change = bpf_map_lookup_elem(&weir_change, &id);
	__u64 now = bpf_ktime_get_coarse_ns();
	struct moved_entry entry = {}, *known;

	if (f->protocol == L4_TCP && f->opens) {
		if (current != previous && balance_may_remember(now)) {
			entry.backend = current;
			if (!bpf_map_update_elem(&weir_moved, &key, &entry, BPF_ANY))
				return current;
		}
		/* The same ports may have been remembered for an earlier flow. */
		bpf_map_delete_elem(&weir_moved, &key);
		return previous;
	}
	known = bpf_map_lookup_elem(&weir_moved, &key);
	if (known) {
		/* It would go elsewhere if the change ended. */
		if (known->backend != current)
			balance_saw_old(change, now);
		return known->backend;
	}
	if (f->protocol != L4_TCP) {
		/* A change of this tick of the clock may seem to lie ahead. */
		bool is_new = !change || (__s64)(now - change->started_ns) >
					     (__s64)(BALANCE_UDP_SETTLES_S * BALANCE_SECOND);

		/* Remembered either way: a later change must find it. */
		entry.backend = is_new ? current : previous;
		if (balance_may_remember(now))
			bpf_map_update_elem(&weir_moved, &key, &entry, BPF_ANY);
		if (is_new)
			return current;
	}
	if (current != previous)
		balance_saw_old(change, now);
	return previous;
}

/* The backend that a client has, or "current" from now on. */
static __noinline __u32 balance_affine(const struct balance_flow *f,
				       const struct service_entry *service, __u32 current)
{
	struct affinity_key key = {.client = f->client, .frontend_id = service->frontend_id};
	struct affinity_entry *known = bpf_map_lookup_elem(&weir_affinity, &key);
	__u64 now = bpf_ktime_get_coarse_ns();

	/* Another CPU's clock may be a tick ahead. */
	if (known && (__s64)(now - known->last_ns) <
			 (__s64)(service->affinity_s * BALANCE_SECOND)) {
		struct backend_entry *backend = backend_of(known->backend);

		if (backend && !(f->opens && backend->flags & BACKEND_NO_NEW)) {
			if ((__s64)(now - known->last_ns) > (__s64)BALANCE_SECOND)
				known->last_ns = now;
			return known->backend;
		}
	}
	/* Whoever sends no opening packet has the backend that the table gives. */
	if (f->opens) {
		struct affinity_entry entry = {.last_ns = now, .backend = current};

		bpf_map_update_elem(&weir_affinity, &key, &entry, BPF_ANY);
	}
	return current;
}

static __always_inline struct service_slot balance_slot(__u32 index)
{
	__u64 *word = bpf_map_lookup_elem(&weir_slot, &index);
	__u64 both = word ? *(volatile __u64 *)word : 0;
	struct service_slot slot;

	__builtin_memcpy(&slot, &both, sizeof(slot));
	return slot;
}

/* The id of the flow's backend; 0: there is none. */
static __always_inline __u32 balance_choose(const struct balance_flow *f,
					    const struct service_entry *service)
{
	bool affinity = service->flags & SERVICE_AFFINITY;
	/* The slot that the hash picks. */
	__u32 hash = balance_hash(f, affinity);
	struct service_slot slot = balance_slot(service->slots + (hash & service->slot_mask));

	if (!slot.backend && !slot.previous)
		return 0;
	if (affinity)
		return balance_affine(f, service, slot.backend);
	if (slot.previous)
		return balance_moved(f, service, slot.backend, slot.previous);
	return slot.backend;
}
