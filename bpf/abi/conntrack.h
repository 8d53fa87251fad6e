/* SPDX-License-Identifier: GPL-2.0 */
/* weir_ct and weir_ct_brief: one entry per flow, found from either direction. */
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
	CT_ESTABLISHED = 16, /* the opener went on after the reply; TCP: handshake complete */
	CT_CLOSED = 32,	     /* TCP: reset, or FIN both ways */
	CT_PROXY = 64,	     /* the proxy is between the ends; both its legs are this flow */
	CT_CUT = 128, /* began without the proxy that policy now asks for: must be opened anew */
	CT_SERVICE = 256, /* its packets are rewritten: replies get the frontend's address */
	CT_NUMBERS = 512, /* TCP: the numbers of the end that did not open it are known */
	CT_BRIEF = 1024,  /* the entry lies in weir_ct_brief */
	CT_FORWARDED = 2048, /* its opener's packets come in by a device: never the host, whatever
				address they have */
	CT_OVERLAY = 4096,   /* its opener's identity is what the overlay brought */
	CT_AUDITED = 8192,   /* it was told that rules in audit would deny it */
	CT_HTTP = 16384,     /* with CT_PROXY: as long as its opener's requests are plain they are judged on their
				way, see weir_http_flow; without this it is the proxy's */
	CT_HELD = 32768,     /* CT_HTTP: nothing passes until the proxy has taken it over */
	CT_ASKED = 65536,    /* CT_HTTP: what the answerer says next is looked at, too */
};

/* Why requests of a CT_PROXY flow are the proxy's to judge, and not judged on their way. */
enum http_why {
	HTTP_WHY_UNKNOWN = 0,	/* CT_HTTP: they are not; else a version opened it that did not say */
	HTTP_WHY_SETTING = 1,	/* http-verdict is proxy */
	HTTP_WHY_ENDS = 2,	/* it is not from a container of this host to another */
	HTTP_WHY_AUDIT = 3,	/* only rules in audit look at requests */
	HTTP_WHY_HANDSHAKE = 4, /* its SYN has data, or options that change what is read (RFC 8684, 7413) */
	HTTP_WHY_POLICY = 5,	/* an end's policy has no table: too much for one, or it rewrites requests */
	HTTP_WHY_ROOM = 6,	/* weir_http_flow is full */
	HTTP_WHY_HTTP2 = 7,	/* it begins with HTTP/2, or others did so to that port lately */
	HTTP_WHY_DENIED = 8,	/* a request is not allowed */
	HTTP_WHY_PIECES = 9,	/* a head in more packets than one */
	HTTP_WHY_PIPELINED = 10, /* a request before the answer to the last */
	HTTP_WHY_UNCLEAR = 11,	/* a head that is not plain */
};

/* Time-outs in seconds since the last packet, as Linux has them (nf_conntrack). */
enum ct_timeout {
	CT_TIMEOUT_TCP_SYN_SENT = 120,
	CT_TIMEOUT_TCP_SYN_RECEIVED = 60,
	CT_TIMEOUT_TCP_ESTABLISHED = 21600,
	CT_TIMEOUT_TCP_CLOSING = 120, /* FIN one way, or both: repetitions and last answers */
	CT_TIMEOUT_TCP_RESET = 10,
	CT_TIMEOUT_UDP = 30,
	CT_TIMEOUT_UDP_ESTABLISHED = 180,
	CT_TIMEOUT_ICMP = 30,
	CT_TIMEOUT_OTHER = 120,
};

/* What one end of a TCP connection has sent, as far as it was seen (RFC 9293 §3.3.1). */
struct ct_sent {
	__u32 una; /* the other end has acknowledged what is before it */
	__u32 nxt; /* behind all that was sent */
};

/* A value of weir_ct, which has the flows that are somebody's, and of weir_ct_brief, which has
 * those that nobody owes a place: opened from outside and not established yet, or closed. */
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
	__u32 frontend_id;     /* the service address it was opened to; 0 = none */
	__u32 ifindex;	       /* CT_SERVICE: the device it came in by, where replies leave; else the one
				  by which another node's endpoint's packets of it come past the stack */
	struct ct_sent opener; /* TCP without the proxy between */
	struct ct_sent answerer;
	__be16 client_port; /* CT_SERVICE: the client's own, where another stands for it; else 0 */
	__u16 node; /* index into weir_node: one end is an endpoint of that node, or, through the overlay,
		       that node; 0: neither is */
	__u8 http_why; /* enum http_why */
	__u8 _pad0[3];
};

/* weir_alias: the port that stands for a client's own towards a backend which has a flow from that
 * one already, through another frontend or none. The key's ends are the client and the frontend. */
struct alias_entry {
	__be16 port;
};

/* weir_ct_use: how much of weir_ct is in use, by all. Whose it is, struct endpoint_entry counts. */
struct ct_use {
	__u32 entries;
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
