/* SPDX-License-Identifier: GPL-2.0 */
/* What a service's backend answers: from the frontend's address, out by the device that the
 * client's packets come in by. Past the host's stack, which would take an address of its own for a
 * forgery and masquerade any other. */
#pragma once
#include "parse.h"
#include "rewrite.h"
#include "ruling.h"

/* From the backend, as the packet has it, to the frontend. False: the service is gone. */
static __always_inline bool reply_rewrite_of(const struct packet *p, __u32 frontend_id,
					     struct rewrite *w)
{
	struct frontend_entry *frontend = bpf_map_lookup_elem(&weir_frontend, &frontend_id);

	if (!frontend || !frontend->port)
		return false;
	w->from = p->src;
	w->to = frontend->addr;
	w->from_port = p->sport;
	w->to_port = frontend->port;
	w->end = REWRITE_SOURCE;
	return true;
}

/* The error tells of a packet from the client to the backend that sends it. */
static __always_inline enum drop_reason reply_error(struct __sk_buff *skb, const struct packet *p,
						    struct rewrite *w, __be16 client_port)
{
	struct packet quoted = {};
	enum drop_reason reason = parse_quoted(skb, p, &quoted);

	if (reason)
		return reason;
	if (!ip_addr_equal(&quoted.dst, &p->src))
		return DROP_REASON_CT_INVALID;
	w->from_port = quoted.dport;
	return rewrite_error(skb, p, &quoted, w) &&
		       (!client_port || rewrite_quoted_port(skb, p, &quoted, quoted.sport,
							    client_port, REWRITE_SOURCE))
		   ? DROP_REASON_NONE
		   : DROP_REASON_TRUNCATED;
}

/* Makes a reply, or an error about the client's packet, the frontend's. */
__noinline enum drop_reason reply_rewrite(struct __sk_buff *skb, const struct packet *p,
					  __u32 frontend_id, __be16 client_port)
{
	struct rewrite w = {};

	if (!p)
		return DROP_REASON_MALFORMED;
	if (!reply_rewrite_of(p, frontend_id, &w))
		return DROP_REASON_NO_BACKEND;
	if (p->flags & PACKET_ICMP_ERROR)
		return reply_error(skb, p, &w, client_port);
	return rewrite_packet(skb, p, &w) ? DROP_REASON_NONE : DROP_REASON_TRUNCATED;
}
