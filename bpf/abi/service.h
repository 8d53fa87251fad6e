/* SPDX-License-Identifier: GPL-2.0 */
/* The load balancer: weir_service (by frontend), weir_frontend (by id), weir_slot, weir_backend,
 * and what it remembers of flows where the slots alone would not do.
 *
 * A frontend's slots are its Maglev table: the flow's hash picks one, the same on every node. A
 * change of backends writes slot by slot, each in one word. A slot that a change moved keeps the
 * backend it had in "previous" for as long as flows of before may live: a TCP flow opened since is
 * in weir_moved, and whoever is not there belongs to "previous". UDP has no first packet: who is
 * seen soon after the change is from before and is remembered so; who comes later is new. */
#pragma once
#include "address.h"

struct service_key {
	struct ip_addr addr;
	__be16 port;
	__u8 protocol;
	__u8 _pad0;
};

/* How a packet goes to a backend that is not on this host. */
enum service_mode {
	SERVICE_MODE_SNAT = 0, /* from this host's address; replies come back through it */
	SERVICE_MODE_DSR = 1,  /* in IPIP/IP6IP6 to the backend, which answers the client itself */
	SERVICE_MODE_DSR_L2 = 2, /* to the backend's MAC, on the same segment; it answers itself */
};

enum service_flag {
	SERVICE_AFFINITY = 1, /* one client, one backend: weir_affinity */
	SERVICE_HOST_ONLY =
	    2, /* for connections from the host's own namespace (loopback addresses) */
};

/* weir_service. Replaced whole. */
struct service_entry {
	__u32 slots;	   /* its first slot in weir_slot */
	__u32 slot_mask;   /* how many slots it has, less one: they are a power of two */
	__u32 frontend_id; /* index of weir_frontend and weir_lb_stats; never 0 */
	__u32 affinity_s;  /* how long a client's backend is kept after its last packet, seconds */
	__u8 mode;	   /* enum service_mode */
	__u8 flags;	   /* enum service_flag */
	__u8 _pad0[2];
};

enum frontend_flag {
	FRONTEND_CLOSED = 1, /* a published port: to outsiders only as weir_publish says */
};

/* weir_frontend: the address that replies get back. Written before weir_service names the id. */
struct frontend_entry {
	struct ip_addr addr;
	__be16 port;
	__u8 protocol;
	__u8 flags; /* enum frontend_flag */
};

/* weir_slot: read and written as one word. */
struct service_slot {
	__u32 backend;	/* index of weir_backend; 0: none, packets are dropped */
	__u32 previous; /* the one that unknown flows belong to while a change is under way; 0: none
			   is */
};

enum backend_flag {
	BACKEND_PRESENT = 1,
	BACKEND_LOCAL = 2,  /* an endpoint of this host: tc delivers, after policy */
	BACKEND_NO_NEW = 4, /* drained or unhealthy: only flows that it has already */
	BACKEND_NODE = 8,   /* an endpoint of another node, which is handed the client's packet in another
			       one, whatever the mode is, and serves it as one of its own */
};

/* weir_backend. Written before a slot names it; a next hop changes by one word. */
struct backend_entry {
	struct ip_addr addr;
	struct ip_addr outer;  /* to whom a packet in another one goes: the backend, or its node */
	struct ip_addr source; /* this host's address towards it: SNAT's, and DSR's outer one */
	__be16 port;
	__u8 flags; /* enum backend_flag */
	__u8 _pad0;
	__u32 ifindex; /* device towards it */
	__u8 mac[6];   /* next hop's; all zero: not known */
	__u8 _pad1[2];
	__u8 source_mac[6]; /* the device's own */
	__u8 _pad2[2];
};

/* weir_moved: a flow that was opened while its slot was under change. */
struct moved_key {
	struct ip_addr client;
	struct ip_addr addr; /* the frontend's */
	__be16 client_port;
	__be16 port;
	__u8 protocol;
	__u8 _pad0[3];
};

struct moved_entry {
	__u32 backend;
};

/* weir_affinity: which backend a client has. For a socket of this host the client is its network
 * namespace: the cookie in the last two words, the others zero. */
struct affinity_key {
	struct ip_addr client;
	__u32 frontend_id;
};

struct affinity_entry {
	__u64 last_ns; /* CLOCK_MONOTONIC, coarse */
	__u32 backend;
	__u32 _pad0;
};

/* weir_change, by frontend id. The agent writes both before it writes slots; programs move
 * last_old_ns. */
struct change_entry {
	__u64 started_ns;  /* CLOCK_MONOTONIC, coarse: of the last change */
	__u64 last_old_ns; /* when a flow that the table would send elsewhere was last seen */
};

/* Flows to backends by SNAT, found from both sides. What a stranger can make up in one packet does
 * not stand beside what a client has proved: weir_nat has TCP's flows whose client has acknowledged
 * the backend's SYN, weir_nat_open TCP's whose client has not, weir_nat_udp UDP's. Those in
 * weir_nat_open have a reverse entry only, the others both. */
enum nat_direction {
	NAT_FORWARD = 0, /* client -> frontend */
	NAT_REVERSE = 1, /* backend -> this host */
};

struct nat_key {
	struct ip_addr src;
	struct ip_addr dst;
	__be16 sport;
	__be16 dport;
	__u8 protocol;
	__u8 direction; /* enum nat_direction */
	__u8 _pad0[2];
	__be32 ack; /* weir_nat_open: what the backend acknowledges; else 0 */
};

enum nat_flag {
	NAT_CLIENT_FIN = 1,
	NAT_BACKEND_FIN = 2,
	NAT_CLIENT_RST = 4,
	NAT_BACKEND_RST = 8,
	NAT_ANSWERED = 16, /* the backend has sent something; TCP: its SYN */
	NAT_STREAM = 32,   /* UDP: and the client more after it */
};

struct nat_entry {
	struct ip_addr addr; /* forward: this host's address; reverse: the client's */
	__be16 port;	     /* forward: this host's port; reverse: the client's */
	__u16 flags;	     /* reverse: enum nat_flag */
	__u32 backend;	     /* its id */
	__u32 frontend_id;   /* reverse: whose address replies get */
	__u32 ifindex;	     /* reverse: where the client's packets come from */
	__u8 mac[6];	     /* reverse: the MAC they come from */
	__u8 _pad0[2];
	__u8 own_mac[6]; /* reverse: the MAC they came to */
	__u8 _pad1[2];
	__u64 last_ns; /* reverse: CLOCK_MONOTONIC, coarse, to a second: when it was last used */
	__be32 ack; /* weir_nat_open: what acknowledges the backend's SYN */
	__u8 _pad2[4];
};

/* Where to look in weir_nat_open for a client's packet: it has reverse entries only. */
struct nat_hint {
	__u32 flow;    /* a part of the hash of the client's and the frontend's ends */
	__be32 ack;    /* of the key there */
	__u32 backend; /* its id; 0: nothing is here */
	__be16 port;   /* of this host */
	__u8 _pad0[2];
};

enum nat_hint_layout {
	NAT_HINT_WAYS = 4, /* a cache line of them */
};

/* weir_nat_hint: of the flows with the other part of the hash in common the latest, newest first. */
struct nat_hints {
	struct nat_hint way[NAT_HINT_WAYS];
};

/* Ports of this host that SNAT uses where nothing else is set: above net.ipv4.ip_local_port_range
 * as the kernel has it. */
enum nat_ports {
	NAT_FIRST_PORT = 61000,
	NAT_LAST_PORT = 65535,
};

/* weir_sock: what a socket was given instead of a frontend. */
struct sock_key {
	__u64 cookie;
	struct ip_addr backend;
	__be16 port;
	__u8 protocol;
	__u8 _pad0[5];
};

struct sock_entry {
	__u32 frontend_id;
	__u8 _pad0[4];
	__u64 netns; /* cookie of the socket's network namespace */
};

/* weir_lb_stats: per CPU, by frontend id. */
struct lb_stats {
	__u64 packets; /* from clients, seen at a device */
	__u64 bytes;
	__u64 connects; /* by the socket hook */
};
