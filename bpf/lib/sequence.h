/* SPDX-License-Identifier: GPL-2.0 */
/* TCP's sequence numbers as a bystander knows them: which packets can be what they say, so that
 * nobody who sees no packet of a flow ends it, or passes for a router on its way (RFC 5961, 5927).
 */
#pragma once
#include "packet.h"
#include "../abi/conntrack.h"

enum sequence_room {
	SEQUENCE_AHEAD = 1 << 24, /* lost before it came here, at most: windows are seldom larger */
	SEQUENCE_BEHIND = 1 << 20, /* out of order or sent again */
};

/* Is n within [from, to], around the end of all numbers? */
static __always_inline bool sequence_between(__u32 n, __u32 from, __u32 to)
{
	return n - from <= to - from;
}

static __always_inline bool sequence_after(__u32 a, __u32 b)
{
	return (__s32)(a - b) > 0;
}

static __always_inline struct ct_sent *sequence_of(struct ct_entry *entry, bool reply)
{
	return reply ? &entry->answerer : &entry->opener;
}

static __always_inline bool sequence_known(const struct ct_entry *entry, bool reply)
{
	return !reply || entry->flags & CT_NUMBERS;
}

/* What the first packet of a flow tells: also of the other end, when it comes in the middle. */
static __always_inline void sequence_begin(struct ct_entry *entry, const struct packet *p)
{
	entry->opener.una = p->seq;
	entry->opener.nxt = p->seq_end;
	if (p->tcp_flags & TCP_ACK) {
		entry->answerer.una = entry->answerer.nxt = p->ack;
		entry->flags |= CT_NUMBERS;
	}
}

/* Follows the flow by one packet that is no reset. False: it cannot be of this flow, or it was lost
 * too much before it; nothing that it says is believed. The receiver's own check is not ours. */
static __always_inline bool sequence_follow(struct ct_entry *entry, const struct packet *p,
					    bool reply)
{
	struct ct_sent *own = sequence_of(entry, reply), *other = sequence_of(entry, !reply);
	/* A handshake takes one number only, which nobody hits who does not see it. */
	__u32 behind = entry->flags & CT_ESTABLISHED ? SEQUENCE_BEHIND : 0;

	if (!(p->tcp_flags & TCP_ACK)) {
		/* A SYN: sent again, or anew by one who forgot the first. */
		if (reply || !(p->tcp_flags & TCP_SYN) || entry->flags & CT_NUMBERS)
			return false;
		own->una = p->seq;
		own->nxt = p->seq_end;
		return true;
	}
	if (!sequence_known(entry, reply)) {
		if (!sequence_between(p->ack, other->una + 1, other->nxt))
			return false;
		own->una = p->seq;
		own->nxt = p->seq_end;
		entry->flags |= CT_NUMBERS;
	} else if (!sequence_known(entry, !reply) ||
		   !sequence_between(p->ack, other->una - behind, other->nxt) ||
		   !sequence_between(p->seq, own->una - SEQUENCE_BEHIND,
				     own->nxt + SEQUENCE_AHEAD)) {
		return false;
	}
	if (sequence_after(p->seq_end, own->nxt))
		own->nxt = p->seq_end;
	if (sequence_after(p->ack, other->una))
		other->una = p->ack;
	return true;
}

enum sequence_reset {
	SEQUENCE_RESET_TRUE,   /* what the receiver expects next is what it says (RFC 5961 §3.2) */
	SEQUENCE_RESET_ASKED,  /* may be true, if packets were lost: the receiver asks its peer */
	SEQUENCE_RESET_FORGED, /* nobody of this flow sends it, or the receiver ignores it */
};

static __always_inline enum sequence_reset sequence_reset(struct ct_entry *entry,
							  const struct packet *p, bool reply)
{
	struct ct_sent *own = sequence_of(entry, reply), *other = sequence_of(entry, !reply);

	/* The answer to a SYN has no number of its own (RFC 9293 §3.5.2). */
	if (!sequence_known(entry, reply))
		return p->tcp_flags & TCP_ACK &&
			       sequence_between(p->ack, other->una + 1, other->nxt)
			   ? SEQUENCE_RESET_TRUE
			   : SEQUENCE_RESET_FORGED;
	if (sequence_between(p->seq, own->una, own->nxt))
		return SEQUENCE_RESET_TRUE;
	return sequence_between(p->seq, own->nxt, own->nxt + SEQUENCE_AHEAD)
		   ? SEQUENCE_RESET_ASKED
		   : SEQUENCE_RESET_FORGED;
}

/* Does an ICMP error quote what this end has sent and the other not acknowledged (RFC 5927 §4)? */
static __always_inline bool sequence_quoted(struct ct_entry *entry, __u32 seq, bool reply)
{
	const struct ct_sent *own = sequence_of(entry, reply);

	return sequence_known(entry, reply) && sequence_between(seq, own->una, own->nxt);
}
