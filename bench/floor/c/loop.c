/* The event loop: accept, read into one shared buffer, write what fits. */
#define _GNU_SOURCE
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct conn conns[MAXFD];

static int ep, lfd, source = -1;
static const struct mode *mode;
static struct sockaddr_in source_addr;
static long (*source_input)(int, uint8_t *, size_t);
static uint8_t room[ROOM + BUF];
static uint8_t *const buf = room + ROOM;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_in address(const char *host, int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
		die(host);
	return a;
}

static void watch(int fd, int op, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};
	if (epoll_ctl(ep, op, fd, &e) < 0)
		die("epoll_ctl");
}

static void nodelay(int fd)
{
	int one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void drop(int fd)
{
	struct conn *c = &conns[fd];
	if (mode->gone && fd != source)
		mode->gone(fd);
	if (fd == source)
		source = -1;
	free(c->in);
	free(c->out);
	memset(c, 0, sizeof *c);
	close(fd);
}

static struct blob *keep(struct blob *b, const uint8_t *p, size_t n)
{
	uint32_t len = b ? b->len : 0;
	if (!b || b->cap < len + n) {
		uint32_t cap = (len + n) * 2;
		b = realloc(b, sizeof *b + cap);
		if (!b)
			die("realloc");
		b->cap = cap;
	}
	memcpy(b->data + len, p, n);
	b->len = len + n;
	return b;
}

void conn_send(int fd, const void *p, size_t n)
{
	struct conn *c = &conns[fd];
	ssize_t w = 0;
	if (!c->out) {
		w = write(fd, p, n);
		if (w == (ssize_t)n)
			return;
		if (w < 0) {
			if (errno != EAGAIN)
				return; /* the error shows as a readable event */
			w = 0;
		}
		watch(fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
	}
	c->out = keep(c->out, (const uint8_t *)p + w, n - w);
}

void conn_finish(int fd)
{
	if (conns[fd].out)
		conns[fd].closing = 1;
	else
		drop(fd);
}

static void writable(int fd)
{
	struct conn *c = &conns[fd];
	if (!c->out)
		return;
	ssize_t w = write(fd, c->out->data, c->out->len);
	if (w < 0) {
		if (errno != EAGAIN)
			drop(fd);
		return;
	}
	if (w < c->out->len) {
		memmove(c->out->data, c->out->data + w, c->out->len - w);
		c->out->len -= w;
		return;
	}
	free(c->out);
	c->out = NULL;
	if (c->closing)
		drop(fd);
	else
		watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}

static void readable(int fd)
{
	struct conn *c = &conns[fd];
	size_t have = 0;
	if (c->in) {
		have = c->in->len;
		memcpy(buf, c->in->data, have);
	}
	ssize_t n = read(fd, buf + have, BUF - have);
	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			drop(fd);
		return;
	}
	n += have;
	long used = fd == source ? source_input(fd, buf, n) : mode->input(fd, buf, n);
	if (!c->used)
		return;
	if (used < 0) {
		conn_finish(fd);
		return;
	}
	if (used < n) {
		if (n - used > BUF / 2) {
			drop(fd);
			return;
		}
		if (c->in)
			c->in->len = 0;
		c->in = keep(c->in, buf + used, n - used);
	} else if (c->in) {
		free(c->in);
		c->in = NULL;
	}
}

static void accept_all(void)
{
	for (int i = 0; i < 64; i++) {
		int fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		if (fd >= MAXFD) {
			close(fd);
			continue;
		}
		nodelay(fd);
		conns[fd].used = 1;
		watch(fd, EPOLL_CTL_ADD, EPOLLIN);
	}
}

/* The publisher listens and we dial, as a gateway's broadcast service does;
 * a blocking connect to a loopback address returns at once either way. */
static void dial_source(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	if (connect(fd, (struct sockaddr *)&source_addr, sizeof source_addr) < 0) {
		close(fd);
		return;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	source = fd;
	conns[fd].used = 1;
	watch(fd, EPOLL_CTL_ADD, EPOLLIN);
}

void loop_source(const char *host, int port, long (*input)(int, uint8_t *, size_t))
{
	source_addr = address(host, port);
	source_input = input;
}

static void listen_on(const char *host, int port)
{
	struct sockaddr_in a = address(host, port);
	int one = 1;
	lfd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (lfd < 0)
		die("socket");
	setsockopt(lfd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(lfd, (struct sockaddr *)&a, sizeof a) < 0)
		die("bind");
	if (listen(lfd, 4096) < 0)
		die("listen");
	watch(lfd, EPOLL_CTL_ADD, EPOLLIN);
}

static void raise_limit(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

void loop_run(const char *host, int port, const struct mode *m)
{
	static struct epoll_event events[512];
	mode = m;
	raise_limit();
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (ep < 0)
		die("epoll_create1");
	listen_on(host, port);
	for (;;) {
		if (source_input && source < 0)
			dial_source();
		int n = epoll_wait(ep, events, 512, source_input && source < 0 ? 50 : -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			if (fd == lfd) {
				accept_all();
				continue;
			}
			if (events[i].events & EPOLLOUT)
				writable(fd);
			if (conns[fd].used && events[i].events & ~EPOLLOUT)
				readable(fd);
		}
	}
}
