/* SPDX-License-Identifier: GPL-2.0 */
/* Headers as they lie in a packet, and reading them within its bounds. */
#pragma once
#include <linux/types.h>

enum fragment_mask {
	IP_FRAGMENT_MASK = 0x1fff,
	IP_MORE_FRAGMENTS = 0x2000,
	IP6_FRAGMENT_MASK = 0xfff8,
	IP6_MORE_FRAGMENTS = 1,
};

enum jumbo_option {
	IP6_JUMBO = __builtin_bswap16(0xc204), /* type 194, of four bytes */
};

struct ports {
	__be16 source;
	__be16 dest;
};

struct tcp_head {
	__be16 source;
	__be16 dest;
	__be32 seq;
	__be32 ack_seq;
	__u8 offset; /* in the upper four bits, in words */
	__u8 flags;
};

struct icmp_head {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be16 id;
	__be16 sequence;
};

/* What a packet of more than 65 535 bytes has between its headers (RFC 2675 §2): the kernel's own, it
 * is gone when the packet is cut into segments. */
struct ipv6_jumbo {
	__u8 next;
	__u8 length; /* in eight bytes, without the first: 0 */
	__be16 option;
	__be32 payload;
};

struct ipv6_fragment {
	__u8 next;
	__u8 reserved;
	__be16 offset;
	__be32 id;
};

/* Null: it does not lie within the packet. The context is of tc or of XDP. */
#define PARSE_AT(skb, offset, type)                                                                \
	({                                                                                         \
		void *__at = (void *)(long)(skb)->data + (offset);                                 \
		__at + sizeof(type) > (void *)(long)(skb)->data_end ? (type *)0 : (type *)__at;    \
	})
