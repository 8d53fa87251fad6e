// SPDX-License-Identifier: Apache-2.0
/* What a program sees of a connection whose bytes sk_msg hands from socket to socket, beside one of
 * plain TCP: sockmap REDIRECT.bpf.o prints a row for each thing that programs rely on, with what
 * TCP does and what happens here. The evidence of docs/adr/0052; see bench/sockmap.sh. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	MOST_UNREAD = 256 << 20,
	WAIT_MS = 1000,
};

static int sockets = -1;

struct pair {
	int sender;
	int receiver;
};

static void check(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

static __u32 port_of(int fd)
{
	struct sockaddr_in own;
	socklen_t length = sizeof(own);

	check(getsockname(fd, (struct sockaddr *)&own, &length), "getsockname");
	return ntohs(own.sin_port);
}

static void put_in(int fd)
{
	__u32 port = port_of(fd);
	__u64 value = (__u64)fd;

	check(bpf_map_update_elem(sockets, &port, &value, BPF_ANY), "put a socket into the map");
}

static struct pair open_pair(int redirected)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct pair p = {.sender = socket(AF_INET, SOCK_STREAM, 0)};
	struct timeval patience = {.tv_sec = 1}; /* who waits here waits for ever */

	check(bind(listener, (struct sockaddr *)&address, length), "bind");
	check(listen(listener, 1), "listen");
	check(getsockname(listener, (struct sockaddr *)&address, &length), "getsockname");
	check(connect(p.sender, (struct sockaddr *)&address, length), "connect");
	check(p.receiver = accept(listener, 0, 0), "accept");
	check(setsockopt(p.receiver, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)),
	      "SO_RCVTIMEO");
	close(listener);
	if (redirected) {
		put_in(p.sender);
		put_in(p.receiver);
	}
	return p;
}

static void close_pair(struct pair p)
{
	close(p.sender);
	close(p.receiver);
}

static void send_bytes(int fd, char value, size_t count, int flags)
{
	static char bytes[1 << 16];

	memset(bytes, value, count);
	check((int)send(fd, bytes, count, flags), "send");
}

static int is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, WAIT_MS) > 0;
}

/* Go's io.Copy between connections, HAProxy, and whoever else moves bytes without looking at them.
 */
static long spliced(struct pair p)
{
	int ends[2];
	long moved;

	check(pipe(ends), "pipe");
	send_bytes(p.sender, 'a', 100, 0);
	if (!is_readable(p.receiver))
		return -1;
	moved = splice(p.receiver, 0, ends[1], 0, 100, SPLICE_F_NONBLOCK);
	close(ends[0]);
	close(ends[1]);
	return moved < 0 ? 0 : moved;
}

/* nginx asks it to know whether to read on, Java what available() says. */
static long told_by_fionread(struct pair p)
{
	int count = 0;

	send_bytes(p.sender, 'a', 100, 0);
	is_readable(p.receiver);
	check(ioctl(p.receiver, FIONREAD, &count), "FIONREAD");
	return count;
}

/* Both halves are there before who waits for all of them is asked. */
static long waited_for_all(struct pair p)
{
	char bytes[200];
	pid_t later;

	send_bytes(p.sender, 'a', 100, 0);
	later = fork();
	if (later == 0) {
		usleep(WAIT_MS * 100);
		send_bytes(p.sender, 'b', 100, 0);
		_exit(0);
	}
	return recv(p.receiver, bytes, sizeof(bytes), MSG_WAITALL);
}

/* In KB: what a sender gets rid of towards somebody who reads nothing. */
static long unread(struct pair p)
{
	long taken = 0, count;

	while (taken < MOST_UNREAD) {
		static char bytes[1 << 16];

		count = send(p.sender, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (count < 0)
			break;
		taken += count;
	}
	return taken >> 10;
}

/* A map goes, an entry is deleted: of 200 bytes, how many arrive? */
static long left_after_removal(struct pair p)
{
	__u32 port = port_of(p.receiver);
	char bytes[300];
	long count = 0, more;

	send_bytes(p.sender, 'a', 100, 0);
	bpf_map_delete_elem(sockets, &port);
	send_bytes(p.sender, 'b', 100, 0);
	usleep(WAIT_MS * 100);
	while ((more = recv(p.receiver, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		count += more;
	return count;
}

/* Who sends without a copy waits to be told when the memory is his again. */
static long zerocopy_told(struct pair p)
{
	char control[256];
	struct msghdr msg = {.msg_control = control, .msg_controllen = sizeof(control)};
	int one = 1;

	check(setsockopt(p.sender, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)), "SO_ZEROCOPY");
	send_bytes(p.sender, 'a', 60000, MSG_ZEROCOPY);
	for (int left = 60000; left > 0 && is_readable(p.receiver);) {
		static char bytes[1 << 16];

		left -= (int)recv(p.receiver, bytes, sizeof(bytes), 0);
	}
	usleep(WAIT_MS * 100);
	return recvmsg(p.sender, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0;
}

static const struct {
	const char *what;
	long (*look)(struct pair);
} rows[] = {
    {"splice(2) of 100 bytes that wait, which poll(2) tells of", spliced},
    {"FIONREAD of 100 bytes that wait", told_by_fionread},
    {"MSG_WAITALL for 200 bytes, half of them later", waited_for_all},
    {"KB that a sender gets rid of, nobody reads (262144: no end)", unread},
    {"of 200 bytes, what arrives if the map goes in their middle", left_after_removal},
    {"MSG_ZEROCOPY: the sender hears that its memory is free", zerocopy_told},
};

int main(int argc, char **argv)
{
	struct bpf_object *object;
	struct bpf_program *program;

	if (argc != 2) {
		fprintf(stderr, "usage: sockmap REDIRECT.bpf.o\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	object = bpf_object__open_file(argv[1], 0);
	if (!object || bpf_object__load(object))
		return 1;
	sockets = bpf_object__find_map_fd_by_name(object, "sockets");
	program = bpf_object__find_program_by_name(object, "redirect");
	check(bpf_prog_attach(bpf_program__fd(program), sockets, BPF_SK_MSG_VERDICT, 0), "attach");
	printf("%-62s %8s %8s\n", "", "TCP", "sk_msg");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		long result[2];

		for (int redirected = 0; redirected < 2; redirected++) {
			struct pair p = open_pair(redirected);

			result[redirected] = rows[i].look(p);
			close_pair(p);
		}
		printf("%-62s %8ld %8ld\n", rows[i].what, result[0], result[1]);
		fflush(stdout);
	}
	return 0;
}
