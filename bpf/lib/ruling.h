/* SPDX-License-Identifier: GPL-2.0 */
/* What judging a packet comes to, beside the reason for which it is dropped: where it goes, and
 * what its flow's entry keeps. Events tell of it by struct report, which drives nothing. */
#pragma once
#include <linux/pkt_cls.h>
#include "event.h"

/* Where a packet goes that was let through. */
enum way {
	WAY_ON,	      /* on by where it goes already: the host's stack, or the endpoint's link */
	WAY_ENDPOINT, /* into a local endpoint, past the host's stack */
	WAY_PROXY,
	WAY_CLIENT, /* from a service's backend to its client: as the frontend, by a device */
	WAY_NODE,   /* to an endpoint of another node */
	WAY_HTTP,   /* of a CT_HTTP flow: weir_http_pass says */
};

struct ruling {
	__u8 way;	     /* enum way */
	bool proxy_required; /* WAY_PROXY: an end's policy refuses requests; else it may go another way */
	__u16 endpoint; /* WAY_ENDPOINT */
	/* Of a packet that a service led here (the device's program fills them in), or WAY_CLIENT.
	 */
	__u32 frontend_id;  /* 0: no service */
	__u32 ifindex;	    /* the device that the service's clients come by, or the other node's packets do */
	__be16 client_port; /* the client's own, where another stands for it; else 0 */
	__u16 node; /* the other end is an endpoint of that node, or, through the overlay, that node; 0: neither */
	__u32 identity; /* of the sender, as the overlay brought it */
	__u32 revision;	    /* of the policy that is asked */
	__u32 http_egress;  /* see struct ct_entry */
	__u32 http_ingress;
	__u8 http_why; /* enum http_why */
};

/* The only way out for a packet that goes no further. */
__noinline int drop(struct __sk_buff *skb, const struct packet *p, const struct report *r,
		    enum drop_reason reason)
{
	if (!p || !r)
		return TC_ACT_SHOT;
	metrics_count(r->direction, reason, skb->len);
	/* What is sent again was refused by nobody. */
	if (reason != DROP_REASON_TAKING_OVER)
		event_emit(skb, p, r, EVENT_DROP, reason);
	return TC_ACT_SHOT;
}
