/* RFC 6455 as far as an echo needs it: the handshake answer, frame headers,
 * unmasking. */
#define _GNU_SOURCE
#include "floor.h"

#include <string.h>
#include <strings.h>

int frame_parse(const uint8_t *p, size_t n, struct frame *f)
{
	if (n < 2)
		return 0;
	f->first = p[0];
	if (!(p[1] & 0x80))
		return -1; /* a client masks, §5.1 */
	size_t h = 2;
	uint64_t len = p[1] & 0x7f;
	if (len == 126) {
		if (n < 4)
			return 0;
		len = (uint64_t)p[2] << 8 | p[3];
		h = 4;
	} else if (len == 127) {
		if (n < 10)
			return 0;
		len = 0;
		for (int i = 2; i < 10; i++)
			len = len << 8 | p[i];
		h = 10;
	}
	if (len > BUF / 2)
		return -1;
	if (n < h + 4 + len)
		return 0;
	memcpy(f->mask, p + h, 4);
	f->len = len;
	f->head = h + 4;
	return 1;
}

typedef uint8_t v32 __attribute__((vector_size(32)));

void frame_unmask(uint8_t *dst, const uint8_t *src, size_t n, const uint8_t mask[4])
{
	v32 key, v;
	for (int i = 0; i < 32; i += 4)
		memcpy((uint8_t *)&key + i, mask, 4);
	size_t i = 0;
	for (; i + 32 <= n; i += 32) {
		memcpy(&v, src + i, 32);
		v ^= key;
		memcpy(dst + i, &v, 32);
	}
	for (; i < n; i++)
		dst[i] = src[i] ^ mask[i & 3];
}

size_t header_size(uint64_t len)
{
	return len < 126 ? 2 : len < 65536 ? 4 : 10;
}

size_t header_put(uint8_t *end, uint8_t first, uint64_t len)
{
	size_t h = header_size(len);
	uint8_t *p = end - h;
	p[0] = first;
	if (h == 2) {
		p[1] = len;
	} else if (h == 4) {
		p[1] = 126;
		p[2] = len >> 8;
		p[3] = len;
	} else {
		p[1] = 127;
		for (int i = 0; i < 8; i++)
			p[2 + i] = len >> (56 - 8 * i);
	}
	return h;
}

static uint32_t rol(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

static void sha1_block(uint32_t s[5], const uint8_t *p)
{
	uint32_t w[80], a = s[0], b = s[1], c = s[2], d = s[3], e = s[4];
	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)p[4 * i] << 24 | p[4 * i + 1] << 16 | p[4 * i + 2] << 8 | p[4 * i + 3];
	for (int i = 16; i < 80; i++)
		w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (int i = 0; i < 80; i++) {
		uint32_t f, k;
		if (i < 20)
			f = (b & c) | (~b & d), k = 0x5a827999;
		else if (i < 40)
			f = b ^ c ^ d, k = 0x6ed9eba1;
		else if (i < 60)
			f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
		else
			f = b ^ c ^ d, k = 0xca62c1d6;
		uint32_t t = rol(a, 5) + f + e + k + w[i];
		e = d, d = c, c = rol(b, 30), b = a, a = t;
	}
	s[0] += a, s[1] += b, s[2] += c, s[3] += d, s[4] += e;
}

/* accept_value: 28 characters for the 24 of a key, §4.2.2. Key and GUID are 60
 * bytes, so the padding needs a second block. */
static void accept_value(char out[28], const uint8_t key[24])
{
	uint8_t m[128] = {0}, d[21] = {0};
	uint32_t s[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
	memcpy(m, key, 24);
	memcpy(m + 24, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
	m[60] = 0x80;
	m[126] = 480 >> 8;
	m[127] = 480 & 0xff;
	sha1_block(s, m);
	sha1_block(s, m + 64);
	for (int i = 0; i < 20; i++)
		d[i] = s[i / 4] >> (24 - 8 * (i % 4));
	static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (int i = 0; i < 7; i++) {
		uint32_t v = d[3 * i] << 16 | d[3 * i + 1] << 8 | d[3 * i + 2];
		for (int j = 0; j < 4; j++)
			out[4 * i + j] = b64[v >> (18 - 6 * j) & 63];
	}
	out[27] = '=';
}

size_t upgrade(int fd, const uint8_t *p, size_t n)
{
	static const char name[] = "\r\nsec-websocket-key:";
	static char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			       "Sec-WebSocket-Accept: ............................\r\n\r\n";
	const uint8_t *end = memmem(p, n, "\r\n\r\n", 4);
	if (!end)
		return 0;
	for (const uint8_t *l = p; l + sizeof name - 1 + 24 <= end; l++) {
		if (*l != '\r' || strncasecmp((const char *)l, name, sizeof name - 1))
			continue;
		l += sizeof name - 1;
		while (*l == ' ')
			l++;
		accept_value(answer + sizeof answer - 1 - 4 - 28, l);
		conn_send(fd, answer, sizeof answer - 1);
		return end + 4 - p;
	}
	static const char bad[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	conn_send(fd, bad, sizeof bad - 1);
	conn_finish(fd);
	return end + 4 - p;
}
