/* SPDX-License-Identifier: GPL-2.0 */
/* Whether the sender of a denied packet hears of it, and how often: an endpoint's policy says to whom, and
 * nobody gets more than a trickle. */
#pragma once
#include "event.h"
#include "flow.h"
#include "maps.h"
#include "prohibited.h"
#include "reset.h"

enum deny_limit {
	DENY_BURST = 256,	/* answers to one asker on one CPU at once */
	DENY_EVERY_NS = 4000000, /* then one in so many nanoseconds */
};

/* The world asks under number 0. */
enum deny_asker {
	DENY_ASKER_OUTSIDE = 0,
};

/* Is it a verdict, by somebody who can be asked to change it? Spoofing and floods get no answer. */
static __always_inline bool deny_is_verdict(enum drop_reason reason)
{
	return reason == DROP_REASON_POLICY_DENIED || reason == DROP_REASON_POLICY_DENY_RULE ||
	       reason == DROP_REASON_NETWORK_ISOLATED || reason == DROP_REASON_NETWORK_INTERNAL ||
	       reason == DROP_REASON_PROXY_UNAVAILABLE || reason == DROP_REASON_NO_BACKEND;
}

/* Takes one answer from what the asker may still get on this CPU. */
static __always_inline bool deny_may_answer(__u32 asker)
{
	struct answer_budget *budget = bpf_map_lookup_elem(&weir_answers, &asker);
	__u64 now = bpf_ktime_get_ns();
	__u64 horizon = now - (__u64)DENY_BURST * DENY_EVERY_NS;

	if (!budget)
		return false;
	if (budget->spent_ns < horizon)
		budget->spent_ns = horizon;
	if (budget->spent_ns + DENY_EVERY_NS > now)
		return false;
	budget->spent_ns += DENY_EVERY_NS;
	return true;
}

/* Does "judge", who denied the asker's packet, let him hear of it? */
static __always_inline bool deny_is_heard(__u32 judge, __u32 asker)
{
	struct endpoint_entry *endpoint = endpoint_of(judge);

	return endpoint &&
	       endpoint->deny_answer >= (asker ? DENY_ANSWER_LOCAL : DENY_ANSWER_ALL);
}

/* Turns a packet whose sender hears that it was denied into the answer to him; "from" speaks where ICMP does.
 * False: he has heard enough, and the packet is of no use any more. */
__noinline int deny_answer(struct __sk_buff *skb, const struct packet *p, __u32 asker,
			   const struct ip_addr *from)
{
	struct ip_addr speaker;

	if (!p || !from || !deny_may_answer(asker))
		return false;
	if (p->protocol == L4_TCP)
		return reset_answer(skb, p);
	speaker = *from;
	return prohibited_answer(skb, p, &speaker);
}
