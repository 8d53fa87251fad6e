/* SPDX-License-Identifier: GPL-2.0 */
/* weir_endpoint (by id), weir_local and weir_claim (by address): the endpoints of this host. */
#pragma once
#include "address.h"

enum endpoint_flag {
	ENDPOINT_PRESENT = 1,  /* slot in use */
	ENDPOINT_INTERNAL = 2, /* on an --internal network: no host, no outside world */
	ENDPOINT_ROUTED = 4,   /* outsiders may open flows to its own addresses */
};

/* Who hears that the endpoint's policy denied a packet of his. */
enum deny_answer {
	DENY_ANSWER_NOBODY = 0,
	DENY_ANSWER_LOCAL = 1, /* containers and the host */
	DENY_ANSWER_ALL = 2,   /* the world, too */
};

/* Slot of one endpoint, index = endpoint id (1..4095). */
struct endpoint_entry {
	__u32 identity;	     /* security identity; reserved:init (5) until labels are known */
	__u32 ifindex;	     /* host side of the veth */
	__u32 network_id;    /* endpoints of different networks never reach one another */
	__u16 flags;	     /* enum endpoint_flag */
	__u8 mac[6];	     /* container's MAC */
	__u8 gateway_mac[6]; /* source MAC of what is delivered to the container */
	__u8 deny_answer;    /* enum deny_answer */
	__u8 _pad0;
	__u32 ct_count; /* its flows in weir_ct, by who opened them; kept by programs, set right by the
			   sweeper. Slot 0: of all that is no endpoint here */
};

/* weir_netns: a container's network namespace, by its cookie -> one of its endpoints. */
struct netns_entry {
	struct ip_addr ipv4; /* the endpoint's; all zero: none */
	struct ip_addr ipv6;
	__u32 endpoint_id;
};

/* weir_local: address -> endpoint id. */
struct local_entry {
	__u32 endpoint_id;
};

/* weir_claim: longest prefix -> the endpoint that has these addresses beside its own. */
struct claim_key {
	__u32 prefix_len; /* bits, 0..128; a v4 prefix adds 96 */
	struct ip_addr addr;
};

struct claim_entry {
	__u32 endpoint_id;
};
