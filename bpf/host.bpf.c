// SPDX-License-Identifier: GPL-2.0
/* The programs of the host's own devices.
 *
 * weir_from_dev leads what comes in for a service to its backend, where that is a container of this
 * host; weir_to_dev gives the frontend's address to what the proxy answers for such a backend.
 * Whatever is none of their business goes on to the filters of others, unchanged. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "lib/balance.h"
#include "lib/judge.h"
#include "lib/parse.h"
#include "lib/proxy.h"
#include "lib/reply.h"
#include "lib/rewrite.h"

/* To the filters of others. */
#define UNTOUCHED TC_ACT_UNSPEC

static __always_inline bool is_plain_ip(const struct __sk_buff *skb, enum l3_proto l3)
{
	return !skb->vlan_present && (l3 == L3_IPV4 || l3 == L3_IPV6);
}

/* The local backend of a client's flow. "reason" says what is wrong where there is none for
 * somebody else. */
static __always_inline struct backend_entry *local_backend(const struct balance_flow *f,
							   const struct service_entry *service,
							   enum drop_reason *reason)
{
	struct backend_entry *backend = backend_of(balance_choose(f, service));

	if (!backend)
		*reason = DROP_REASON_NO_BACKEND;
	return backend && backend->flags & BACKEND_LOCAL ? backend : 0;
}

static __always_inline int deliver(struct __sk_buff *skb, const struct packet *p, struct report *r,
				   __u32 target)
{
	struct endpoint_entry *to;
	enum drop_reason reason;

	if (target == TARGET_PROXY) {
		reason = proxy_take(skb, p, r->src_identity);
		if (reason)
			return drop(skb, p, r, reason);
		metrics_count(DIRECTION_INGRESS, DROP_REASON_NONE, skb->len);
		return TC_ACT_OK;
	}
	to = endpoint_of(target);
	if (!to)
		return drop(skb, p, r, DROP_REASON_NO_ENDPOINT);
	metrics_count(DIRECTION_INGRESS, DROP_REASON_NONE, skb->len);
	return deliver_local(skb, to);
}

/* An ICMP error about what a backend sent its client from the frontend's address. */
static __always_inline int error_from_dev(struct __sk_buff *skb, struct packet *p)
{
	struct report r = {.direction = DIRECTION_INGRESS, .is_reply = 1};
	struct packet quoted = {};
	struct balance_flow f = {};
	struct rewrite w = {.end = REWRITE_DESTINATION};
	struct service_entry *service;
	struct backend_entry *backend;
	enum drop_reason reason = DROP_REASON_NONE;
	struct ct_entry *entry;
	bool source_is_b;

	if (parse_quoted(skb, p, &quoted) || !ip_addr_equal(&quoted.src, &p->dst))
		return UNTOUCHED;
	service = service_find(&quoted.src, quoted.sport, quoted.protocol);
	if (!service)
		return UNTOUCHED;
	f.client = quoted.dst;
	f.addr = quoted.src;
	f.client_port = quoted.dport;
	f.port = quoted.sport;
	f.protocol = quoted.protocol;
	backend = local_backend(&f, service, &reason);
	if (!backend)
		return UNTOUCHED;
	w.from = quoted.src;
	w.from_port = quoted.sport;
	w.to = backend->addr;
	w.to_port = backend->port;
	quoted.src = backend->addr;
	quoted.sport = backend->port;
	entry = ct_find_quoted(&quoted, &source_is_b, bpf_ktime_get_coarse_ns());
	if (!entry || !(entry->flags & CT_SERVICE) || !ct_is_reply(entry, source_is_b))
		return UNTOUCHED;
	r.frontend_id = entry->frontend_id;
	r.src_identity = entry->src_identity;
	r.dst_identity = entry->dst_identity;
	r.dst_endpoint = r.endpoint_id = entry->dst_endpoint;
	r.proxy = !!(entry->flags & CT_PROXY);
	if (!rewrite_error(skb, p, &quoted, &w))
		return drop(skb, p, &r, DROP_REASON_TRUNCATED);
	return deliver(skb, p, &r, r.proxy ? TARGET_PROXY : r.dst_endpoint);
}

/* What a device receives. */
SEC("tc")
int weir_from_dev(struct __sk_buff *skb)
{
	struct report r = {.direction = DIRECTION_DEVICE};
	enum drop_reason reason = DROP_REASON_NONE;
	enum l3_proto l3 = l3_of(skb);
	struct service_entry *service;
	struct backend_entry *backend;
	struct balance_flow f = {};
	struct rewrite w = {.end = REWRITE_DESTINATION};
	struct frag_key fragment;
	struct packet p = {};
	struct settings *s;
	__u32 zero = 0, target = 0;

	s = bpf_map_lookup_elem(&weir_settings, &zero);
	if (!s || !(s->lb_flags & LB_SERVICES) || skb->pkt_type != PACKET_HOST ||
	    !is_plain_ip(skb, l3))
		return UNTOUCHED;
	parse_pull(skb);
	if (parse_packet(skb, l3, &p))
		return UNTOUCHED;
	if (p.flags & PACKET_ICMP_ERROR)
		return error_from_dev(skb, &p);
	if (p.protocol != L4_TCP && p.protocol != L4_UDP)
		return UNTOUCHED;
	if (p.flags & PACKET_LATER_FRAGMENT && fragment_restore(&p))
		return UNTOUCHED;
	service = service_find(&p.dst, p.dport, p.protocol);
	if (!service)
		return UNTOUCHED;
	f.client = p.src;
	f.addr = p.dst;
	f.client_port = p.sport;
	f.port = p.dport;
	f.protocol = p.protocol;
	f.opens = ct_may_open(&p);
	r.frontend_id = service->frontend_id;
	r.ifindex = skb->ifindex;
	backend = local_backend(&f, service, &reason);
	if (reason)
		return drop(skb, &p, &r, reason);
	if (!backend)
		return UNTOUCHED;

	/* From here on it is the endpoint's. */
	fragment = fragment_key(&p);
	w.from = p.dst;
	w.from_port = p.dport;
	w.to = backend->addr;
	w.to_port = backend->port;
	p.dst = backend->addr;
	p.dport = backend->port;
	p.policy_port = backend->port;
	r.direction = DIRECTION_INGRESS;
	r.dst_endpoint = r.endpoint_id = (__u16)identity_local_endpoint(&p.dst);
	reason = r.endpoint_id ? judge(skb, &p, &r, JUDGE_FROM_DEVICE, r.endpoint_id, &target)
			       : DROP_REASON_NO_ENDPOINT;
	if (reason)
		return drop(skb, &p, &r, reason);
	if (p.flags & PACKET_FIRST_FRAGMENT) {
		struct frag_entry ports = {.sport = p.sport, .dport = w.from_port};

		bpf_map_update_elem(&weir_frag, &fragment, &ports, BPF_ANY);
	}
	if (!rewrite_packet(skb, &p, &w))
		return drop(skb, &p, &r, DROP_REASON_TRUNCATED);
	return deliver(skb, &p, &r, target);
}

/* What a device sends. */
SEC("tc")
int weir_to_dev(struct __sk_buff *skb)
{
	enum l3_proto l3 = l3_of(skb);
	struct packet p = {};
	struct rewrite w = {};
	struct ct_entry *entry;
	struct ct_key key;
	bool source_is_b;

	if (!mark_is(skb, MARK_FROM_PROXY) || !is_plain_ip(skb, l3))
		return UNTOUCHED;
	parse_pull(skb);
	if (parse_packet(skb, l3, &p) || p.protocol != L4_TCP || p.flags & PACKET_LATER_FRAGMENT)
		return UNTOUCHED;
	source_is_b = ct_key_of(&p, &key);
	entry = bpf_map_lookup_elem(&weir_ct, &key);
	if (!entry || (entry->flags & (CT_PROXY | CT_SERVICE)) != (CT_PROXY | CT_SERVICE) ||
	    !ct_is_reply(entry, source_is_b))
		return UNTOUCHED;
	if (!reply_rewrite_of(&p, entry->frontend_id, &w) || !rewrite_packet(skb, &p, &w))
		return TC_ACT_SHOT;
	ct_touch(entry, &p, true, bpf_ktime_get_coarse_ns(), skb->len);
	return UNTOUCHED;
}

char _license[] SEC("license") = "GPL";
