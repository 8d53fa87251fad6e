// SPDX-License-Identifier: Apache-2.0
/* Loads and runs every program of BPF objects, each by itself, and says so line by line:
 *   load CGROUP OBJECT...
 *   -> "load NAME ok INSTRUCTIONS", "run NAME ok RESULT"; the verifier's log of what fails
 * Ends with the number of failures. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LOG_BYTES = 4 << 20,
	LOG_LINES = 40,
	TCP = 6,
};

static int cgroup_fd = -1;
static int failures;

static int print_warnings(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stdout, format, args) : 0;
}

static void fail(const char *verb, const char *name, int error)
{
	failures++;
	printf("%s %s failed: %s\n", verb, name, strerror(error < 0 ? -error : error));
}

/* The last lines say what the verifier disliked. */
static void print_tail(const char *log)
{
	const char *at = log + strlen(log);

	for (int lines = 0; at > log && lines <= LOG_LINES; at--)
		lines += at[-1] == '\n';
	printf("%s\n", at);
}

/* An opening segment from 192.0.2.1:4000 to 192.0.2.2:80. */
static const unsigned char tcp4[64] = {
    2,	  0,	0, 0,	 0, 1,	2,   0,	   0,	 0,   0, 2, 8,	  0,   0x45, 0, 0,
    40,	  0,	0, 0x40, 0, 64, TCP, 0xb6, 0xce, 192, 0, 2, 1,	  192, 0,    2, 2,
    0x0f, 0xa0, 0, 80,	 0, 0,	0,   1,	   0,	 0,   0, 0, 0x50, 2,   4,    0,
};

/* The same from 2001:db8::1 to 2001:db8::2. */
static const unsigned char tcp6[78] = {
    2,	  0,	0,    0,  0,	1,    2,    0,	  0, 0, 0, 2, 0x86, 0xdd, 0x60, 0, 0, 0,
    0,	  24,	TCP,  64, 0x20, 1,    0x0d, 0xb8, 0, 0, 0, 0, 0,    0,	  0,	0, 0, 0,
    0,	  1,	0x20, 1,  0x0d, 0xb8, 0,    0,	  0, 0, 0, 0, 0,    0,	  0,	0, 0, 2,
    0x0f, 0xa0, 0,    80, 0,	0,    0,    1,	  0, 0, 0, 0, 0x60, 2,	  4,	0,
};

static int run_frame(int fd, const unsigned char *frame, unsigned int length, __u32 *result)
{
	unsigned char out[256];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = length,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);
	int error = bpf_prog_test_run_opts(fd, &run);

	*result = run.retval;
	return error;
}

static int run_lookup(int fd, __u32 *result)
{
	struct bpf_sk_lookup context = {
	    .family = AF_INET,
	    .protocol = IPPROTO_TCP,
	    .remote_ip4 = htonl(0xc0000201),
	    .remote_port = htons(4000),
	    .local_ip4 = htonl(0xc0000202),
	    .local_port = 80,
	};
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &context, .ctx_size_in = sizeof(context));
	int error = bpf_prog_test_run_opts(fd, &run);

	*result = run.retval;
	return error;
}

/* Whatever a program at a cgroup's sockets is for: one socket to itself that does it all. */
static int exchange(int family)
{
	struct sockaddr_storage address = {.ss_family = (sa_family_t)family}, peer;
	socklen_t length =
	    family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	socklen_t peer_length = sizeof(peer);
	int fd = socket(family, SOCK_DGRAM, 0), error = 0;
	char byte = 0;

	if (fd < 0)
		return -errno;
	if (family == AF_INET)
		((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)&address)->sin6_addr = in6addr_loopback;
	if (bind(fd, (struct sockaddr *)&address, length) ||
	    getsockname(fd, (struct sockaddr *)&address, &length) ||
	    sendto(fd, &byte, 1, 0, (struct sockaddr *)&address, length) != 1 ||
	    recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&peer, &peer_length) != 1 ||
	    connect(fd, (struct sockaddr *)&address, length) ||
	    getpeername(fd, (struct sockaddr *)&peer, &peer_length))
		error = -errno;
	close(fd);
	return error;
}

/* They have no test run: attached where this process lives, they see real calls. */
static int run_attached(int fd, enum bpf_attach_type type, __u32 *result)
{
	int error = bpf_prog_attach(fd, cgroup_fd, type, 0);

	if (error)
		return error;
	error = exchange(AF_INET);
	if (!error)
		error = exchange(AF_INET6);
	bpf_prog_detach2(fd, cgroup_fd, type);
	*result = 1;
	return error;
}

/* A connection of one socket to another, and its end. */
static int converse(int family)
{
	struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
	socklen_t length =
	    family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	int listener = socket(family, SOCK_STREAM, 0), client = socket(family, SOCK_STREAM, 0);
	int server = -1, error = 0;
	char byte = 0;

	if (family == AF_INET)
		((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)&address)->sin6_addr = in6addr_loopback;
	if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &length) ||
	    connect(client, (struct sockaddr *)&address, length) ||
	    (server = accept(listener, NULL, NULL)) < 0 || write(client, &byte, 1) != 1 ||
	    read(server, &byte, 1) != 1)
		error = -errno;
	close(client);
	close(server);
	close(listener);
	return error;
}

static int run_measuring(int fd, __u32 *result)
{
	int error = bpf_prog_attach(fd, cgroup_fd, BPF_CGROUP_SOCK_OPS, 0);

	if (error)
		return error;
	error = converse(AF_INET);
	if (!error)
		error = converse(AF_INET6);
	bpf_prog_detach2(fd, cgroup_fd, BPF_CGROUP_SOCK_OPS);
	*result = 1;
	return error;
}

/* Asked about a flow that nobody has. */
static int run_asked(int fd, __u32 *result)
{
	char key[40] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = key, .ctx_size_in = sizeof(key));
	int error = bpf_prog_test_run_opts(fd, &run);

	*result = run.retval;
	return error;
}

/* Walks its map, in which nothing is. */
static int run_reader(struct bpf_object *object, struct bpf_program *program, __u32 *result)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, "weir_tcp");
	union bpf_iter_link_info info = {.map = {.map_fd = map ? bpf_map__fd(map) : -1}};
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info,
		    .link_info_len = sizeof(info));
	struct bpf_link *link = bpf_program__attach_iter(program, &options);
	char bytes[256];
	int fd;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	*result = fd >= 0 ? (__u32)read(fd, bytes, sizeof(bytes)) : 0;
	bpf_link__destroy(link);
	if (fd < 0)
		return fd;
	close(fd);
	return *result == 0 ? 0 : -EIO;
}

static void run(const char *name, struct bpf_object *object, struct bpf_program *program)
{
	int fd = bpf_program__fd(program), error;
	__u32 result = 0, result6 = 0;

	switch (bpf_program__type(program)) {
	case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_SCHED_CLS:
		error = run_frame(fd, tcp4, sizeof(tcp4), &result);
		if (!error)
			error = run_frame(fd, tcp6, sizeof(tcp6), &result6);
		break;
	case BPF_PROG_TYPE_SK_LOOKUP:
		error = run_lookup(fd, &result);
		break;
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
		error = run_attached(fd, bpf_program__expected_attach_type(program), &result);
		break;
	case BPF_PROG_TYPE_SOCK_OPS:
		error = run_measuring(fd, &result);
		break;
	case BPF_PROG_TYPE_SYSCALL:
		error = run_asked(fd, &result);
		break;
	case BPF_PROG_TYPE_TRACING:
		error = run_reader(object, program, &result);
		break;
	default:
		error = ENOTSUP;
	}
	if (error)
		fail("run", name, error);
	else
		printf("run %s ok %u\n", name, result);
}

/* Constants as for a device without an Ethernet header, which has the prefilter (struct device_config). */
static void make_bare(struct bpf_object *object)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, ".rodata");
	__u32 constants[16];
	size_t size = 0;
	const void *as_compiled = bpf_map__initial_value(map, &size);

	if (!as_compiled || size > sizeof(constants)) {
		fail("find", "the device's constants", ENOENT);
		return;
	}
	memcpy(constants, as_compiled, size);
	constants[0] = 0; /* link_header */
	constants[1] = 1; /* prefilter */
	if (bpf_map__set_initial_value(map, constants, size))
		fail("set", "the device's constants", errno);
}

/* Loads only the program called so. */
static void load(const char *path, const char *name, bool bare, char *log)
{
	struct bpf_object *object = bpf_object__open(path);
	struct bpf_program *program, *wanted = NULL;
	int error;

	if (!object) {
		fail("open", path, errno);
		return;
	}
	bpf_object__for_each_program(program, object)
	{
		bool is_it = !strcmp(bpf_program__name(program), name);

		bpf_program__set_autoload(program, is_it);
		wanted = is_it ? program : wanted;
	}
	if (bare)
		make_bare(object);
	log[0] = 0;
	bpf_program__set_log_buf(wanted, log, LOG_BYTES);
	error = bpf_object__load(object);
	if (error) {
		fail("load", name, error);
		print_tail(log);
	} else {
		printf("load %s ok %zu\n", name, bpf_program__insn_cnt(wanted));
		run(name, object, wanted);
	}
	fflush(stdout);
	bpf_object__close(object);
}

static void load_all(const char *path, char *log)
{
	struct bpf_object *object = bpf_object__open(path);
	struct bpf_program *program;

	if (!object) {
		fail("open", path, errno);
		return;
	}
	bpf_object__for_each_program(program, object)
	{
		load(path, bpf_program__name(program), false, log);
		if (strstr(path, "/host.bpf.o"))
			load(path, bpf_program__name(program), true, log);
	}
	bpf_object__close(object);
}

int main(int argc, char **argv)
{
	char *log = malloc(LOG_BYTES);

	if (argc < 3 || !log) {
		fprintf(stderr, "usage: load CGROUP OBJECT...\n");
		return 2;
	}
	libbpf_set_print(print_warnings);
	cgroup_fd = open(argv[1], O_RDONLY | O_DIRECTORY);
	for (int i = 2; i < argc; i++)
		load_all(argv[i], log);
	printf("%d failed\n", failures);
	free(log);
	return failures != 0;
}
