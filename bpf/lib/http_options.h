/* SPDX-License-Identifier: GPL-2.0 */
/* TCP's options, as far as whoever takes a connection over has to know them (RFC 9293 §3.2, 7323, 2018). */
#pragma once
#include "headers.h"
#include "http.h"
#include "parse.h"

enum http_option {
	OPTION_END = 0,
	OPTION_NONE = 1,
	OPTION_MSS = 2,
	OPTION_SCALE = 3,
	OPTION_SACK_PERMITTED = 4,
	OPTION_SACK = 5,
	OPTION_STAMPS = 8,
	OPTIONS_MOST = 40, /* bytes */
	OPTIONS_ROOM = 64, /* a power of two */
	OPTION_MSS_DEFAULT = 536,
};

struct http_options {
	struct http_walk *walk; /* they lie in its buffer */
	__u32 at;
	__u32 length;
	__u32 stamp;
	__u32 echo;
	__u16 mss;
	__u8 scale; /* or HTTP_NO_SCALE */
	__u8 flags; /* enum http_flow_flag */
	bool strange; /* others, which may make another thing of the connection (RFC 8684, 7413) */
};

static __always_inline __u8 http_option_byte(const struct http_options *o, __u32 at)
{
	return o->walk->head[at & (OPTIONS_ROOM - 1)];
}

static __always_inline __u32 http_option_word(const struct http_options *o, __u32 at)
{
	return (__u32)http_option_byte(o, at) << 24 | (__u32)http_option_byte(o, at + 1) << 16 |
	       (__u32)http_option_byte(o, at + 2) << 8 | http_option_byte(o, at + 3);
}

static long http_option_step(__u32 index, struct http_options *o)
{
	__u32 at = o->at, length;
	__u8 kind = http_option_byte(o, at);

	(void)index;
	if (at >= o->length || kind == OPTION_END)
		return 1;
	if (kind == OPTION_NONE) {
		o->at = at + 1;
		return 0;
	}
	length = http_option_byte(o, at + 1);
	if (length < 2 || at + length > o->length) {
		o->strange = true;
		return 1;
	}
	if (kind == OPTION_MSS && length == 4) {
		o->mss = (__u16)(http_option_word(o, at) & 0xffff);
	} else if (kind == OPTION_SCALE && length == 3) {
		o->scale = http_option_byte(o, at + 2);
	} else if (kind == OPTION_SACK_PERMITTED && length == 2) {
		o->flags |= HTTP_FLOW_SACK;
	} else if (kind == OPTION_STAMPS && length == 10) {
		o->flags |= HTTP_FLOW_STAMPS;
		o->stamp = http_option_word(o, at + 2);
		o->echo = http_option_word(o, at + 6);
	} else if (kind != OPTION_SACK) {
		o->strange = true;
	}
	o->at = at + length;
	return 0;
}

/* False: they are not to be read. */
static __noinline bool http_read_options(struct __sk_buff *skb, const struct packet *p,
					 struct http_options *o)
{
	__u32 zero = 0, offset = parse_bounded(p->l4_off), length;
	struct tcp_head *tcp = PARSE_AT(skb, offset, struct tcp_head);

	__builtin_memset(o, 0, sizeof(*o));
	o->mss = OPTION_MSS_DEFAULT;
	o->scale = HTTP_NO_SCALE;
	o->walk = bpf_map_lookup_elem(&weir_http_walk, &zero);
	if (!tcp || !o->walk)
		return false;
	length = parse_tcp_header(tcp) - PARSE_TCP_LEAST;
	if (!length)
		return true;
	o->length = length;
	length--;
	asm volatile("%0 &= %1" : "+r"(length) : "i"(OPTIONS_ROOM - 1));
	length++;
	if (bpf_skb_load_bytes(skb, offset + PARSE_TCP_LEAST, o->walk->head, length))
		return false;
	bpf_loop(OPTIONS_MOST, http_option_step, o, 0);
	return true;
}
