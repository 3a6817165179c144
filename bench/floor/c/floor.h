/* floor-c: the cheapest single-threaded epoll servers we know how to write.
 *
 * One process, one thread, one epoll descriptor, level triggered. A program
 * mode supplies one callback for input; everything else (accept, unfinished
 * input, unfinished output, close) is in loop.c. A connection at rest owns
 * nothing but its slot in a table indexed by descriptor.
 */
#ifndef FLOOR_H
#define FLOOR_H

#include <stddef.h>
#include <stdint.h>

enum { BUF = 512 << 10, ROOM = 64, MAXFD = 1 << 20 };

struct blob { /* bytes kept between two events; freed when used up */
	uint32_t len, cap;
	uint8_t data[];
};

struct conn {
	struct blob *in;  /* unfinished input */
	struct blob *out; /* what the kernel did not take */
	uint32_t slot;    /* place in a mode's own list */
	uint8_t state;    /* mode specific; 0 after accept */
	uint8_t used;
	uint8_t closing;  /* close when out is empty */
};

extern struct conn conns[MAXFD];

struct mode {
	/* input: n bytes at p, which the callback may change. It returns how many
	 * it used; the rest is kept and comes back in front of the next input.
	 * -1 closes the connection. */
	long (*input)(int fd, uint8_t *p, size_t n);
	void (*gone)(int fd); /* may be NULL */
};

/* loop.c */
void loop_run(const char *host, int port, const struct mode *m);
void loop_source(const char *host, int port, long (*input)(int, uint8_t *, size_t));
void conn_send(int fd, const void *p, size_t n);
void conn_finish(int fd); /* close after the queued output */

/* ws.c */
struct frame {
	uint8_t first;    /* FIN, RSV and opcode as received */
	uint8_t mask[4];
	uint64_t len;
	size_t head;      /* header bytes */
};
int frame_parse(const uint8_t *p, size_t n, struct frame *f); /* 1 whole frame, 0 more needed, -1 invalid */
void frame_unmask(uint8_t *dst, const uint8_t *src, size_t n, const uint8_t mask[4]); /* dst <= src may overlap */
size_t header_put(uint8_t *end, uint8_t first, uint64_t len); /* writes backwards from end, returns its size */
size_t header_size(uint64_t len);
size_t upgrade(int fd, const uint8_t *p, size_t n); /* answers a request head; its length, or 0 */

/* the modes */
extern const struct mode mode_echo, mode_tcpecho, mode_redirect, mode_broadcast;
long broadcast_source(int fd, uint8_t *p, size_t n);
void redirect_to(const char *location);

#endif
