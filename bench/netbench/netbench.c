/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and connections per second over TCP, one at a time, as netperf's TCP_RR and TCP_CRR.
 *   netbench serve PORT
 *   netbench rr ADDRESS PORT SECONDS     one connection, 1 byte there and back, again and again
 *   netbench crr ADDRESS PORT SECONDS    a connection for each byte
 *   netbench first ADDRESS PORT          until the first connection that is let in, a new one every 5 ms
 * Prints the rate, or for the last the milliseconds since it was started. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
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

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "first")) {
		struct sockaddr_in door = address(argv[2], argv[3]);

		return first(&door);
	}
	if (argc != 5 || (strcmp(argv[1], "rr") && strcmp(argv[1], "crr"))) {
		fprintf(stderr, "usage: netbench serve PORT | rr|crr ADDRESS PORT SECONDS | first ADDRESS PORT\n");
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
