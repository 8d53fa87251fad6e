/* SPDX-License-Identifier: GPL-2.0 */
/* Steps 4 to 6 of a packet's way, the same for an endpoint's programs and for those of the host's
 * devices: an ICMP error goes with the flow that it is about (related.h), a packet of a known flow
 * with its flow (known.h), any other opens one (opens.h). */
#pragma once
#include "fragment.h"
#include "known.h"
#include "opens.h"
#include "related.h"
#include "take_over.h"

/* For a packet whose source was proven, at the endpoint "own"; one from a device has its backend's
 * address already, one from the overlay says from which address it was sent. Returns 0 and where the packet goes, or a drop reason with the report filled in.
 */
static __always_inline enum drop_reason judge(struct __sk_buff *skb, struct packet *p,
					      struct report *r, enum judge_side side, __u32 own,
					      struct ruling *v, const struct ip_addr *outer)
{
	const struct settings *s = &weir_settings;
	__u64 now = bpf_ktime_get_coarse_ns();
	enum drop_reason reason;
	struct ct_entry *entry;
	struct ct_key key;
	bool source_is_b;

	/* Whoever has a service's packet has asked. */
	if (side != JUDGE_FROM_DEVICE && take_over_waits(p))
		return DROP_REASON_TAKING_OVER;
	/* Before any policy map is read: a verdict may be younger than its revision, never older.
	 */
	v->revision = s->revision;
	/* One question for what few packets are. */
	if (p->flags & (PACKET_LATER_FRAGMENT | PACKET_ICMP_ERROR)) {
		if (p->flags & PACKET_LATER_FRAGMENT) {
			reason = fragment_restore(p);
			if (reason)
				return reason;
		} else if (side != JUDGE_FROM_DEVICE && side != JUDGE_FROM_WIRE) {
			if (side == JUDGE_FROM_NODE)
				v->node = (__u16)node_at(outer);
			reason = related_judge(skb, p, r, v, side);
			if (!reason && s->flags & SETTINGS_TRACE)
				event_emit(skb, p, r, EVENT_TRACE, DROP_REASON_NONE);
			return reason;
		}
	}

	/* 4 */
	source_is_b = ct_key_of(p, &key);
	entry = p->flags & PACKET_ICMP_OTHER ? 0 : ct_find_kept(&key, now);
	/* In weir_ct_brief lies what others opened and what is closed: an endpoint's packet that opens a
	 * connection goes with neither. */
	if (!entry && !(p->flags & PACKET_ICMP_OTHER) &&
	    (side != JUDGE_FROM_ENDPOINT || !packet_opens_tcp(p)))
		entry = ct_find_brief(&key, now);
	if (entry && !ct_reopens(entry, p)) {
		bool reply = ct_is_reply(entry, source_is_b);

		r->frontend_id = entry->frontend_id;
		reason = known_judge(skb, p, r, side, own, v, &key, entry, reply, now,
				     outer);
	} else if (p->flags & PACKET_LATER_FRAGMENT) {
		return DROP_REASON_FRAGMENT_NOT_FOUND;
	} else {
		reason = opens_judge(skb, p, r, side, own, v, &key, s, outer);
	}
	if (reason)
		return reason;
	if (p->flags & PACKET_FIRST_FRAGMENT)
		fragment_remember(p);
	if (s->flags & SETTINGS_TRACE && v->way != WAY_HTTP)
		event_emit(skb, p, r, EVENT_TRACE, DROP_REASON_NONE);
	return DROP_REASON_NONE;
}
