/* SPDX-License-Identifier: GPL-2.0 */
/* Every map of the datapath: who writes it, who reads it, and what happens when it is full. */
#pragma once
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "../abi/call.h"
#include "../abi/config.h"
#include "../abi/conntrack.h"
#include "../abi/endpoint.h"
#include "../abi/event.h"
#include "../abi/http.h"
#include "../abi/ipcache.h"
#include "../abi/metrics.h"
#include "../abi/name.h"
#include "../abi/node.h"
#include "../abi/plain.h"
#include "../abi/policy.h"
#include "../abi/prefilter.h"
#include "../abi/publish.h"
#include "../abi/seen.h"
#include "../abi/service.h"

enum map_size {
	MAX_ENDPOINTS = 4096,
	MAX_LOCAL = 8192,
	MAX_CLAIMS = 16384,
	MAX_PREFIXES = 131072,
	MAX_NODES = 4096,
	MAX_NAMES = 131072,
	MAX_POLICY_ENTRIES = 16384,
	MAX_FLOWS = 131072,
	MAX_BRIEF_FLOWS = 65536,
	MAX_ALIASES = 16384,
	MAX_FRAGMENTS = 8192,
	MAX_HTTP_FLOWS = 65536,
	MAX_HTTP_PORTS = 4096,
	MAX_HTTP_TABLES = 1024,
	TAKE_OVER_RING_BYTES = 1024 * 1024,
	SEEN_RING_BYTES = 2 * 1024 * 1024,
	EVENT_BYTES = 2 * 1024 * 1024,
	MAX_FRONTENDS = 16384,
	MAX_BACKENDS = 16384,
	MAX_SLOTS = 512 * 1024,
	MAX_MOVED_FLOWS = 65536,
	MAX_AFFINITIES = 32768,
	MAX_NAT_ENTRIES = 65536, /* two a flow; for UDP as many again */
	MAX_NAT_OPEN = 65536,
	MAX_NAT_HINTS = 65536, /* a power of two */
	MAX_NAT_GIVEN = 65536, /* a power of two: every port of one backend has a place of its own */
	MAX_SOCKETS = 32768,
	MAX_PREFILTER = 131072,
	MAX_PUBLISH = 65536,
};

/* clang writes types that only pointers lead to in the order of its own memory's addresses, which differs from
 * one run to the next. Named here they have their place, and an object is the same bytes whenever it is
 * compiled; these are in no section that is loaded. */
const struct bpf_flow_keys *weir_bpf_flow_keys SEC(".types");
const struct bpf_sock *weir_bpf_sock SEC(".types");

/* Variables below are array maps of one value, whose address programs know: reading them takes no
 * lookup. Each is alone in its section, and so in its map, which is called as it is. */

/* Written by the agent, read by every packet; the proxy maps it to see a new revision at once. */
struct settings weir_settings SEC(".data.weir_settings") = {};

/* By endpoint id. Written by the agent; ct_count is kept by programs. The agent maps it, so
 * that it can set ct_count without losing an increment. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_ENDPOINTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct endpoint_entry);
} weir_endpoint SEC(".maps");

/* Written by the agent. Full: the agent refuses the endpoint. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_LOCAL);
	__type(key, struct ip_addr);
	__type(value, struct local_entry);
} weir_local SEC(".maps");

/* Written by the agent. Full: the agent refuses the claim. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_CLAIMS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct claim_key);
	__type(value, struct claim_entry);
} weir_claim SEC(".maps");

/* Written by the agent. Full: the agent refuses the policy. A miss means the outside world. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_PREFIXES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipcache_key);
	__type(value, struct ipcache_entry);
} weir_ipcache SEC(".maps");

/* By the number that weir_ipcache names. Written by the agent. Full: the agent refuses the node. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_NODES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct node_entry);
} weir_node SEC(".maps");

/* By address -> number. Written by the agent. A miss: no node's. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_NODES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ip_addr);
	__type(value, __u32);
} weir_node_id SEC(".maps");

/* By number -> the last answer to the agent's question by the overlay. Written by the datapath, read by the agent. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_NODES);
	__type(key, __u32);
	__type(value, struct node_echo);
} weir_node_echo SEC(".maps");

/* Written by the agent. Full: the names that are left out are said, and nobody answers for them. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_NAMES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct name_key);
	__type(value, struct name_entry);
} weir_name SEC(".maps");

/* Written by programs, read by the agent. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NAME_ANSWERS);
	__type(key, __u32);
	__type(value, __u64);
} weir_name_count SEC(".maps");

enum names_size {
	NAMES_MESSAGE = 512, /* the longest question that is read; no answer is as long */
};

/* What does not fit the stack while a question is read (names.h). */
struct names_scratch {
	__u8 message[NAMES_MESSAGE] __attribute__((aligned(8))); /* zero behind its end */
	struct name_key key;
};

/* Used by weir_from_ep while it has one packet; nobody else reads it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct names_scratch);
} weir_question SEC(".maps");

struct policy_map {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_POLICY_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct policy_key);
	__type(value, struct policy_entry);
};

/* clang leaves out types that only an inner map names; these are in no section that is loaded. */
const struct policy_key *weir_policy_key SEC(".types");
const struct policy_entry *weir_policy_entry SEC(".types");

/* By endpoint id. The agent builds an inner map whole and swaps it in; no inner map: deny. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_ENDPOINTS);
	__type(key, __u32);
	__array(values, struct policy_map);
} weir_policy SEC(".maps");

/* Written by programs; the agent sweeps what has expired, the proxy reads whose flow it has. Not an
 * LRU: a flood must not push out living flows. Nobody can fill it: lib/room.h. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_FLOWS);
	__type(key, struct ct_key);
	__type(value, struct ct_entry);
} weir_ct SEC(".maps");

/* Written by programs, read by the proxy too. Full: the flow that was silent longest is forgotten. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_BRIEF_FLOWS);
	__type(key, struct ct_key);
	__type(value, struct ct_entry);
} weir_ct_brief SEC(".maps");

/* Kept by programs, set right by the sweeper. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ct_use);
} weir_ct_use SEC(".maps");

/* Written and read by programs. Full: the flow that was silent longest ends. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_ALIASES);
	__type(key, struct ct_key);
	__type(value, struct alias_entry);
} weir_alias SEC(".maps");

/* Written and read by programs. Full: the oldest datagram's later fragments are dropped. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_FRAGMENTS);
	__type(key, struct frag_key);
	__type(value, struct frag_entry);
} weir_frag SEC(".maps");

struct http_one_table {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, HTTP_TABLE_BYTES);
};

/* By an HTTP policy's number. Written by the agent. Full, or a miss: the proxy's to decide. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, MAX_HTTP_TABLES);
	__type(key, __u32);
	__array(values, struct http_one_table);
} weir_http SEC(".maps");

/* CT_HTTP flows, by their key. Written by programs; the agent sweeps those whose flow is gone. Full: a new flow is the
 * proxy's. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_HTTP_FLOWS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ct_key);
	__type(value, struct http_flow);
} weir_http_flow SEC(".maps");

/* Who speaks HTTP/2 with whom. Written and read by programs. Full: the one asked for longest ago is forgotten. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_HTTP_PORTS);
	__type(key, struct http_port_key);
	__type(value, struct http_port);
} weir_http_port SEC(".maps");

/* Connections that the proxy is to take over: struct take_over, then TAKE_OVER_BYTES. Read by the proxy. Full, or it
 * does not run: they come again. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, TAKE_OVER_RING_BYTES);
} weir_take_over SEC(".maps");

/* Requests that passed without the proxy, if somebody looks: struct http_seen, then what it says. Read by the proxy. Full,
 * or it does not run: the event is lost and counted in weir_lost. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SEEN_RING_BYTES);
} weir_http_seen SEC(".maps");

/* All of them. Written by programs, read by the proxy. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct http_count);
} weir_http_count SEC(".maps");

/* Programs that others go on in. Written by the agent. Empty: the packet is dropped. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, CALL_TO_ENDPOINT + 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} weir_calls SEC(".maps");

/* The proxy's listeners, IPv4 and IPv6. Written by the proxy, read by weir_listener; an entry goes
 * with its socket. Empty: nobody gets what needs the proxy. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} weir_listeners SEC(".maps");

/* Read by the agent. Full: the event is lost and counted in weir_lost. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EVENT_BYTES);
} weir_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, METRICS_SLOTS);
	__type(key, __u32);
	__type(value, struct metrics_entry);
} weir_metrics SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} weir_lost SEC(".maps");

/* Written by the agent. Full: the agent refuses the service. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_FRONTENDS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct service_key);
	__type(value, struct service_entry);
} weir_service SEC(".maps");

/* Written by the agent, read for replies and by sockets that ask for their peer. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_FRONTENDS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct frontend_entry);
} weir_frontend SEC(".maps");

/* Written by the agent, word by word. Full: the agent refuses the service. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_SLOTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct service_slot);
} weir_slot SEC(".maps");

/* Written by the agent. Full: the agent refuses the service. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_BACKENDS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct backend_entry);
} weir_backend SEC(".maps");

struct bucket_tables {
	struct service_bucket bucket[BUCKET_COUNT];    /* by bucket_index */
	struct bucket_addresses address[BUCKET_COUNT]; /* of those */
};

struct hop_tables {
	struct backend_hop ipv4[HOP_COUNT]; /* by id */
	struct backend_hop6 ipv6[HOP_COUNT];
};

/* Written by the agent after weir_service and weir_backend, from which all of it follows; read by
 * weir_xdp. What finds no place here is there alone. With another layout, or if keys or "more" mean
 * something else, they have other names: programs of the version before may read them still. */
struct bucket_tables weir_bucket SEC(".bss.bucket") __attribute__((aligned(64)));
struct hop_tables weir_hop SEC(".bss.hop") __attribute__((aligned(64)));

/* Written by programs, only for slots under change. Full: the flow that was silent longest is taken
 * for one from before the change. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_MOVED_FLOWS);
	__type(key, struct moved_key);
	__type(value, struct moved_entry);
} weir_moved SEC(".maps");

enum rate_kind {
	RATE_MOVED, /* flows remembered in weir_moved */
	RATE_ERROR, /* ICMP errors sent on */
	RATE_EVENT, /* drops at devices reported */
	RATE_SEEN,  /* requests told of that passed without the proxy */
	RATE_KINDS,
};

struct rate {
	__u64 second;
	__u64 count; /* in that second */
};

/* What this CPU did of each kind. Written by programs. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RATE_KINDS);
	__type(key, __u32);
	__type(value, struct rate);
} weir_rate SEC(".maps");

/* Written by programs, for services with affinity. Full: the client that was silent longest is
 * chosen a backend anew. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_AFFINITIES);
	__type(key, struct affinity_key);
	__type(value, struct affinity_entry);
} weir_affinity SEC(".maps");

/* Written by programs, read by the agent: it ends a change when no flow from before is left. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_FRONTENDS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct change_entry);
} weir_change SEC(".maps");

struct nat_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_NAT_ENTRIES);
	__type(key, struct nat_key);
	__type(value, struct nat_entry);
};

/* Written by weir_xdp. Full: the flow that was silent longest ends. */
struct nat_map weir_nat SEC(".maps"), weir_nat_udp SEC(".maps");

/* Written by weir_xdp. Full: of the flows that are being opened, the oldest ends. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_NAT_OPEN);
	__type(key, struct nat_key);
	__type(value, struct nat_entry);
} weir_nat_open SEC(".maps");

/* Written by weir_xdp: the way from a client's packet to weir_nat_open. Full: of the flows whose hashes
 * agree, the oldest is not found. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_NAT_HINTS);
	__type(key, __u32);
	__type(value, struct nat_hints);
} weir_nat_hint SEC(".maps");

/* Written by weir_xdp, once: what those hashes begin with, so that nobody can choose whose agree. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} weir_nat_seed SEC(".maps");

/* Written by weir_xdp: when a port was last given to a flow of TCP that is not open yet. A hint: two
 * ports of different backends may share a place. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_NAT_GIVEN);
	__type(key, __u32);
	__type(value, __u64);
} weir_nat_given SEC(".maps");

/* Written by the socket hook. Full: the socket that was silent longest sees its backend's address
 * for its peer's. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_SOCKETS);
	__type(key, struct sock_key);
	__type(value, struct sock_entry);
} weir_sock SEC(".maps");

/* The network namespaces of endpoints' containers, by cookie. Written by the agent, read by the socket
 * hook. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_ENDPOINTS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct netns_entry);
} weir_netns SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_FRONTENDS);
	__type(key, __u32);
	__type(value, struct lb_stats);
} weir_lb_stats SEC(".maps");

/* How much of what an asker may hear this CPU has told him. */
struct answer_budget {
	__u64 spent_ns; /* CLOCK_MONOTONIC; every answer costs some time */
};

/* Written by programs, by the id of the endpoint that is answered; 0: whoever is outside. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_ENDPOINTS);
	__type(key, __u32);
	__type(value, struct answer_budget);
} weir_answers SEC(".maps");

/* Written by the agent. Full: it refuses the prefix. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_PREFILTER);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ip_addr);
	__type(value, __u8);
} weir_pre_addr SEC(".maps");

/* Written by the agent. Full: it refuses the prefix. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_PREFILTER);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefilter_key);
	__type(value, __u8);
} weir_pre_net SEC(".maps");

/* Written by the agent. Full: it refuses to open the port. A miss: closed. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_PUBLISH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct publish_key);
	__type(value, struct publish_entry);
} weir_publish SEC(".maps");
