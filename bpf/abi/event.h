/* SPDX-License-Identifier: GPL-2.0 */
/* weir_events: what the datapath reports, one record each. What passes and rules in audit would have denied is an
 * EVENT_VERDICT with VERDICT_AUDIT, the end, rule and reason as if they were enforced. */
#pragma once
#include "address.h"

enum event_type {
	EVENT_DROP = 1,
	EVENT_VERDICT = 2, /* first packet of a flow, allowed or denied */
	EVENT_TRACE = 3,   /* every packet, while a monitor asks for it */
	EVENT_TCP = 5, /* a connection that ended: struct tcp_event; 4 is what the proxy tells */
};

struct event {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	struct ip_addr src;
	struct ip_addr dst;
	__u32 src_identity;
	__u32 dst_identity;
	__u32 rule_id;	    /* deciding rule, 0 = none */
	__u32 length;	    /* bytes on the link */
	__u16 endpoint_id;  /* the endpoint that judged */
	__u16 src_endpoint; /* 0 = not local */
	__u16 dst_endpoint;
	__be16 sport;
	__be16 dport;	  /* ICMP: type << 8 | code */
	__u8 type;	  /* enum event_type */
	__u8 drop_reason; /* enum drop_reason */
	__u8 verdict;	  /* enum verdict */
	__u8 direction;	  /* enum direction: of the judging endpoint */
	__u8 protocol;
	__u8 tcp_flags;
	__u8 is_reply;
	__u8 _pad0;
	__be16 ether_type;
	__u8 _pad1[4];
	__u32 frontend_id; /* the service address that the flow was opened to; 0 = none */
	__u32 _pad2;
};
