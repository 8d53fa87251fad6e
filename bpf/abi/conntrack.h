/* SPDX-License-Identifier: GPL-2.0 */
/* weir_ct: one entry per flow, found from either direction. */
#pragma once
#include "address.h"

/* The two ends in a fixed order (a is the smaller address, then port), so that both directions
 * hash to the same entry. */
struct ct_key {
	struct ip_addr addr_a;
	struct ip_addr addr_b;
	__be16 port_a; /* ICMP echo: the id on both sides */
	__be16 port_b;
	__u8 protocol;
	__u8 _pad0[3];
};

enum ct_flag {
	CT_ORIGIN_B = 1, /* the flow was opened by end b */
	CT_REPLIED = 2,	 /* a packet came back */
	CT_FIN_ORIGIN = 4,
	CT_FIN_REPLY = 8,
	CT_ESTABLISHED = 16, /* TCP: handshake complete */
	CT_CLOSED = 32,	     /* TCP: reset, or FIN both ways */
	CT_PROXY = 64,	     /* the proxy is between the ends; both its legs are this flow */
	CT_CUT = 128, /* began without the proxy that policy now asks for: must be opened anew */
	CT_SERVICE = 256, /* its packets are rewritten: replies get the frontend's address */
};

struct ct_entry {
	__u64 expires_ns; /* CLOCK_MONOTONIC, coarse; a packet moves it */
	__u64 created_ns;
	__u32 revision;	    /* policy revision the verdict was made under */
	__u32 src_identity; /* of the end that opened the flow */
	__u32 dst_identity;
	__u16 src_endpoint; /* 0 = not a local endpoint */
	__u16 dst_endpoint;
	__u32 packets; /* both directions; not atomic, for display */
	__u32 flags;   /* enum ct_flag */
	__u64 bytes;
	__u32 http_egress; /* HTTP policies of both ends, for the proxy; 0 = does not look at
			      requests */
	__u32 http_ingress;
	__u32 frontend_id; /* the service address it was opened to; 0 = none */
	__u32 ifindex;	   /* CT_SERVICE: the device it came in by, where replies leave */
};

/* weir_frag: ports of a fragmented datagram, by what its fragments share. */
struct frag_key {
	struct ip_addr src;
	struct ip_addr dst;
	__be32 id;
	__u8 protocol;
	__u8 _pad0[3];
};

struct frag_entry {
	__be16 sport;
	__be16 dport;
};
