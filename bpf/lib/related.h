/* SPDX-License-Identifier: GPL-2.0 */
/* ICMP errors: they go with the flow whose packet they quote (RFC 5508). */
#pragma once
#include "known.h"
#include "parse.h"

static __always_inline enum drop_reason related_judge(struct __sk_buff *skb, const struct packet *p,
						      struct report *r, enum judge_side side,
						      __u32 own, struct ruling *v, __u64 now)
{
	struct packet quoted = {};
	struct ct_entry *entry;
	bool source_is_b;
	enum drop_reason reason = parse_quoted(skb, p, &quoted);

	if (reason)
		return reason;
	entry = ct_find_quoted(&quoted, &source_is_b, now);
	if (!entry && !(p->flags & PACKET_ICMP_PMTU))
		return DROP_REASON_CT_INVALID;
	/* The error goes to the one whose packet it quotes, nobody else. */
	if (!ip_addr_equal(&quoted.src, &p->dst))
		return DROP_REASON_MALFORMED;
	r->is_reply = 1;
	v->endpoint = side == JUDGE_FROM_ENDPOINT ? identity_local_endpoint(&p->dst) : 0;
	if (entry && entry->flags & (CT_PROXY | CT_SERVICE)) {
		known_way(entry, side, own, !v->endpoint, v, r);
		return DROP_REASON_NONE;
	}
	if (v->endpoint) {
		struct endpoint_entry *src = endpoint_of(own);
		struct endpoint_entry *dst = endpoint_of(v->endpoint);

		if (!src || !dst)
			return DROP_REASON_NO_ENDPOINT;
		if (src->network_id != dst->network_id)
			return DROP_REASON_NETWORK_ISOLATED;
		v->way = WAY_ENDPOINT;
	}
	return DROP_REASON_NONE;
}
