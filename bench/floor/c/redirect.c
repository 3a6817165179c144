/* Accept, read one request head, answer 302, close. */
#define _GNU_SOURCE
#include "floor.h"

#include <stdio.h>
#include <string.h>

static char answer[512];
static size_t answer_len;

void redirect_to(const char *location)
{
	answer_len = snprintf(answer, sizeof answer,
			      "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", location);
}

static long redirect_input(int fd, uint8_t *p, size_t n)
{
	if (!memmem(p, n, "\r\n\r\n", 4))
		return 0;
	conn_send(fd, answer, answer_len);
	return -1;
}

const struct mode mode_redirect = {redirect_input, NULL};
