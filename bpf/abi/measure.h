/* SPDX-License-Identifier: GPL-2.0 */
/* TCP connections of this host's containers, as their own sockets measured them. */
#pragma once
#include "event.h"

enum tcp_end {
	TCP_END_NONE = 0, /* it lives */
	TCP_END_FIN = 1,
	TCP_END_RESET_BY_OPENER = 2,
	TCP_END_RESET_BY_OTHER = 3,
	TCP_END_REFUSED = 4,
	TCP_END_TIMED_OUT = 5,
	TCP_END_UNREACHABLE = 6, /* or another error that the way or the other host answered */
	TCP_END_ABANDONED = 7,	 /* closed before there was an answer */
};

/* A record of weir_events where the type is EVENT_TCP; a value of weir_tcp, of which what is
 * measured is filled in when it is read. */
struct tcp_event {
	struct event flow;  /* from who opened it; when it ended, or was read */
	__u64 cookie;	    /* the socket's */
	__u64 opened_ns;    /* CLOCK_MONOTONIC */
	__u64 sent;	    /* bytes of content, by who opened it; each once */
	__u64 received;	    /* by who opened it */
	__u32 handshake_us; /* from the SYN to its answer; at who was opened to, from the answer on;
			       0: there was none */
	__u32 rtt_us;	    /* smoothed (RFC 6298); 0: not measured */
	__u32 segments;	    /* with content, that this end sent */
	__u32 retransmits;  /* segments that it sent again */
	__u8 end;	    /* enum tcp_end */
	__u8 accepted;	    /* the end that measured is the one that was opened to */
	__u8 _pad0[6];
};
