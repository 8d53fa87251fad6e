/* SPDX-License-Identifier: GPL-2.0 */
/* Ports to which an endpoint speaks HTTP/2 from a connection's first byte on: its next connections there are the proxy's from
 * the beginning, which is faster than to be taken over. By both ends, so that nobody decides it for another. */
#pragma once
#include "maps.h"
#include "packet.h"

enum http_port_limit {
	HTTP_PORT_SECONDS = 600, /* since it was seen last */
	HTTP_PREFACE_BYTES = 8,	 /* of it that tell */
};

#define HTTP_PREFACE "PRI * HT" /* TP/2.0: RFC 9113 §3.4 */

static __always_inline bool http_is_preface(const __u8 *bytes, __u32 length)
{
	return length >= HTTP_PREFACE_BYTES &&
	       !__builtin_memcmp(bytes, HTTP_PREFACE, HTTP_PREFACE_BYTES);
}

static __always_inline struct http_port_key http_port_of(const struct ct_entry *entry, __be16 port)
{
	struct http_port_key key = {
	    .src_endpoint = entry->src_endpoint,
	    .dst_endpoint = entry->dst_endpoint,
	    .port = port,
	};

	return key;
}

static __always_inline void http_port_learn(const struct ct_entry *entry, __be16 port)
{
	struct http_port_key key = http_port_of(entry, port);
	struct http_port known = {
	    .until_ns = bpf_ktime_get_coarse_ns() + HTTP_PORT_SECONDS * 1000000000ULL,
	};

	bpf_map_update_elem(&weir_http_port, &key, &known, BPF_ANY);
}

static __always_inline bool http_port_is_known(const struct ct_entry *entry, __be16 port)
{
	struct http_port_key key = http_port_of(entry, port);
	const struct http_port *known = bpf_map_lookup_elem(&weir_http_port, &key);

	return known && known->until_ns >= bpf_ktime_get_coarse_ns();
}
