/* SPDX-License-Identifier: GPL-2.0 */
/* Names that all hosts of a network know, answered here: a plain DNS question (RFC 1035 §4) that policy lets
 * out becomes its own answer and goes back, whoever it was for. What is odd, and whom nobody knows here, goes on
 * as it came. docs/adr/0039-names-answered-in-the-kernel.md */
#pragma once
#include <linux/bpf.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include "event.h"
#include "parse.h"
#include "turn_round.h"

enum names {
	NAMES_PORT = 53,
	NAMES_TTL = 5,	     /* seconds: as soon does a name that moved mean the new place */
	NAMES_LABEL = 63,
	NAMES_MASK = 0xff, /* of what is at most NAME_BYTES */
};

enum dns {
	DNS_NO_QUERY = 0xfa00,	/* an answer, another operation, cut off */
	DNS_KEPT = 0x0110,	/* recursion desired, checking disabled: as they were asked */
	DNS_ANSWERED = 0x8480,	/* an answer, authoritative, recursion available */
	DNS_A = 1,
	DNS_AAAA = 28,
	DNS_OPT = 41,
	DNS_INTERNET = 1,
	DNS_QUESTION = 0xc00c, /* the name that begins behind the header */
};

struct dns_head {
	__be16 id;
	__be16 flags;
	__be16 questions;
	__be16 answers;
	__be16 authorities;
	__be16 additional;
};

/* Behind the name in question. */
struct dns_asked {
	__be16 type;
	__be16 class;
};

/* RFC 6891 §6.1.2 */
struct dns_option {
	__u8 name;
	__be16 type;
	__be16 size;
	__u8 extended;
	__u8 version;
	__be16 flags;
	__be16 length;
} __attribute__((packed));

struct dns_address {
	__be16 name;
	__be16 type;
	__be16 class;
	__be32 ttl;
	__be16 length;
} __attribute__((packed));

enum dns_size {
	DNS_BEFORE_NAME = sizeof(struct dns_head),
	DNS_WITHOUT_NAME = DNS_BEFORE_NAME + sizeof(struct dns_asked),
};

struct udp_head {
	struct ports ports;
	__be16 length;
	__be16 check;
};

enum names_outcome {
	NAMES_NOT_OURS, /* the packet is as it came */
	NAMES_ANSWERED, /* it is the answer */
	NAMES_BROKEN,	/* it is of no use any more */
};

struct names_folding {
	struct names_scratch *s;
	__u32 left; /* bytes of the label that are still to come */
	__u32 end;  /* of the name; 0: it was not there */
};

static long names_fold_byte(__u32 i, struct names_folding *fold)
{
	struct names_scratch *s = fold->s;
	__u8 byte;

	i &= NAME_BYTES - 1;
	byte = s->message[DNS_BEFORE_NAME + i];
	if (fold->left) {
		fold->left--;
		if (byte >= 'A' && byte <= 'Z')
			byte |= 0x20;
	} else {
		if (byte > NAMES_LABEL)
			return 1;
		fold->left = byte;
		if (!byte) {
			fold->end = i + 1;
			return 1;
		}
	}
	((__u8 *)s->key.name)[i] = byte;
	return 0;
}

/* Folds the name in question into the key. Returns its end; 0: that is not within the key, or it is compressed. By bpf_loop: the
 * verifier follows a byte once, not each of them. */
static __always_inline __u32 names_fold(struct names_scratch *s)
{
	struct names_folding fold = {.s = s};

	__builtin_memset(&s->key, 0, sizeof(s->key));
	bpf_loop(NAME_BYTES, names_fold_byte, &fold, 0);
	return fold.end;
}

/* The bytes of the name in question, which is in the key then; 0: it is not one plain question of which nothing is left
 * out and behind which nothing is but an EDNS record. "length" is the message's. */
static __always_inline __u32 names_read(struct names_scratch *s, __u32 length)
{
	struct dns_head *head = (struct dns_head *)s->message;
	struct dns_asked *asked;
	struct dns_option *option;
	__u32 end;

	if (head->flags & bpf_htons(DNS_NO_QUERY) || head->questions != bpf_htons(1) || head->answers ||
	    head->authorities || head->additional & bpf_htons(0xfffe))
		return 0;
	end = names_fold(s) & NAMES_MASK;
	if (!end)
		return 0;
	asked = (struct dns_asked *)(s->message + DNS_BEFORE_NAME + end);
	if (asked->class != bpf_htons(DNS_INTERNET) ||
	    (asked->type != bpf_htons(DNS_A) && asked->type != bpf_htons(DNS_AAAA)))
		return 0;
	if (!head->additional)
		return length == DNS_WITHOUT_NAME + end ? end : 0;
	option = (struct dns_option *)(s->message + DNS_WITHOUT_NAME + end);
	if (option->name || option->type != bpf_htons(DNS_OPT) || option->version ||
	    length != DNS_WITHOUT_NAME + end + sizeof(*option) + bpf_ntohs(option->length))
		return 0;
	return end;
}

/* Writes the records behind the question, beginning with any of them. Returns the message's length. */
static __always_inline __u32 names_write(struct names_scratch *s, const struct name_entry *entry, __u32 end, bool v6)
{
	const __u32 size = v6 ? sizeof(struct ip_addr) : sizeof(__be32);
	__u32 count = v6 ? entry->count6 : entry->count4, first = bpf_get_prandom_u32(), written = 0;
	struct dns_head *head = (struct dns_head *)s->message;
	__u8 *at = s->message + DNS_WITHOUT_NAME + end;

	if (count > NAME_ADDRESSES)
		count = NAME_ADDRESSES;
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < NAME_ADDRESSES; i++) {
		struct dns_address *record = (struct dns_address *)at;
		__u32 chosen;

		if (i >= count)
			break;
		chosen = (first + i) % count % NAME_ADDRESSES;
		record->name = bpf_htons(DNS_QUESTION);
		record->type = bpf_htons(v6 ? DNS_AAAA : DNS_A);
		record->class = bpf_htons(DNS_INTERNET);
		record->ttl = bpf_htonl(NAMES_TTL);
		record->length = bpf_htons(size);
		if (v6)
			__builtin_memcpy(record + 1, &entry->ipv6[chosen], sizeof(struct ip_addr));
		else
			__builtin_memcpy(record + 1, &entry->ipv4[chosen], sizeof(__be32));
		at += sizeof(*record) + size;
		written++;
	}
	head->flags = bpf_htons(DNS_ANSWERED) | (head->flags & bpf_htons(DNS_KEPT));
	head->answers = bpf_htons((__u16)written);
	head->additional = 0;
	return DNS_WITHOUT_NAME + end + written * (sizeof(struct dns_address) + size);
}

/* Turns the headers round. "change" is that of the message's sum. A sender leaves the checksum to the device; the
 * helper sees that. */
static __always_inline bool names_turn_round(struct __sk_buff *skb, bool v6, __u32 offset, __u32 length, __s64 change)
{
	const __u64 flags = BPF_F_MARK_MANGLED_0;
	__be16 before, now = bpf_htons((__u16)(sizeof(struct udp_head) + length));
	__u32 check = offset + offsetof(struct udp_head, check);
	struct ethhdr *eth;
	struct udp_head *udp;
	__be16 port;

	udp = PARSE_AT(skb, offset, struct udp_head);
	if (!udp)
		return false;
	before = udp->length;
	if (bpf_l4_csum_replace(skb, check, 0, (__u64)change, flags) ||
	    bpf_l4_csum_replace(skb, check, before, now, flags | sizeof(now)) ||
	    bpf_l4_csum_replace(skb, check, before, now, flags | BPF_F_PSEUDO_HDR | sizeof(now)))
		return false;
	eth = PARSE_AT(skb, 0, struct ethhdr);
	udp = PARSE_AT(skb, offset, struct udp_head);
	if (!eth || !udp)
		return false;
	turn_round_link(eth);
	port = udp->ports.source;
	udp->ports.source = udp->ports.dest;
	udp->ports.dest = port;
	udp->length = now;
	if (v6) {
		struct ipv6hdr *ip = PARSE_AT(skb, ETH_HLEN, struct ipv6hdr);
		struct ip_addr from;

		if (!ip)
			return false;
		__builtin_memcpy(&from, &ip->daddr, sizeof(from));
		__builtin_memcpy(&ip->daddr, &ip->saddr, sizeof(from));
		__builtin_memcpy(&ip->saddr, &from, sizeof(from));
		ip->payload_len = now;
		ip->hop_limit = ANSWER_TTL;
	} else {
		struct iphdr *ip = PARSE_AT(skb, ETH_HLEN, struct iphdr);
		__be32 from;

		if (!ip)
			return false;
		from = ip->daddr;
		ip->daddr = ip->saddr;
		ip->saddr = from;
		ip->tot_len = bpf_htons((__u16)(sizeof(*ip) + sizeof(*udp) + length));
		ip->ttl = ANSWER_TTL;
		ip->check = 0;
		ip->check = answer_checksum(bpf_csum_diff(0, 0, (__be32 *)ip, sizeof(*ip), 0));
	}
	return true;
}

static __always_inline void names_count(bool with_addresses)
{
	__u32 slot = with_addresses ? 0 : 1;
	__u64 *answers = bpf_map_lookup_elem(&weir_name_count, &slot);

	if (answers)
		(*answers)++;
}

static __always_inline bool names_is_question(const struct packet *p, bool reply)
{
	return p->protocol == L4_UDP && p->dport == bpf_htons(NAMES_PORT) && !reply;
}

/* Answers a whole datagram of an endpoint's, if it asks for a name of its network. */
__noinline int names_answer(struct __sk_buff *skb, const struct packet *p, __u32 endpoint)
{
	__u32 zero = 0, length, end, offset;
	struct endpoint_entry *asker = bpf_map_lookup_elem(&weir_endpoint, &endpoint);
	struct names_scratch *s = bpf_map_lookup_elem(&weir_question, &zero);
	struct name_entry *entry;
	struct udp_head *udp;
	__s64 change;
	bool v6, asks_v6;

	if (!p || !asker || !s || p->flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT))
		return NAMES_NOT_OURS;
	v6 = p->flags & PACKET_IPV6;
	offset = ETH_HLEN + (v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	udp = PARSE_AT(skb, offset, struct udp_head);
	length = p->length;
	/* Between the headers may be another, which the answer would have, too. */
	if (!udp || p->l4_off != offset || bpf_ntohs(udp->length) != length)
		return NAMES_NOT_OURS;
	length -= sizeof(*udp);
	if (length < DNS_WITHOUT_NAME || length > NAMES_MESSAGE)
		return NAMES_NOT_OURS;
	__builtin_memset(s->message, 0, sizeof(s->message));
	if (bpf_skb_load_bytes(skb, offset + sizeof(*udp), s->message, length))
		return NAMES_NOT_OURS;
	end = names_read(s, length);
	if (!end)
		return NAMES_NOT_OURS;
	s->key.network_id = asker->network_id;
	entry = bpf_map_lookup_elem(&weir_name, &s->key);
	if (!entry)
		return NAMES_NOT_OURS;

	end &= NAMES_MASK;
	asks_v6 = ((struct dns_asked *)(s->message + DNS_BEFORE_NAME + end))->type == bpf_htons(DNS_AAAA);
	change = bpf_csum_diff((__be32 *)s->message, sizeof(s->message), 0, 0, 0);
	__builtin_memset(s->message, 0, sizeof(s->message));
	if (bpf_skb_load_bytes(skb, offset + sizeof(*udp), s->message, DNS_WITHOUT_NAME + end))
		return NAMES_NOT_OURS;
	length = asks_v6 ? names_write(s, entry, end, true) : names_write(s, entry, end, false);
	change = bpf_csum_diff(0, 0, (__be32 *)s->message, sizeof(s->message), (__wsum)change);
	if (bpf_skb_change_tail(skb, offset + sizeof(*udp) + length, 0))
		return NAMES_NOT_OURS;
	/* What the verifier of Linux 6.1 knows of it is lost by then. */
	asm volatile("" : "+r"(length));
	if (length < DNS_WITHOUT_NAME || length > NAMES_MESSAGE ||
	    bpf_skb_store_bytes(skb, offset + sizeof(*udp), s->message, length, 0) ||
	    bpf_skb_pull_data(skb, offset + sizeof(*udp)) ||
	    !names_turn_round(skb, v6, offset, length, change))
		return NAMES_BROKEN;
	names_count(length > DNS_WITHOUT_NAME + end);
	return NAMES_ANSWERED;
}

/* Monitors that ask for every packet see the answer, too. */
static __always_inline void names_trace(struct __sk_buff *skb, struct packet *p, struct report *r)
{
	struct ip_addr from = p->dst;
	__be16 port = p->dport;

	if (!(weir_settings.flags & SETTINGS_TRACE))
		return;
	p->dst = p->src;
	p->src = from;
	p->dport = p->sport;
	p->sport = port;
	r->is_reply = true;
	event_emit(skb, p, r, EVENT_TRACE, DROP_REASON_NONE);
}
