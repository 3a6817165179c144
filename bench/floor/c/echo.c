/* WebSocket echo: every whole frame of a read is unmasked in place, all answers
 * leave in one write. The first payload stays where it is and its header moves
 * up to it; later payloads move down by the masks before them. */
#include "floor.h"

#include <string.h>

static int control(int fd, const struct frame *f, const uint8_t *payload)
{
	uint8_t out[2 + 125];
	if (f->len > 125)
		return -1;
	int op = f->first & 0x0f;
	if (op == 10)
		return 0;
	out[0] = op == 9 ? 0x8a : 0x88;
	out[1] = f->len;
	frame_unmask(out + 2, payload, f->len, f->mask);
	conn_send(fd, out, 2 + f->len);
	return op == 9 ? 0 : -1;
}

static long echo_input(int fd, uint8_t *p, size_t n)
{
	size_t used = 0;
	uint8_t *from = NULL, *to = NULL; /* the answers */
	if (!conns[fd].state) {
		used = upgrade(fd, p, n);
		if (!used || !conns[fd].used)
			return 0;
		conns[fd].state = 1;
	}
	struct frame f;
	int r = 0;
	while (used < n && (r = frame_parse(p + used, n - used, &f)) == 1) {
		uint8_t *payload = p + used + f.head;
		used += f.head + f.len;
		if (f.first & 0x08) {
			if (from)
				conn_send(fd, from, to - from);
			from = NULL;
			if (control(fd, &f, payload) < 0)
				return -1;
			continue;
		}
		if (!from) {
			from = payload - header_put(payload, f.first, f.len);
			to = payload;
		} else {
			to += header_size(f.len);
			header_put(to, f.first, f.len);
		}
		frame_unmask(to, payload, f.len, f.mask);
		to += f.len;
	}
	if (from)
		conn_send(fd, from, to - from);
	return r < 0 ? -1 : (long)used;
}

const struct mode mode_echo = {echo_input, NULL};

static long tcpecho_input(int fd, uint8_t *p, size_t n)
{
	conn_send(fd, p, n);
	return n;
}

const struct mode mode_tcpecho = {tcpecho_input, NULL};
