/* SPDX-License-Identifier: GPL-2.0 */
/* A flow that goes on as before: its packets change no state of it, policy is the one that it was judged by, nobody is
 * between its ends and nothing of its packets is rewritten. What known.h does with such a packet is done here in an endpoint's own
 * program, and nothing else: all that could come of a packet would have to be verified for each endpoint
 * again. Whatever is not sure to be steady is not, and judge.h says what becomes of it. */
#pragma once
#include "conntrack.h"

enum steady_flag {
	STEADY_NEITHER = CT_FIN_ORIGIN | CT_FIN_REPLY | CT_CLOSED | CT_CUT | CT_SERVICE | CT_BRIEF | CT_HELD,
};

/* Is it a packet that changes no flow's state, and of which nobody wants to hear? */
static __always_inline bool steady_packet(const struct packet *p)
{
	const struct settings *s = &weir_settings;

	if (p->flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT) || s->flags & SETTINGS_TRACE)
		return false;
	if (p->protocol == L4_TCP)
		return (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_ACK && !s->taking_over;
	return p->protocol == L4_UDP;
}

/* The entry of the packet's flow, if that is steady; else null. */
static __always_inline struct ct_entry *steady_find(const struct packet *p, __u64 now, bool *reply)
{
	/* Before conntrack is read: a verdict may be younger than its revision, never older. */
	__u32 revision = weir_settings.revision;
	struct ct_entry *entry;
	struct ct_key key;
	bool source_is_b = ct_key_of(p, &key);

	entry = ct_find_kept(&key, now);
	if (!entry || entry->revision != revision || entry->node || entry->flags & STEADY_NEITHER ||
	    ct_is_proxys(entry))
		return 0;
	*reply = ct_is_reply(entry, source_is_b);
	if (p->protocol == L4_TCP ? !(entry->flags & CT_ESTABLISHED)
				  : ct_next_flags(p, entry->flags, *reply) != entry->flags)
		return 0;
	return entry;
}

/* Keeps the entry, as flow_advance() does when no flag changes. */
static __always_inline void steady_advance(struct ct_entry *entry, const struct packet *p, bool reply,
					   __u64 now, __u32 length)
{
	if (p->protocol == L4_TCP)
		sequence_follow(entry, p, reply);
	entry->expires_ns = now + ct_timeout(p->protocol, p->protocol == L4_TCP ? CT_ESTABLISHED : entry->flags);
	entry->packets++;
	entry->bytes += length;
}
