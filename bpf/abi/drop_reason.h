/* SPDX-License-Identifier: GPL-2.0 */
/* Why a packet ended. The one list: C#, the CLI, metrics and docs are generated from it. */
#pragma once

enum drop_reason {
	DROP_REASON_NONE = 0,		    /* not dropped */
	DROP_REASON_POLICY_DENIED = 1,	    /* no rule allows it */
	DROP_REASON_POLICY_DENY_RULE = 2,   /* a deny rule forbids it */
	DROP_REASON_INVALID_SOURCE_IP = 3,  /* source address is not the endpoint's */
	DROP_REASON_INVALID_SOURCE_MAC = 4, /* source MAC is not the endpoint's */
	DROP_REASON_CT_TABLE_FULL = 5,	    /* no room for a new flow */
	DROP_REASON_CT_ENDPOINT_LIMIT = 6,  /* the endpoint has too many flows */
	DROP_REASON_CT_INVALID = 7, /* belongs to no flow (TCP without SYN, unrelated ICMP error) */
	DROP_REASON_TRUNCATED = 8,  /* shorter than its headers say */
	DROP_REASON_MALFORMED = 9,  /* headers contradict one another */
	DROP_REASON_UNKNOWN_L3 = 10,	   /* neither IPv4, IPv6 nor ARP */
	DROP_REASON_VLAN = 11,		   /* VLAN tags do not belong on an endpoint's link */
	DROP_REASON_IP_OPTIONS = 12,	   /* IPv4 options */
	DROP_REASON_EXTENSION_HEADER = 13, /* IPv6 extension header other than a fragment header */
	DROP_REASON_FRAGMENT_NOT_FOUND = 14, /* later fragment whose first was not seen */
	DROP_REASON_ARP = 15,		     /* ARP for anything but the gateway, or forged */
	DROP_REASON_NEIGHBOUR =
	    16, /* neighbour discovery for anything but the gateway, or forged */
	DROP_REASON_MULTICAST = 17,	   /* multicast and broadcast are not delivered */
	DROP_REASON_NETWORK_ISOLATED = 18, /* the peer is on another network */
	DROP_REASON_NETWORK_INTERNAL = 19, /* the network is internal */
	DROP_REASON_NO_ENDPOINT = 20,	   /* destination endpoint is gone */
	DROP_REASON_SPOOFED_ENDPOINT =
	    21, /* came from outside or through the host's stack with an address of an endpoint's or
		   of the host's */
	DROP_REASON_PROXY_UNAVAILABLE = 22, /* policy asks for the proxy, and it does not run */
	DROP_REASON_PROXY_REQUIRED =
	    23, /* began before policy asked for the proxy: must be opened anew */
	DROP_REASON_PREFILTER = 24,   /* the source is in the prefilter */
	DROP_REASON_NO_BACKEND = 25,  /* the service has no backend that could answer */
	DROP_REASON_NO_NEXT_HOP = 26, /* no neighbour is known towards the backend */
	DROP_REASON_NAT_NO_PORT =
	    27,			  /* no port of this host is free for another flow to the backend */
	DROP_REASON_TOO_BIG = 28, /* does not fit the link to the backend; the client is told */
	DROP_REASON_ICMP_UNRELATED =
	    29, /* an ICMP error about no living flow, or from nowhere on its way */
	DROP_REASON_CT_OUTSIDE_LIMIT = 30, /* flows opened from outside have used up their share */
	DROP_REASON_TCP_SEQUENCE = 31,	   /* a TCP packet outside of its flow's window */
	DROP_REASON_NOT_PUBLISHED = 32,	   /* the published port is closed to this source */
	DROP_REASON_NOT_ROUTED =
	    33, /* from outside to a container's own address: its network has no routed access */
	DROP_REASON_NOT_A_NODE = 34,	  /* through the overlay, from an address that is no node's */
	DROP_REASON_FOREIGN_ENDPOINT = 35, /* through the overlay, from a node that the sender is not on, or
					      with another's identity; or past the overlay */
	DROP_REASON_NO_NODE = 36,	   /* the node of the other end is not known */
	DROP_REASON_OVERLAY_PORT = 37,	   /* from a container to the port that nodes speak by */
	DROP_REASON_TAKING_OVER = 38, /* TCP in the moment in which another version takes flows over: it is sent again */
	DROP_REASON_HTTP_ORDER = 39, /* part of a request before what is missing, or not what was judged there:
					it comes again */
	DROP_REASON_HTTP_HELD = 40,  /* of a connection that the proxy is taking over: it comes again */
	DROP_REASON_HTTP_CUT = 41,   /* of a connection with a request that could neither be judged nor go to the
					proxy */
	DROP_REASON_MISSED_TAIL_CALL = 42, /* the program that it goes on in is not loaded */
};
