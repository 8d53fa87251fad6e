/* SPDX-License-Identifier: GPL-2.0 */
/* The verdict on a flow: identities, networks and both ends' policies. */
#pragma once
#include "conntrack.h"
#include "event.h"
#include "identity.h"
#include "policy.h"

/* A flow as its first packet shows it: from the end that opens it to the other. */
struct flow {
	struct ip_addr src;
	struct ip_addr dst;
	__be16 policy_port;
	__u8 protocol;
	__u8 v6;
	__u32 src_endpoint; /* 0: not a local endpoint */
	__u32 dst_endpoint;
};

static __always_inline struct endpoint_entry *endpoint_of(__u32 id)
{
	struct endpoint_entry *entry = bpf_map_lookup_elem(&weir_endpoint, &id);

	return entry && entry->flags & ENDPOINT_PRESENT ? entry : 0;
}

/* Judges the flow from scratch; fills the report with whom it concerns and which rule decided.
 * A local flow needs the source's egress and the destination's ingress (POLICY: both ends). */
__noinline enum drop_reason flow_judge(const struct flow *f, struct report *r)
{
	struct endpoint_entry *src = 0, *dst = 0;
	struct policy_answer answer;

	if (!f || !r)
		return DROP_REASON_MALFORMED;
	if (f->src_endpoint) {
		src = endpoint_of(f->src_endpoint);
		if (!src)
			return DROP_REASON_NO_ENDPOINT;
	}
	if (f->dst_endpoint) {
		dst = endpoint_of(f->dst_endpoint);
		if (!dst)
			return DROP_REASON_NO_ENDPOINT;
	}
	r->src_endpoint = (__u16)f->src_endpoint;
	r->dst_endpoint = (__u16)f->dst_endpoint;
	r->src_identity = src ? src->identity : identity_of_outside(&f->src, f->v6);
	r->dst_identity = dst ? dst->identity : identity_of_outside(&f->dst, f->v6);
	if (src && dst && src->network_id != dst->network_id)
		return DROP_REASON_NETWORK_ISOLATED;
	if ((src && !dst && src->flags & ENDPOINT_INTERNAL) ||
	    (dst && !src && dst->flags & ENDPOINT_INTERNAL))
		return DROP_REASON_NETWORK_INTERNAL;
	if (src) {
		r->endpoint_id = (__u16)f->src_endpoint;
		r->direction = DIRECTION_EGRESS;
		answer = policy_decide(f->src_endpoint, DIRECTION_EGRESS, r->dst_identity,
				       f->protocol, f->policy_port);
		r->rule_id = answer.rule_id;
		r->http_egress = answer.http_policy;
		r->proxy = answer.proxy;
		if (answer.reason)
			return answer.reason;
	}
	if (dst) {
		__u32 egress_rule = r->rule_id;

		r->endpoint_id = (__u16)f->dst_endpoint;
		r->direction = DIRECTION_INGRESS;
		answer = policy_decide(f->dst_endpoint, DIRECTION_INGRESS, r->src_identity,
				       f->protocol, f->policy_port);
		/* Where only the source has a rule for it, that one decided. */
		r->rule_id = answer.rule_id ? answer.rule_id : answer.reason ? 0 : egress_rule;
		r->http_ingress = answer.http_policy;
		r->proxy |= answer.proxy;
		if (answer.reason)
			return answer.reason;
	}
	return DROP_REASON_NONE;
}

/* Makes the conntrack entry of a flow that was allowed. */
__noinline enum drop_reason flow_open(struct __sk_buff *skb, const struct ct_key *key,
				      const struct packet *p, const struct report *r,
				      __u32 revision)
{
	__u32 zero = 0;
	struct settings *s = bpf_map_lookup_elem(&weir_settings, &zero);
	__u64 now = bpf_ktime_get_coarse_ns();
	struct endpoint_entry *src = 0;
	struct ct_entry entry = {};
	struct ct_key own; /* Linux 6.1 takes no pointer to an argument's memory for a key */

	if (!key || !p || !r || !s)
		return DROP_REASON_MALFORMED;
	if (r->src_endpoint)
		src = endpoint_of(r->src_endpoint);
	if (src && src->ct_count >= s->ct_endpoint_limit)
		return DROP_REASON_CT_ENDPOINT_LIMIT;
	entry.created_ns = now;
	entry.revision = revision;
	entry.src_identity = r->src_identity;
	entry.dst_identity = r->dst_identity;
	entry.src_endpoint = r->src_endpoint;
	entry.dst_endpoint = r->dst_endpoint;
	entry.packets = 1;
	entry.bytes = skb->len;
	entry.http_egress = r->http_egress;
	entry.http_ingress = r->http_ingress;
	entry.frontend_id = r->frontend_id;
	entry.ifindex = r->ifindex;
	if (!ip_addr_equal(&key->addr_a, &p->src) || key->port_a != p->sport)
		entry.flags |= CT_ORIGIN_B;
	if (r->proxy)
		entry.flags |= CT_PROXY;
	if (r->ifindex)
		entry.flags |= CT_SERVICE;
	entry.expires_ns = now + ct_timeout(p->protocol, entry.flags);
	own = *key;
	if (bpf_map_update_elem(&weir_ct, &own, &entry, BPF_ANY))
		return DROP_REASON_CT_TABLE_FULL;
	if (src)
		__sync_fetch_and_add(&src->ct_count, 1);
	return DROP_REASON_NONE;
}
