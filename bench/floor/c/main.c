/* floor-c MODE HOST PORT [LOCATION | SOURCEHOST SOURCEPORT]
 *
 * Modes: echo, tcpecho, redirect LOCATION, broadcast [SOURCEHOST SOURCEPORT]. */
#include "floor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: floor-c echo|tcpecho|redirect|broadcast HOST PORT [...]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	const struct mode *m = &mode_echo;
	if (!strcmp(argv[1], "tcpecho"))
		m = &mode_tcpecho;
	else if (!strcmp(argv[1], "redirect")) {
		m = &mode_redirect;
		redirect_to(argc > 4 ? argv[4] : "http://127.0.0.2/echo");
	} else if (!strcmp(argv[1], "broadcast")) {
		m = &mode_broadcast;
		if (argc > 5)
			loop_source(argv[4], atoi(argv[5]), broadcast_source);
	} else if (strcmp(argv[1], "echo")) {
		fprintf(stderr, "floor-c: no mode \"%s\"\n", argv[1]);
		return 2;
	}
	loop_run(argv[2], atoi(argv[3]), m);
}
