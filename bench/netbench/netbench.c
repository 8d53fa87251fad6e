/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and connections per second over TCP, one at a time, as netperf's TCP_RR and TCP_CRR.
 *   netbench serve PORT
 *   netbench rr ADDRESS PORT SECONDS     one connection, 1 byte there and back, again and again
 *   netbench crr ADDRESS PORT SECONDS    a connection for each byte
 *   netbench first ADDRESS PORT          until the first connection that is let in, a new one every 5 ms
 *   netbench sink PORT COUNT             takes UDP packets at so many ports and looks at none
 *   netbench flows ADDRESS PORT SECONDS RATE   UDP packets of which each is a new flow, to 64 ports by turns
 * Prints the rate, for "first" the milliseconds since it was started, for "flows" how many there were. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct sockaddr_in address(const char *host, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port)) };

	if (inet_pton(AF_INET, host, &a.sin_addr) != 1) {
		fprintf(stderr, "netbench: %s is not an IPv4 address\n", host);
		exit(2);
	}
	return a;
}

static int tcp_socket(void)
{
	int one = 1, s = socket(AF_INET, SOCK_STREAM, 0);

	if (s < 0)
		fail("socket");
	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return s;
}

static int connected(const struct sockaddr_in *to)
{
	/* No TIME_WAIT on the client, or ports run out within seconds. */
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	int s = tcp_socket();

	setsockopt(s, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (connect(s, (const struct sockaddr *)to, sizeof(*to)))
		fail("connect");
	return s;
}

static void exchange(int s)
{
	char byte = 'x';

	if (write(s, &byte, 1) != 1 || read(s, &byte, 1) != 1)
		fail("exchange");
}

/* One client at a time is all the two modes need. */
static int serve(const char *port)
{
	struct sockaddr_in any = address("0.0.0.0", port);
	int one = 1, listener = tcp_socket();

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&any, sizeof(any)) || listen(listener, 128))
		fail("listen");
	for (;;) {
		int s = accept(listener, NULL, NULL);
		char byte;

		if (s < 0)
			continue;
		setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		while (read(s, &byte, 1) == 1 && write(s, &byte, 1) == 1)
			;
		close(s);
	}
}

static int first(const struct sockaddr_in *to)
{
	double start = now(), most = 30;

	while (now() - start < most) {
		int error = 0, s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		socklen_t size = sizeof(error);
		struct pollfd ready = { .fd = s, .events = POLLOUT };

		if (s < 0)
			fail("socket");
		connect(s, (const struct sockaddr *)to, sizeof(*to));
		if (poll(&ready, 1, 5) == 1 && !getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &size) && !error) {
			printf("%.1f\n", (now() - start) * 1e3);
			return 0;
		}
		close(s);
	}
	fprintf(stderr, "netbench: not let in for %.0f s\n", most);
	return 1;
}

static int sink(const char *port, int count)
{
	int least = 1024;

	for (int i = 0; i < count; i++) {
		struct sockaddr_in any = address("0.0.0.0", port);
		int s = socket(AF_INET, SOCK_DGRAM, 0);

		any.sin_port = htons((unsigned short)(atoi(port) + i));
		setsockopt(s, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
		if (s < 0 || bind(s, (struct sockaddr *)&any, sizeof(any)))
			fail("bind");
	}
	pause();
	return 0;
}

enum { FLOW_PORTS = 64 };

/* By a raw socket: a port of its own for each packet, and no socket. */
static int flows(struct sockaddr_in *to, double seconds, double rate)
{
	struct {
		struct udphdr head;
		char payload[8];
	} packet = { .head.len = htons(sizeof(packet)) };
	unsigned first = ntohs(to->sin_port);
	unsigned long sent = 0, refused = 0;
	int s = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
	double start = now(), passed;

	if (s < 0)
		fail("socket");
	to->sin_port = 0;
	while ((passed = now() - start) < seconds) {
		struct timespec pause = { .tv_nsec = 200000 };

		for (; (double)sent < passed * rate; sent++) {
			packet.head.source = htons((unsigned short)(1024 + sent / FLOW_PORTS % 64512));
			packet.head.dest = htons((unsigned short)(first + sent % FLOW_PORTS));
			if (sendto(s, &packet, sizeof(packet), 0, (struct sockaddr *)to, sizeof(*to)) < 0) {
				if (errno != ENOBUFS && errno != EPERM)
					fail("sendto");
				refused++;
			}
		}
		nanosleep(&pause, NULL);
	}
	printf("%lu\n", sent - refused);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "sink"))
		return sink(argv[2], atoi(argv[3]));
	if (argc == 6 && !strcmp(argv[1], "flows")) {
		struct sockaddr_in target = address(argv[2], argv[3]);

		return flows(&target, atof(argv[4]), atof(argv[5]));
	}
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "first")) {
		struct sockaddr_in door = address(argv[2], argv[3]);

		return first(&door);
	}
	if (argc != 5 || (strcmp(argv[1], "rr") && strcmp(argv[1], "crr"))) {
		fprintf(stderr, "usage: netbench serve PORT | rr|crr ADDRESS PORT SECONDS | first ADDRESS PORT | sink PORT COUNT | flows ADDRESS PORT SECONDS RATE\n");
		return 2;
	}
	struct sockaddr_in to = address(argv[2], argv[3]);
	int per_connection = !strcmp(argv[1], "crr");
	int s = per_connection ? -1 : connected(&to);
	double start = now(), end = start + atof(argv[4]);
	unsigned long count = 0;

	while (now() < end) {
		if (per_connection)
			s = connected(&to);
		exchange(s);
		if (per_connection)
			close(s);
		count++;
	}
	printf("%.0f\n", (double)count / (now() - start));
	return 0;
}
