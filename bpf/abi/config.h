/* SPDX-License-Identifier: GPL-2.0 */
/* Constants of programs (.rodata), and the settings all of them share. */
#pragma once
#include "address.h"

/* Written to .rodata before load, frozen afterwards: the verifier prunes what an endpoint does
 * not use. */
struct endpoint_config {
	struct ip_addr ipv4;	 /* own IPv4 address, v4-mapped; all zero: none */
	struct ip_addr ipv6;	 /* own IPv6 address; all zero: none */
	struct ip_addr gateway4; /* answered by ARP */
	struct ip_addr gateway6; /* answered by neighbour discovery */
	__u32 endpoint_id;	 /* index into weir_endpoint and weir_policy */
	__u8 mac[6];		 /* MAC of the container's side of the veth */
	__u8 gateway_mac[6];	 /* MAC of the host's side of the veth */
};

/* The same for the programs of the host's devices: one instance for each kind of link. */
struct device_config {
	__u32 link_header; /* bytes in front of the IP header: Ethernet's 14, or 0 where there are
			      none */
	__u32 prefilter;   /* no XDP has asked it before */
};

/* The same for the socket hook. */
struct socket_config {
	__u64 host_netns_cookie; /* the namespace whose sockets have SERVICE_HOST_ONLY frontends */
};

enum settings_flag {
	SETTINGS_TRACE = 1,	    /* emit a trace event for every packet (a monitor asked) */
	SETTINGS_VERDICT = 2,	    /* emit an event for every new flow's verdict */
	SETTINGS_POLICY_ALWAYS = 4, /* reserved for display: enforcement is compiled into policy */
	SETTINGS_HTTP = 16, /* plain requests between containers of this host are judged without the proxy */
	SETTINGS_REQUESTS = 32, /* tell of requests that pass without the proxy (a monitor asked) */
};

enum lb_flag {
	LB_SERVICES = 1,	  /* weir_service is not empty */
	LB_NAT = 2,		  /* a service is by SNAT, or was while flows may live */
	LB_PREFILTER_ADDRESS = 4, /* weir_pre_addr is not empty */
	LB_PREFILTER_PREFIX = 8,  /* weir_pre_net is not empty */
	LB_ANY_NAMESPACE = 16,	  /* weir_netns lacks a container's: any may be it */
	LB_CLAIMS = 32,		  /* weir_claim is not empty */
	LB_NODES = 128,		  /* endpoints of other nodes send by the host's devices */
	LB_GENERAL = 64,	  /* plain packets take the general way, too: tests compare both */
};

/* The only entry of weir_settings; written by the agent, read by every packet. */
struct settings {
	__u32 revision; /* raised after each policy change; older conntrack verdicts are re-made */
	__u32 flags;	/* enum settings_flag */
	__u32 ct_endpoint_limit; /* most conntrack entries one endpoint may originate */
	__u16 proxy_port;	 /* where the proxy listens on loopback; 0: it does not run */
	__u16 lb_flags;		 /* enum lb_flag: what a packet at a device must be looked up in */
	__u16 nat_first_port;	 /* of this host's ports, those that SNAT uses */
	__u16 nat_last_port;
	__u32 ct_capacity;	 /* entries that weir_ct has room for */
	__u32 overlay_ifindex;	 /* the device that leads to other nodes' endpoints; 0: there is none */
	__u32 taking_over;	 /* 1: flows are being copied here from the maps of before; take_over.h */
};
