// SPDX-License-Identifier: Apache-2.0
/* The benchmark's command, the same on this machine's kernel and in the emulated one:
 *   balancer attach DEVICE OBJECT PROGRAM    one of traffic.bpf.c, as XDP
 *   balancer weir DEVICE OBJECT MODE SERVICES VIP    Weir's program, with that many services
 *   balancer run DEVICE OBJECT SINK OPENING FLOWS COUNT VIP ARRIVED/BITS
 * The family is VIP's.
 * "run" sends COUNT packets of FLOWS flows (0: each of its own) to VIP, port 80, out of DEVICE and
 * counts at DEVICE what comes back, in XDP or at tc (SINK: xdp, tc); or what has come to the
 * balancer, in XDP or behind it (SINK: floor, floor-tc). Flows of before are opened with OPENING
 * (syn, ack). Prints: arrived sent nanoseconds. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "../../bpf/abi/config.h"
#include "../../bpf/abi/service.h"
#include "../../bpf/lib/bucket.h"
#include "traffic.h"

#define BALANCER_NAMESPACE "/run/netns/balancer"
#define BALANCER_DEVICE "nic"

enum {
	SERVICE_PORT = 80,
	BACKENDS = 16,
	SLOTS = 16384,	   /* of the service under test */
	SLOTS_OTHERS = 64, /* of each other one */
	BATCH = 64,
	FIRST_NEW_FLOW = 1 << 20, /* no known one's */
	TCP = 6,
	TCP_OPENS = 2,
	TCP_GOES_ON = 16,
};

static const unsigned char balancer_mac[6] = {2, 0, 0, 0, 0, 1};
static const unsigned char outside_mac[6] = {2, 0, 0, 0, 0, 2};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "balancer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static unsigned int device(const char *name)
{
	unsigned int index = if_nametoindex(name);

	if (!index)
		die(name);
	return index;
}

static struct bpf_object *load(const char *path)
{
	struct bpf_object *object = bpf_object__open(path);

	if (!object || bpf_object__load(object))
		die(path);
	return object;
}

static int program(struct bpf_object *object, const char *name)
{
	struct bpf_program *found = bpf_object__find_program_by_name(object, name);

	if (!found)
		die(name);
	return bpf_program__fd(found);
}

static void attach_xdp(const char *name, int fd)
{
	if (bpf_xdp_attach((int)device(name), fd, XDP_FLAGS_DRV_MODE, NULL))
		die("attach XDP");
}

static void attach_tc(const char *name, int fd)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)device(name),
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = fd, .handle = 1, .priority = 1,
		    .flags = BPF_TC_F_REPLACE);

	/* It may be there from the run before: no reason to print. */
	libbpf_set_print(NULL);
	bpf_tc_hook_create(&hook);
	if (bpf_tc_attach(&hook, &opts))
		die("attach tc");
}

/* Weir's maps, as the agent fills them. */

static struct {
	struct service_bucket bucket[BUCKET_COUNT];
	struct bucket_addresses address[BUCKET_COUNT];
} buckets;

static struct {
	struct backend_hop ipv4[HOP_COUNT];
	struct backend_hop6 ipv6[HOP_COUNT];
} hops;

static void put(struct bpf_object *object, const char *map, const void *key, const void *value)
{
	int fd = bpf_object__find_map_fd_by_name(object, map);

	if (fd < 0 || bpf_map_update_elem(fd, key, value, BPF_ANY))
		die(map);
}

static bool is_ipv6(const char *address)
{
	return strchr(address, ':');
}

/* An address "more" after that one. */
static struct ip_addr address_of(const char *text, __u32 more)
{
	struct ip_addr addr = {.word = {0, 0, htonl(0xffff)}};

	if (inet_pton(is_ipv6(text) ? AF_INET6 : AF_INET, text, is_ipv6(text) ? &addr.word[0] : &addr.word[3]) != 1)
		die(text);
	addr.word[3] = htonl(ntohl(addr.word[3]) + more);
	return addr;
}

static void put_hop_ipv6(__u32 id, const struct backend_entry *backend)
{
	struct backend_hop6 *hop = &hops.ipv6[id];

	memcpy(&hop->mac, backend->mac, sizeof(backend->mac));
	memcpy(&hop->source_mac, backend->source_mac, sizeof(backend->source_mac));
	hop->source = backend->source;
	hop->outer = backend->outer;
	hop->ifindex = backend->ifindex;
	hop->flags = backend->flags;
}

static void put_hop(__u32 id, const struct backend_entry *backend)
{
	struct backend_hop *hop = &hops.ipv4[id];
	const __be32 ends[2] = {backend->source.word[3], backend->outer.word[3]};
	__u32 sum = htons(0x4000) + htons(64 << 8 | 4); /* do not fragment; time to live, protocol */

	memcpy(&hop->mac, backend->mac, sizeof(backend->mac));
	memcpy(&hop->source_mac, backend->source_mac, sizeof(backend->source_mac));
	hop->source = ends[0];
	hop->outer = ends[1];
	hop->ifindex = backend->ifindex;
	hop->flags = backend->flags;
	for (int i = 0; i < 2; i++)
		sum += (ends[i] & 0xffff) + (ends[i] >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	hop->sum = (__u16)(sum + (sum >> 16));
}

static void put_backend(struct bpf_object *object, __u32 id, unsigned int ifindex, bool v6)
{
	struct backend_entry backend = {
	    .port = htons(SERVICE_PORT),
	    .flags = BACKEND_PRESENT,
	    .ifindex = ifindex,
	};

	backend.addr = address_of(v6 ? "fd09:1::" : "10.9.1.0", id);
	backend.outer = backend.addr;
	backend.source = address_of(v6 ? "fd09::1" : "10.9.0.1", 0);
	memcpy(backend.mac, outside_mac, sizeof(backend.mac));
	memcpy(backend.source_mac, balancer_mac, sizeof(backend.source_mac));
	put(object, "weir_backend", &id, &backend);
	if (v6)
		put_hop_ipv6(id, &backend);
	else
		put_hop(id, &backend);
}

static void put_bucket(const struct service_key *key, const struct service_entry *entry, bool v6)
{
	struct service_bucket *bucket;
	__u64 packed, half[2];
	int way = 0;

	memcpy(half, &key->addr, sizeof(half));
	packed = v6 ? bucket_key_ipv6(half[0], half[1], key->port, key->protocol)
		    : bucket_key(key->addr.word[3], key->port, key->protocol);
	bucket = &buckets.bucket[bucket_index(packed)];

	while (way < BUCKET_WAYS && bucket->way[way].key)
		way++;
	if (way == BUCKET_WAYS) {
		bucket->more = 1;
		return;
	}
	buckets.address[bucket_index(packed)].way[way] = key->addr;
	bucket->way[way].key = packed;
	bucket->way[way].value =
	    (__u64)entry->slots << (64 - BUCKET_SLOT_BITS) |
	    (__u64)entry->frontend_id << (BUCKET_MASK_BITS + BUCKET_MODE_BITS) |
	    (__u64)entry->mode << BUCKET_MASK_BITS | entry->slot_mask;
}

static void put_service(struct bpf_object *object, __u32 id, struct ip_addr addr, bool v6,
			enum service_mode mode, __u32 first_slot, __u32 slots)
{
	struct service_entry entry = {
	    .slots = first_slot,
	    .slot_mask = slots - 1,
	    .frontend_id = id,
	    .mode = (__u8)mode,
	};
	struct frontend_entry frontend = {.addr = addr, .port = htons(SERVICE_PORT), .protocol = TCP};
	struct service_key key = {.addr = addr, .port = htons(SERVICE_PORT), .protocol = TCP};

	for (__u32 i = 0; i < slots; i++) {
		struct service_slot slot = {.backend = 1 + i % BACKENDS};
		__u32 index = first_slot + i;

		put(object, "weir_slot", &index, &slot);
	}
	put(object, "weir_frontend", &id, &frontend);
	put(object, "weir_service", &key, &entry);
	put_bucket(&key, &entry, v6);
}

static int serve(const char *name, const char *path, const char *mode_name, const char *services,
		 const char *vip)
{
	enum service_mode mode = !strcmp(mode_name, "snat")	? SERVICE_MODE_SNAT
				 : !strcmp(mode_name, "dsr-l2") ? SERVICE_MODE_DSR_L2
								: SERVICE_MODE_DSR;
	struct settings settings = {.revision = 1, .lb_flags = LB_SERVICES,
				    .nat_first_port = NAT_FIRST_PORT,
				    .nat_last_port = NAT_LAST_PORT};
	struct bpf_object *object = load(path);
	__u32 zero = 0, count = (__u32)atoi(services);
	bool v6 = is_ipv6(vip);

	if (mode == SERVICE_MODE_SNAT)
		settings.lb_flags |= LB_NAT;
	for (__u32 id = 1; id <= BACKENDS; id++)
		put_backend(object, id, device(name), v6);
	for (__u32 i = 1; i < count; i++)
		put_service(object, 1 + i, address_of(v6 ? "fd97::" : "10.97.0.0", i), v6, mode,
			    SLOTS + (i - 1) * SLOTS_OTHERS, SLOTS_OTHERS);
	put_service(object, 1, address_of(vip, 0), v6, mode, 0, SLOTS);
	put(object, ".bss.bucket", &zero, &buckets);
	put(object, ".bss.hop", &zero, &hops);
	put(object, ".data.weir_settings", &zero, &settings);
	attach_xdp(name, program(object, "weir_xdp"));
	return 0;
}

/* The traffic. */

static __u32 sum_words(const void *data, unsigned int bytes)
{
	const __u16 *word = data;
	__u32 sum = 0;

	for (unsigned int i = 0; i < bytes / 2; i++)
		sum += word[i];
	return sum;
}

static void make_link(unsigned char *frame, __u16 type)
{
	memcpy(frame, balancer_mac, 6);
	memcpy(frame + 6, outside_mac, 6);
	frame[12] = (unsigned char)(type >> 8);
	frame[13] = (unsigned char)type;
}

static void make_tcp(unsigned char *tcp, unsigned char flags)
{
	tcp[3] = SERVICE_PORT;
	tcp[7] = 1;
	tcp[11] = flags == TCP_GOES_ON;
	tcp[12] = 5 << 4;
	tcp[13] = flags;
	tcp[14] = 4;
}

static void make_frame_ipv6(struct traffic *t, const struct ip_addr *vip, unsigned char flags)
{
	enum { ETH = 14, IP = 40, SEGMENT = FRAME_BYTES_IPV6 - ETH - IP };
	unsigned char *f = (unsigned char *)t->frame, *ip = f + ETH, *tcp = ip + IP;

	memset(f, 0, FRAME_BYTES_IPV6);
	make_link(f, 0x86dd);
	ip[0] = 0x60;
	ip[5] = SEGMENT;
	ip[6] = TCP;
	ip[7] = 64;
	ip[8] = 0xfd; /* fd80::10.128.x.y */
	ip[9] = 0x80;
	memcpy(ip + 24, vip, 16);
	make_tcp(tcp, flags);
	t->tcp_sum = sum_words(tcp, SEGMENT) + sum_words(ip + 8, 32) + htons(TCP) + htons(SEGMENT);
}

static void make_frame(struct traffic *t, const struct ip_addr *vip, unsigned char flags)
{
	enum { ETH = 14, IP = 20, SEGMENT = FRAME_BYTES - ETH - IP };
	unsigned char *f = (unsigned char *)t->frame, *ip = f + ETH, *tcp = ip + IP;

	memset(f, 0, FRAME_BYTES);
	make_link(f, 0x800);
	ip[0] = 0x45;
	ip[3] = IP + SEGMENT;
	ip[6] = 0x40; /* don't fragment */
	ip[8] = 64;
	ip[9] = TCP;
	memcpy(ip + 16, &vip->word[3], 4);
	make_tcp(tcp, flags);
	t->ip_sum = sum_words(ip, IP);
	t->tcp_sum = sum_words(tcp, SEGMENT) + sum_words(ip + 16, 4) + htons(TCP) + htons(SEGMENT);
}

static __u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (__u64)t.tv_sec * 1000000000 + (__u64)t.tv_nsec;
}

static __u64 came_back(const volatile struct traffic *t)
{
	return t->arrived + t->astray;
}

/* Sends, and waits until the last one is back or nothing has come for a while. */
static void send_frames(int fd, volatile struct traffic *t, __u32 bytes, __u32 count)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = (const void *)t->frame,
		    .data_size_in = bytes, .repeat = (int)count, .batch_size = BATCH,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	__u64 expected = came_back(t) + count, seen = came_back(t), since;

	if (bpf_prog_test_run_opts(fd, &run))
		die("send");
	since = now_ns();
	while (came_back(t) < expected && now_ns() - since < 20000000) {
		if (came_back(t) != seen) {
			seen = came_back(t);
			since = now_ns();
		}
		usleep(100);
	}
	/* Some were lost: the last one that was not stopped the clock. */
	if (came_back(t) < expected)
		t->end_ns = since;
}

static void set_arrived(struct traffic *t, char *prefix)
{
	char *slash = strchr(prefix, '/');
	unsigned char *mask = (unsigned char *)t->arrived_mask;
	struct ip_addr addr;

	*slash = 0;
	for (int bit = 0; bit < atoi(slash + 1); bit++)
		mask[bit / 8] |= (unsigned char)(0x80 >> bit % 8);
	addr = address_of(prefix, 0);
	if (is_ipv6(prefix))
		memcpy(t->arrived_address, &addr, sizeof(addr));
	else
		t->arrived_address[0] = addr.word[3];
	for (int half = 0; half < 2; half++)
		t->arrived_address[half] &= t->arrived_mask[half];
}

/* The floors end at the balancer's device, in its network namespace. */
static void attach_sink(struct bpf_object *object, const char *name, const char *sink, bool v6)
{
	const char *tc = v6 ? "weir_sink_tc_ipv6" : "weir_sink_tc";
	const char *xdp = v6 ? "weir_sink_xdp_ipv6" : "weir_sink_xdp";
	bool is_floor = !strncmp(sink, "floor", 5);
	int own = open("/proc/self/ns/net", O_RDONLY), other;

	if (is_floor) {
		other = open(BALANCER_NAMESPACE, O_RDONLY);
		if (other < 0 || setns(other, CLONE_NEWNET))
			die(BALANCER_NAMESPACE);
		close(other);
	}
	if (!strcmp(sink, "tc"))
		attach_tc(name, program(object, tc));
	else if (!strcmp(sink, "xdp"))
		attach_xdp(name, program(object, xdp));
	else if (!strcmp(sink, "floor"))
		attach_xdp(BALANCER_DEVICE, program(object, "weir_floor"));
	else
		attach_tc(BALANCER_DEVICE, program(object, tc));
	if (is_floor && setns(own, CLONE_NEWNET))
		die("setns");
	close(own);
}

static struct traffic *map_traffic(struct bpf_object *object)
{
	int fd = bpf_object__find_map_fd_by_name(object, ".bss");
	void *at = mmap(NULL, sizeof(struct traffic), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		die(".bss");
	return at;
}

static int run(char **argv)
{
	const char *name = argv[0], *sink = argv[2], *opening = argv[3];
	__u32 flows = (__u32)atoi(argv[4]), count = (__u32)atoi(argv[5]);
	struct ip_addr vip = address_of(argv[6], 0);
	bool v6 = is_ipv6(argv[6]);
	void (*make)(struct traffic *, const struct ip_addr *, unsigned char) =
	    v6 ? make_frame_ipv6 : make_frame;
	__u32 bytes = v6 ? FRAME_BYTES_IPV6 : FRAME_BYTES;
	struct bpf_object *object = load(argv[1]);
	int fd = program(object, v6 ? "weir_traffic_ipv6" : "weir_traffic");
	struct traffic *t = map_traffic(object);
	__u64 arrived, sent;

	t->ifindex = device(name);
	set_arrived(t, argv[7]);
	attach_sink(object, name, sink, v6);
	t->flow_mask = flows ? flows - 1 : ~0u;
	t->sent = flows ? 0 : FIRST_NEW_FLOW;
	make(t, &vip, flows && !strcmp(opening, "ack") ? TCP_GOES_ON : TCP_OPENS);
	send_frames(fd, t, bytes, flows ? 2 * flows : PORTS_EACH);
	make(t, &vip, flows ? TCP_GOES_ON : TCP_OPENS);
	arrived = t->arrived;
	sent = t->sent;
	t->first = sent;
	t->last = came_back(t) + count;
	send_frames(fd, t, bytes, count);
	printf("%llu %llu %llu\n", t->arrived - arrived, t->sent - sent, t->end_ns - t->begin_ns);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "attach")) {
		attach_xdp(argv[2], program(load(argv[3]), argv[4]));
		return 0;
	}
	if (argc == 7 && !strcmp(argv[1], "weir"))
		return serve(argv[2], argv[3], argv[4], argv[5], argv[6]);
	if (argc == 10 && !strcmp(argv[1], "run"))
		return run(argv + 2);
	fprintf(stderr, "usage: balancer attach|weir|run ...\n");
	return 2;
}
