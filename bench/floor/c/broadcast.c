/* Fan-out: what one read brings is framed once and written once to every
 * subscriber. Publishers are the tcp source, whose reads have no structure and
 * become one binary message each, or any WebSocket client, whose messages
 * keep their boundaries. */
#include "floor.h"

#include <string.h>

static int subscribers[MAXFD];
static uint32_t count;

static void fan_out(const uint8_t *p, size_t n)
{
	for (uint32_t i = 0; i < count; i++)
		conn_send(subscribers[i], p, n);
}

static void broadcast_gone(int fd)
{
	if (!conns[fd].state)
		return;
	uint32_t slot = conns[fd].slot;
	int last = subscribers[--count];
	subscribers[slot] = last;
	conns[last].slot = slot;
}

static long broadcast_input(int fd, uint8_t *p, size_t n)
{
	size_t used = 0;
	if (!conns[fd].state) {
		used = upgrade(fd, p, n);
		if (!used || !conns[fd].used)
			return 0;
		conns[fd].state = 1;
		conns[fd].slot = count;
		subscribers[count++] = fd;
	}
	struct frame f;
	uint8_t *from = NULL, *to = NULL;
	int r = 0;
	while (used < n && (r = frame_parse(p + used, n - used, &f)) == 1) {
		uint8_t *payload = p + used + f.head;
		used += f.head + f.len;
		if (f.first & 0x08) {
			if ((f.first & 0x0f) == 8)
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
		fan_out(from, to - from);
	return r < 0 ? -1 : (long)used;
}

long broadcast_source(int fd, uint8_t *p, size_t n)
{
	(void)fd;
	size_t h = header_put(p, 0x82, n);
	fan_out(p - h, n + h);
	return n;
}

const struct mode mode_broadcast = {broadcast_input, broadcast_gone};
