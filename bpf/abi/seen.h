/* SPDX-License-Identifier: GPL-2.0 */
/* What is told of requests that pass without the proxy. */
#pragma once
#include "conntrack.h"

enum seen_layout {
	SEEN_STATUSES = 8,   /* places for a status' first digit, of which 0 to 5 are used */
	SEEN_LATENCIES = 32, /* and for latencies, of which 28 are */
	SEEN_PER_SECOND = 5000, /* requests that one CPU tells of in a second */
};

/* weir_http_count, of each CPU: requests that passed and were answered, or get no answer any more. Of latencies place i
 * has what took less than 2^i microseconds and is in no lower one. */
struct http_count {
	__u64 requests;
	__u64 statuses[SEEN_STATUSES]; /* 0: no answer was seen, or not where it begins */
	__u64 latencies[SEEN_LATENCIES]; /* up to the first bytes of the answer */
	__u64 latency_sum_us;
	__u64 request_bytes; /* heads and their bodies, as they pass */
	__u64 answer_bytes;  /* until the next request, or the connection's end */
};

enum seen_kind {
	SEEN_REQUEST = 1, /* it passed; its head follows */
	SEEN_ANSWER = 2,  /* the answer to it begins */
	SEEN_END = 3,	  /* it gets none any more */
};

enum seen_flag {
	SEEN_FROM_B = 1,  /* the flow's end b asks */
	SEEN_INGRESS = 2, /* the ingress end's policy allowed it, not the egress end's */
};

/* In weir_http_seen. One flow has one request at a time under way. */
struct http_seen {
	struct ct_key flow;
	__u64 body;	/* SEEN_REQUEST, as what follows: bytes of its body */
	__u32 request;	/* its number in its flow, always */
	__u32 latency_us; /* SEEN_ANSWER, SEEN_END: since it passed */
	__u32 src_identity;
	__u32 dst_identity;
	__u32 rule_id;
	__u16 src_endpoint;
	__u16 dst_endpoint;
	__u16 length; /* bytes that follow */
	__u16 status; /* SEEN_ANSWER: 0: it does not begin with one */
	__u8 kind;    /* enum seen_kind */
	__u8 flags;   /* enum seen_flag */
	__u8 _pad0[2];
};
