/* SPDX-License-Identifier: GPL-2.0 */
/* weir_http: by an HTTP policy's number an automaton over the head of a request, as lib/http.h
 * walks it.
 *
 * A state is the place of its row among the slots. The slot of a byte's class in a row is the row's
 * if it says so, and tells where the byte leads. Any other class leads where it does from the row's
 * model, which the slot of class 0 names: another state, or a row of which every slot is there.
 * Rows of few slots lie between one another's. State 0 is that in which bytes of headers pass that
 * nobody looks at. */
#pragma once
#include "conntrack.h"

enum http_layout {
	HTTP_SLOTS = 32768,   /* a power of two */
	HTTP_ACTION = 0x8000, /* a slot leads to an action: what is done is two slots there */
	HTTP_STAY = 0x7fff,   /* a slot of a model leads to the row whose model it is */
	HTTP_NO_ROW = 0xffff, /* whose a slot is that is no row's */
	HTTP_WORDS = 4,	      /* of a set of rules */
	HTTP_RULES = 256,     /* 64 a word */
	HTTP_MASKS = 512,     /* sets of rules */
	HTTP_CONDITIONS = 32, /* on headers: a bit each */
	HTTP_VALUES = 64,     /* what headers can say to them */
	HTTP_HEAD = 3072,     /* bytes of a head that are looked at; fewer than 1000 headers take */
	HTTP_METHOD_BYTES = 32, /* of a method, as the proxy's reader has it */
};

/* Where in a table what lies: written by the agent, by these. */
enum http_place {
	HTTP_AT_CLASSES = 0, /* of each byte its class, from 1 on */
	HTTP_AT_SLOTS = 256, /* each: whose it is, where it leads (16 bits each); of an action:
				HTTP_ACTION + what, argument, and in the next where to go on */
	HTTP_AT_MASKS = 131328,
	HTTP_AT_NEEDS = 147712,	  /* of each condition the rules that need it */
	HTTP_AT_RULES = 148736,	  /* of each rule its number */
	HTTP_AT_VALUES = 149760,  /* conditions that a header is about, and those that it fulfils */
	HTTP_AT_START = 150272,	  /* the first state; 16 bits, as what follows */
	HTTP_AT_NO_HOST = 150274, /* the set of rules that a request to no host fulfils */
	HTTP_AT_CONDITIONS = 150276, /* how many there are */
	HTTP_TABLE_BYTES = 150280,
};

enum http_action {
	HTTP_ACTION_NONE = 0,
	HTTP_ACTION_GIVE_UP = 1,      /* not plainly understood */
	HTTP_ACTION_METHOD = 2,	      /* a set of rules */
	HTTP_ACTION_PATH = 3,	      /* a set of rules */
	HTTP_ACTION_VERSION = 4,      /* minor version */
	HTTP_ACTION_HOST = 5,	      /* begins */
	HTTP_ACTION_HOST_PORT = 6,    /* a set of rules, by what stands before the port */
	HTTP_ACTION_HOST_BRACKET = 7, /* what came was no port */
	HTTP_ACTION_HOST_END = 8,     /* a set of rules, by all of it */
	HTTP_ACTION_LENGTH = 9,	      /* begins */
	HTTP_ACTION_LENGTH_DIGIT = 10,
	HTTP_ACTION_CONNECTION = 11, /* 1: close */
	HTTP_ACTION_VALUE = 12,	     /* a number of HTTP_VALUES */
	HTTP_ACTION_END = 13,
};

/* What the kernel says of a request. Only the second lets it pass. */
enum http_answer {
	HTTP_ANSWER_UNCLEAR = 0, /* not plainly understood: the proxy's to decide */
	HTTP_ANSWER_ALLOWED = 1,
	HTTP_ANSWER_DENIED = 2,
	HTTP_ANSWER_PARTIAL = 3, /* plain so far, and not whole */
};

/* A head that was judged; what it says of the request is true only of a whole one. */
struct http_head {
	__u64 body;    /* bytes of it, behind the head */
	__u32 rule_id; /* of the last end that was asked: the rule that allows it; 0: none does */
	__u16 length;  /* of the head */
	__u8 flags;    /* enum http_head_flag */
	__u8 answer;   /* enum http_answer */
};

enum http_head_flag {
	HTTP_HEAD_VERSION_11 = 1,
	HTTP_HEAD_HOST = 2,	   /* it is there */
	HTTP_HEAD_LENGTH = 4,	   /* Content-Length is */
	HTTP_HEAD_CONNECTION = 8,  /* Connection is */
	HTTP_HEAD_KEEP_ALIVE = 16, /* another request may follow */
	HTTP_HEAD_INGRESS = 32,	   /* the ingress end's policy said it, not the egress end's */
};

enum http_state {
	HTTP_STATE_OPENING = 0, /* the opener's first number is not known */
	HTTP_STATE_HEAD = 1,	/* a request's head is next */
	HTTP_STATE_BODY = 2,	/* bytes of a body are */
	HTTP_STATE_LAST = 3,	/* nothing is: the request before was the last */
	HTTP_STATE_TAKEN = 4,	/* the proxy is to take it over */
};

enum http_flow_limit {
	HTTP_NO_SCALE = 0xff, /* window scales were not agreed on */
};

enum http_flow_flag {
	HTTP_FLOW_SACK = 1,
	HTTP_FLOW_STAMPS = 2,
	HTTP_FLOW_CLOSES = 4, /* no request follows the one whose body this is */
	HTTP_FLOW_TOLD = 8,   /* asked_ns: an event of the request is in weir_http_seen */
	HTTP_FLOW_INTERIM = 16, /* asked_ns: an answer came that another follows */
};

/* weir_http_flow, by struct ct_key: what is known of a CT_HTTP flow's requests. */
struct http_flow {
	struct ct_key key; /* its own: memory of what is deleted may be another's at once */
	__u32 busy;	   /* a program changes it */
	__u8 state;	   /* enum http_state */
	__u8 flags;	   /* enum http_flow_flag: what both ends' handshake agreed on, and more */
	__u8 vain;	   /* packets in vain since the last that passed */
	__u8 _pad0;
	__u32 start;	    /* the opener's first byte */
	__u32 answer_start; /* the answerer's */
	__u32 next;	    /* behind what was judged */
	__u32 answered;	    /* behind what the answerer had sent when the last head passed */
	__u32 head;	    /* the last head that passed, and how long it is; 0: it has arrived */
	__u32 head_length;
	__u64 head_body; /* bytes of its body */
	__u64 body;	 /* HTTP_STATE_BODY: those that have not passed yet */
	__u32 requests;	 /* that passed */
	__u16 opener_mss;
	__u16 answerer_mss;
	__u8 opener_scale; /* of windows, or HTTP_NO_SCALE */
	__u8 answerer_scale;
	__u8 early; /* times that the answerer's first word, before any request, was held */
	__u8 _pad1[5];
	__u64 asked_ns; /* when the last head passed, as long as its answer was not seen to begin; else 0 */
};

/* weir_http_port: an endpoint whose connections to a port of another's begin with HTTP/2. */
struct http_port_key {
	__u16 src_endpoint;
	__u16 dst_endpoint;
	__be16 port;
};

struct http_port {
	__u64 until_ns; /* CLOCK_MONOTONIC, coarse: until then they are the proxy's from their SYN on */
};

enum take_over_limit {
	TAKE_OVER_BYTES = 4096, /* room for what follows a struct take_over */
};

enum take_over_flag {
	TAKE_OVER_SACK = 1,
	TAKE_OVER_STAMPS = 2, /* both ends have time stamps */
	TAKE_OVER_DENIED = 4,
	TAKE_OVER_PARTIAL = 8,
	TAKE_OVER_FIRST = 16, /* neither a request passed before, nor anything of the server's */
};

/* In weir_take_over: a connection that the proxy is to take over between two requests, where all that was sent before
 * has arrived. The first bytes that were not judged follow. It comes again until the proxy has it. */
struct take_over {
	struct ip_addr client;
	struct ip_addr server;
	__be16 client_port;
	__be16 server_port;
	__u32 seq;	    /* of the first byte that follows */
	__u32 ack;	    /* what the client expects next of the server */
	__u32 client_stamp; /* TAKE_OVER_STAMPS: the client's last */
	__u32 server_stamp; /* the server's, as the client has it */
	__u16 length;	    /* bytes that follow */
	__u16 client_mss;
	__u16 server_mss;
	__u16 client_window; /* as its packet says it, to be scaled */
	__u8 client_scale;   /* of windows, or HTTP_NO_SCALE */
	__u8 server_scale;
	__u8 flags; /* enum take_over_flag */
	__u8 _pad0;
};
