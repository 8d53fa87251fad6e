/* SPDX-License-Identifier: GPL-2.0 */
/* A flow's entry in conntrack: made when it is allowed, kept by its packets. */
#pragma once
#include "conntrack.h"
#include "flow.h"
#include "http_state.h"
#include "room.h"

/* Makes the conntrack entry of a flow that was allowed. Static: the verifier then knows its
 * arguments, and takes the caller's key as it is. */
static __noinline enum drop_reason flow_open(struct __sk_buff *skb, const struct ct_key *key,
					     const struct packet *p, const struct report *r,
					     const struct ruling *v)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	struct ct_entry entry = {};

	entry.created_ns = now;
	entry.revision = v->revision;
	entry.flags = r->audit_reason ? CT_AUDITED : 0;
	entry.src_identity = r->src_identity;
	entry.dst_identity = r->dst_identity;
	entry.src_endpoint = r->src_endpoint;
	entry.dst_endpoint = r->dst_endpoint;
	entry.packets = 1;
	entry.bytes = skb->len;
	entry.http_egress = v->http_egress;
	entry.http_ingress = v->http_ingress;
	entry.frontend_id = r->frontend_id;
	entry.ifindex = v->ifindex;
	entry.client_port = v->client_port;
	entry.node = v->node;
	entry.http_why = v->http_why;
	if (!ip_addr_equal(&key->addr_a, &p->src) || key->port_a != p->sport)
		entry.flags |= CT_ORIGIN_B;
	if (v->way == WAY_PROXY)
		entry.flags |= CT_PROXY;
	else if (v->way == WAY_HTTP)
		entry.flags |= CT_PROXY | CT_HTTP | CT_ASKED;
	if (v->frontend_id)
		entry.flags |= CT_SERVICE;
	if (!r->src_endpoint && skb->ingress_ifindex)
		entry.flags |= CT_FORWARDED;
	if (v->identity)
		entry.flags |= CT_OVERLAY;
	if (p->protocol == L4_TCP)
		sequence_begin(&entry, p);
	entry.expires_ns = now + ct_timeout(p->protocol, entry.flags);
	if (r->src_endpoint)
		return room_keep(key, &entry);
	entry.flags |= CT_BRIEF;
	return bpf_map_update_elem(&weir_ct_brief, key, &entry, BPF_ANY) ? DROP_REASON_CT_TABLE_FULL
									 : DROP_REASON_NONE;
}

/* Keeps the flow's state, time-out and counts by a packet of it. Writes are not atomic: two CPUs
 * may lose a count, never a state that matters. The entry may have moved afterwards. */
static __always_inline enum drop_reason flow_advance(const struct ct_key *key,
						     struct ct_entry *entry, const struct packet *p,
						     bool reply, bool believed, __u64 now,
						     __u32 length)
{
	__u32 flags = believed ? ct_next_flags(p, entry->flags, reply) : entry->flags;
	__u32 news;

	entry->expires_ns = now + ct_timeout(p->protocol, flags);
	entry->packets++;
	entry->bytes += length;
	if (flags == entry->flags)
		return DROP_REASON_NONE;
	news = flags & ~entry->flags;
	entry->flags = flags;
	if (news & CT_CLOSED && flags & CT_HTTP)
		http_forget(key, entry);
	if (news & CT_CLOSED && !(flags & CT_BRIEF))
		room_retire(key, entry);
	else if (news & CT_ESTABLISHED && (flags & (CT_BRIEF | CT_CLOSED)) == CT_BRIEF)
		return room_settle(key, entry);
	return DROP_REASON_NONE;
}
